// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <millrace/base/check.hpp>
#include <millrace/base/hash.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/epoch_changes.hpp>
#include <millrace/time/timestamp.hpp>
#include <millrace/window/aggregates.hpp>
#include <millrace/window/slice_table.hpp>
#include <millrace/window/sliding_merge.hpp>
#include <millrace/window/window_layout.hpp>
#include <millrace/window/windows.hpp>

namespace millrace {

/// The state of one task of a tumbling, sliding, cumulating or calendar aggregation: one table of
/// accumulators per slice of time. A record costs a comparison of times and a look-up; a
/// firing costs by key and slice, not by record. Rules as in Flink's WindowOperator with its
/// EventTimeTrigger: a window fires when the watermark reaches its maximum timestamp, takes
/// records until `maxTimestamp + allowedLateness <= watermark`, and each of those fires it anew.
///
/// Use: `add` records; on a watermark `advance`, then `fire` until it returns false. When an add
/// answers `due`, call `emitDue` with the same key at once.
///
/// What windows do not ask for need not be compiled: `kOverlap` false promises a layout whose
/// windows share no slices (tumbling, calendar), `kRefires` false that options are the defaults.
///
/// Thread safety: none; one owner. Not movable (tables refer to the aggregate).
/// Invariants:
///  1. Between advance() and the fire() that returns false nothing else may be called.
///  2. Panes are told in the order of window ends; within a window in no order.
///  3. A window without records of a key tells nothing for it.
///  4. acceptedRecords() == heldRecords() + releasedRecords().
/// Errors: what the aggregate throws.
template <typename K, typename In, typename Agg, bool kOverlap = true, bool kRefires = true>
requires Aggregate<Agg, In> && Mergeable<Agg> && StablyHashable<K>
class SlicedWindows {
 public:
  using Key = K;
  using Accumulator = AccumulatorOf<Agg>;
  using Result = WindowResult<K, AggregateResult<Agg>>;

  /// REQUIRES: options.validate() is ok, and the promises of the template's arguments.
  SlicedWindows(WindowLayout layout, Agg aggregate, WindowOptions options = {})
      : layout_(std::move(layout)),
        aggregate_(std::move(aggregate)),
        options_(options),
        tracksKeys_(kRefires && (options.early.kind == EarlyFiring::Kind::kEventTime ||
                                 options.early.kind == EarlyFiring::Kind::kProcessingTime)),
        countsRecords_(kRefires && options.early.kind == EarlyFiring::Kind::kRecords),
        tablePerWindow_(kOverlap && countsRecords_ && layout_.windowsShareSlices()) {}
  SlicedWindows(const SlicedWindows&) = delete;
  SlicedWindows& operator=(const SlicedWindows&) = delete;

  /// Offers a record. `key` is a K, a HashedKey of one, or what a K compares with and can be made
  /// from (a string_view for a string).
  template <typename Q>
  AddResult add(const Q& key, const In& in, Timestamp t) {
    if (isInCurrent(t)) [[likely]] {
      bool isNew = false;
      auto& entry = entryOf(*current_, key, isNew);
      touch(*current_, entry);
      aggregate_.add(entry.value, in);
      ++current_->records;
      return {};
    }
    return place(key, t, 1, [&](Accumulator& a) { aggregate_.add(a, in); });
  }

  /// Offers `n` records: keyAt(i), inAt(i), timeAt(i), in order. Runs of records of one slice share
  /// what looking the slice up costs, and their cache misses overlap. `onOther(i, result)` is
  /// called, right after its add, for each record that was not simply accepted; it may call
  /// emitDue.
  template <typename KeyAt, typename InAt, typename TimeAt, typename OnOther>
  void addBatch(std::size_t n, KeyAt&& keyAt, InAt&& inAt, TimeAt&& timeAt, OnOther&& onOther) {
    for (std::size_t i = 0; i < n; ++i) {
      i += addRun(i, runFrom(i, n, timeAt), keyAt, inAt);
      if (i == n) return;
      const AddResult result = add(keyAt(i), inAt(i), timeAt(i));
      if (result != AddResult{}) [[unlikely]]
        onOther(i, result);
    }
  }

  /// Offers what a combiner made of `records` records of one key and the slice at `sliceStart`.
  /// With early firing by records this fires once where single records may fire more often.
  template <typename Q>
  AddResult addPartial(const Q& key, const Accumulator& partial, std::uint64_t records,
                       Timestamp sliceStart) {
    if (isInCurrent(sliceStart)) [[likely]] {
      bool isNew = false;
      auto& entry = entryOf(*current_, key, isNew);
      touch(*current_, entry);
      aggregate_.merge(entry.value, partial);
      current_->records += records;
      return {};
    }
    return place(key, sliceStart, records, [&](Accumulator& a) { aggregate_.merge(a, partial); });
  }

  /// Tells the panes that the last add has called for. emit(Result&&).
  /// REQUIRES: the last add was of `key` and answered `due`.
  template <typename Q, typename Emit>
  void emitDue(const Q& key, Emit&& emit) requires kRefires {
    for (const Due& due : due_) {
      const bool isLate = due.pane == Pane::kLate;
      if (isLate && options_.discarding)
        emit(resultOf(plainKey(key), lateAlone_, due.window, due.pane));
      else
        withValue(due.window, key, [&](const Accumulator& value) {
          emit(resultOf(plainKey(key), value, due.window, due.pane));
        });
      if (!isLate && options_.discarding) eraseEntry(*slices_.endingAt(due.window.end), key);
    }
    due_.clear();
  }

  /// Moves event time to `watermark` (never back). `endOfInput` labels the windows that only the
  /// end completes; it says something at kMaxTimestamp alone. REQUIRES: nothing left to fire.
  void advance(Timestamp watermark, bool endOfInput = false) {
    MILLRACE_DCHECK(!isFiring_, "advance() while a firing is unfinished");
    if (watermark <= watermark_) return;
    watermark_ = watermark;
    firingPane_ = endOfInput && watermark == kMaxTimestamp ? Pane::kEndOfInput : Pane::kOnTime;
    if (current_ != nullptr && hasFired(current_->extent.firstEnd)) leaveCurrent();
  }

  /// Tells what the watermark has completed, about `limit` results at most. True: there is more,
  /// call again. The last call drops what is closed for good. REQUIRES: limit > 0.
  template <typename Emit>
  bool fire(Emit&& emit, std::size_t limit) {
    std::size_t budget = limit;
    while (isFiring_ || selectWindow()) {
      isFiring_ = true;
      if (!emitWindow(emit, budget)) return true;
      isFiring_ = false;
      firedTo_ = window_.end;
    }
    firedTo_ = saturatingAdd(watermark_, 1);
    dropClosed();
    return false;
  }

  /// Early firing by time: tells the open windows' values for all keys that have got records since
  /// the last call. True: there is more, call again. REQUIRES: limit > 0, and
  /// options.early is of one of the kinds of time.
  template <typename Emit>
  bool fireEarly(Emit&& emit, std::size_t limit) requires kRefires {
    std::size_t budget = limit;
    while (true) {
      for (; earlyNext_ < earlyKeys_.size(); ++earlyNext_, --budget) {
        if (budget == 0) return true;
        const K& key = earlyKeys_[earlyNext_];
        withValue(earlyWindow_, key, [&](const Accumulator& value) {
          emit(resultOf(key, value, earlyWindow_, Pane::kEarly));
        });
      }
      if (!selectEarlyWindow()) break;
    }
    finishEarly();
    return false;
  }

  Timestamp watermark() const { return watermark_; }
  const WindowLayout& layout() const { return layout_; }
  const Agg& aggregate() const { return aggregate_; }

  /// Records that went into a window at all; those of them whose slice is still here (fired or
  /// not); those whose last window has been closed.
  std::uint64_t acceptedRecords() const { return heldRecords() + released_; }
  std::uint64_t releasedRecords() const { return released_; }
  std::uint64_t heldRecords() const {
    return sumOverSlices([](const Slice& slice) { return slice.records; });
  }
  /// Of the held records those that no on-time pane has told yet.
  std::uint64_t unfiredRecords() const {
    return sumOverSlices([this](const Slice& slice) {
      return slice.extent.firstEnd > firedTo_ ? slice.records : std::uint64_t{0};
    });
  }
  /// Accumulators in the slices' tables.
  std::uint64_t heldEntries() const {
    return sumOverSlices([](const Slice& slice) { return std::uint64_t{slice.table.size()}; });
  }

  // --- checkpoints; see Operator::beginSnapshot() and what follows it

  /// Without a Serde of key and accumulator nothing can be kept, and none of the following is there.
  static constexpr bool kCanBeKept = Serialisable<K> && Serialisable<Accumulator>;

  /// Entries are kept by slice: they would mean nothing to windows that are cut otherwise.
  std::string stateKind() const { return "slices of " + layout_.describe(); }

  /// Notes from here on what changes. `own`: the key groups of this instance.
  void keepChanges(StateId state, std::uint32_t keyGroups, KeyGroupRange own) requires kCanBeKept {
    changes_.turnOn(state, keyGroups);
    ownGroups_ = own;
  }

  void freeze() requires kCanBeKept {
    changes_.freeze();
    for (std::size_t i = 0; i < slices_.size(); ++i)
      slices_[i].changes.frozen.swap(slices_[i].changes.current);
  }

  bool writeFrozen(StateChanges& out, std::size_t limit) requires kCanBeKept {
    // What was erased comes first: a key that came back has its value behind that.
    out.append(std::move(changes_.frozen()));
    const std::size_t end = out.size() + limit;
    for (; !unwritten_.empty(); unwritten_.pop_back())
      if (!writeSlice(*unwritten_.back(), out, end)) return true;
    for (std::size_t i = 0; i < slices_.size(); ++i)
      if (!writeSlice(slices_[i], out, end)) return true;
    return false;
  }

  /// Records that were released, then how many are in each slice: number of slices, then of each
  /// its end and its records.
  void writePosition(ByteWriter& out) const {
    out.fixed(released_);
    out.length(slices_.size());
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      out.fixed(slices_[i].extent.end);
      out.fixed(slices_[i].records);
    }
  }

  /// `takesCounts`: for one of the instances.
  bool readPosition(ByteReader& in, bool takesCounts) {
    std::size_t count = 0;
    if (!readCount(in, takesCounts, released_) || !in.count(16, count)) return false;
    for (; count > 0; --count) {
      Timestamp end = 0;
      std::uint64_t records = 0;
      if (!in.fixed(end) || !in.fixed(records)) return false;
      if (takesCounts) sliceEndingAt(end).records += records;
    }
    return true;
  }

  /// As advance() and fire() until they are done, but nothing is told: it has been.
  void restoreWatermark(Timestamp watermark) {
    watermark_ = watermark;
    firedTo_ = saturatingAdd(watermark, 1);
  }

  /// Puts back what writeFrozen() put. False: the bytes are damaged.
  bool restore(std::string_view keyBytes, std::string_view value) requires kCanBeKept {
    ByteReader keyIn(keyBytes);
    ByteReader in(value);
    Timestamp end = 0;
    K key{};
    if (!readTimePrefix(keyIn, end) || !Serde<K>::read(keyIn, key) || !keyIn.isAtEnd()) return false;
    Slice& slice = sliceEndingAt(end);
    bool isNew = false;
    Entry& entry = entryOf(slice, key, isNew);
    return isNew && slice.extent.end == end && Serde<Accumulator>::read(in, entry.value) &&
           readEarly(in, slice, key) && in.isAtEnd();
  }

 private:
  using Slices = SliceList<K, Accumulator, kRefires>;
  using Slice = typename Slices::Slice;
  using Extent = WindowLayout::Slice;
  using Entry = typename SliceTable<K, Accumulator>::Entry;
  struct Due {
    WindowBounds window;
    Pane pane;
  };

  static constexpr std::size_t kPrefetchDistance = 12;

  // --- records in

  bool isInCurrent(Timestamp t) const {
    return static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(currentStart_) <
           currentLength_;
  }

  // Only a slice that asks for nothing but its table may be the current one: none of its windows
  // has fired (so no merge covers it and no pane is due) and no early firing watches it.
  void makeCurrent(Slice& slice) {
    if (tracksKeys_ || countsRecords_ || hasFired(slice.extent.firstEnd)) return;
    current_ = &slice;
    currentStart_ = slice.extent.start;
    currentLength_ = static_cast<std::uint64_t>(slice.extent.end) -
                     static_cast<std::uint64_t>(slice.extent.start);
  }
  void leaveCurrent() {
    current_ = nullptr;
    currentLength_ = 0;
  }

  // How many records from `first` on belong to the current slice.
  template <typename TimeAt>
  std::size_t runFrom(std::size_t first, std::size_t n, TimeAt&& timeAt) const {
    std::size_t i = first;
    while (i < n && isInCurrent(timeAt(i))) ++i;
    return i - first;
  }

  template <typename KeyAt, typename InAt>
  std::size_t addRun(std::size_t first, std::size_t n, KeyAt&& keyAt, InAt&& inAt) {
    if (n == 0) return 0;
    current_->table.atEach(
        n, [&](std::size_t i) -> decltype(auto) { return keyAt(first + i); },
        [this] { return aggregate_.create(); },
        [&](std::size_t i, auto& entry, bool) {
          touch(*current_, entry);
          aggregate_.add(entry.value, inAt(first + i));
        });
    current_->records += n;
    return n;
  }

  template <typename Q, typename Apply>
  AddResult place(const Q& key, Timestamp t, std::uint64_t records, Apply&& apply) {
    due_.clear();
    Slice* slice = tablePerWindow_ ? nullptr : slices_.containing(t);
    const Extent extent = slice != nullptr ? slice->extent : layout_.sliceOf(t);
    if (extent.isOutside()) return {Placement::kOutside, false};
    if (isClosed(extent.lastEnd)) return {Placement::kLate, false};
    const bool partly = isClosed(extent.firstEnd);
    if constexpr (kRefires) {
      if (options_.discarding && hasFired(extent.firstEnd)) {
        lateAlone_ = aggregate_.create();
        apply(lateAlone_);
      }
    }
    if (tablePerWindow_) {
      if constexpr (kRefires && kOverlap) placeInEachWindow(extent, key, records, apply);
    } else {
      if (slice == nullptr) slice = &slices_.insert(extent);
      placeIn(*slice, key, records, apply);
      slice->records += records;
      makeCurrent(*slice);
    }
    if constexpr (kRefires) collectLate(extent);
    return {partly ? Placement::kLatePartial : Placement::kAccepted, !due_.empty()};
  }

  template <typename Q, typename Apply>
  void placeIn(Slice& slice, const Q& key, std::uint64_t records, Apply&& apply) {
    bool isNew = false;
    auto& entry = entryOf(slice, key, isNew);
    touch(slice, entry);
    apply(entry.value);
    merge_.include(slice.extent.start, key, isNew, apply);
    if constexpr (kRefires) noteForEarly(slice, key, records);
  }

  template <typename Q>
  void noteForEarly(Slice& slice, const Q& key, std::uint64_t records) {
    bool unused = false;
    if (tracksKeys_)
      findOrCreate(
          slice.dirty, key, [] { return true; }, unused);
    if (countsRecords_ && !hasFired(slice.extent.firstEnd)) {
      std::uint64_t& untold = findOrCreate(
          slice.untoldRecords, key, [] { return std::uint64_t{0}; }, unused);
      untold += records;
      if (untold >= options_.early.records) {
        untold = 0;
        due_.push_back({boundsOf(slice.extent.firstEnd), Pane::kEarly});
      }
    }
  }

  // Early firing by records counts per key and window, so where windows overlap they cannot share
  // slices: every window then is a slice of its own.
  template <typename Q, typename Apply>
  void placeInEachWindow(const Extent& extent, const Q& key, std::uint64_t records, Apply&& apply) {
    for (Timestamp end = firstOpenEnd(extent); end <= extent.lastEnd;
         end = layout_.windowEndAfter(end)) {
      Slice* own = slices_.endingAt(end);
      if (own == nullptr) own = &slices_.insert({layout_.windowStart(end), end, end, end});
      placeIn(*own, key, records, apply);
      if (end == extent.lastEnd) own->records += records;
      if (end == kMaxTimestamp) break;
    }
  }

  void collectLate(const Extent& extent) {
    if (options_.allowedLateness == Duration::zero() || !hasFired(extent.firstEnd)) return;
    for (Timestamp end = firstOpenEnd(extent); end <= extent.lastEnd && hasFired(end);
         end = layout_.windowEndAfter(end)) {
      due_.push_back({boundsOf(end), Pane::kLate});
      if (end == kMaxTimestamp) break;
    }
  }

  // The first of the slice's windows that is not closed. REQUIRES: there is one.
  Timestamp firstOpenEnd(const Extent& extent) const {
    if (!isClosed(extent.firstEnd)) return extent.firstEnd;
    const Timestamp closedTo = saturatingSubtract(watermark_, options_.allowedLateness.count());
    return layout_.windowEndAfter(saturatingAdd(closedTo, 1));
  }

  bool hasFired(Timestamp end) const { return end - 1 <= watermark_; }
  bool isClosed(Timestamp end) const {
    return saturatingAdd(end - 1, options_.allowedLateness.count()) <= watermark_;
  }
  WindowBounds boundsOf(Timestamp end) const { return {layout_.windowStart(end), end}; }

  template <typename Q>
  Entry& entryOf(Slice& slice, const Q& key, bool& isNew) {
    return slice.table.entryFor(
        key, [this] { return aggregate_.create(); }, isNew);
  }

  // --- what has changed

  void touch(Slice& slice, const Entry& entry) {
    if constexpr (kCanBeKept) {
      if (!changes_.isOn()) [[likely]]
        return;
      const std::size_t at = slice.table.positionOf(entry);
      const auto& tags = slice.changes.tags;
      if (at < tags.size() && tags[at] == changes_.tag()) [[likely]]
        return;
      note(slice, entry, at);
    }
  }

  [[gnu::noinline]] void note(Slice& slice, const Entry& entry, std::size_t at) {
    SliceChanges& changes = slice.changes;
    if (changes.tags.size() <= at) changes.tags.resize(slice.table.size());
    if (EpochChanges::isFrozen(changes.tags[at])) put(changes_.frozen(), slice, entry);
    changes.tags[at] = changes_.tag();
    changes.current.push_back(static_cast<std::uint32_t>(at));
  }

  template <typename Q>
  void touchKey(Slice& slice, const Q& key) {
    if (!changes_.isOn()) return;
    if (const Entry* entry = slice.table.findEntry(key)) touch(slice, *entry);
  }

  // The last entry takes the place of the one erased, with its tag and its place in the lists.
  template <typename Q>
  void eraseEntry(Slice& slice, const Q& key) {
    const Entry* entry = changes_.isOn() ? slice.table.findEntry(key) : nullptr;
    if (entry != nullptr) {
      touch(slice, *entry);
      noteErased(slice, *entry);
      SliceChanges& changes = slice.changes;
      const std::size_t at = slice.table.positionOf(*entry);
      changes.tags.resize(slice.table.size());
      changes.tags[at] = changes.tags.back();
      changes.tags.pop_back();
      if (at < changes.tags.size() && changes.tags[at] != 0) {
        (changes.tags[at] == changes_.tag() ? changes.current : changes.frozen)
            .push_back(static_cast<std::uint32_t>(at));
      }
    }
    slice.table.erase(key);
  }

  void clearTable(Slice& slice) {
    if (changes_.isOn()) {
      for (const Entry& entry : slice.table) {
        touch(slice, entry);
        noteErased(slice, entry);
      }
      slice.changes.clear();
    }
    slice.table.clear();
  }

  void writeKey(const Slice& slice, const Entry& entry, ByteWriter& out) const {
    writeTimePrefix(slice.extent.end, out);
    Serde<K>::write(entry.key, out);
  }

  void noteErased(const Slice& slice, const Entry& entry) {
    if constexpr (kCanBeKept) {
      changes_.current().erase(changes_.state(), groupOf(entry),
                               [&](ByteWriter& out) { writeKey(slice, entry, out); });
    }
  }

  void put(StateChanges& to, const Slice& slice, const Entry& entry) const {
    to.put(
        changes_.state(), groupOf(entry), [&](ByteWriter& out) { writeKey(slice, entry, out); },
        [&](ByteWriter& out) {
          Serde<Accumulator>::write(entry.value, out);
          writeEarly(slice, entry.key, out);
        });
  }

  KeyGroup groupOf(const Entry& entry) const {
    return keyGroupOf(millraceHash(entry.key), changes_.keyGroups());
  }

  // False: `end` bytes are there, and there is more.
  bool writeSlice(Slice& slice, StateChanges& out, std::size_t end) {
    SliceChanges& changes = slice.changes;
    for (; !changes.frozen.empty(); changes.frozen.pop_back()) {
      if (out.size() >= end) return false;
      const std::uint32_t at = changes.frozen.back();
      if (at >= changes.tags.size() || changes.tags[at] == 0 || changes.tags[at] == changes_.tag())
        continue;
      put(out, slice, slice.table[at]);
      changes.tags[at] = 0;
    }
    return true;
  }

  // Beside the accumulator, where windows fire early: whether the key has something to tell, or how
  // many of its records it has not told.
  void writeEarly(const Slice& slice, const K& key, ByteWriter& out) const {
    if constexpr (kRefires) {
      if (tracksKeys_) Serde<bool>::write(slice.dirty.contains(key), out);
      if (!countsRecords_) return;
      const auto untold = slice.untoldRecords.find(key);
      out.fixed(untold == slice.untoldRecords.end() ? std::uint64_t{0} : untold->second);
    }
  }

  bool readEarly(ByteReader& in, Slice& slice, const K& key) const {
    if constexpr (kRefires) {
      bool isDirty = false;
      if (tracksKeys_ && !Serde<bool>::read(in, isDirty)) return false;
      if (isDirty) slice.dirty.emplace(key, true);
      std::uint64_t untold = 0;
      if (countsRecords_ && !in.fixed(untold)) return false;
      if (untold != 0) slice.untoldRecords.emplace(key, untold);
    }
    return true;
  }

  Slice& sliceEndingAt(Timestamp end) {
    if (Slice* slice = slices_.endingAt(end)) return *slice;
    return slices_.insert(tablePerWindow_ ? Extent{layout_.windowStart(end), end, end, end}
                                          : layout_.sliceOf(end - 1));
  }

  // --- results out

  // The earliest slice with an unfired window has the earliest unfired window with records.
  bool nextWindow(Timestamp after, WindowBounds& window) const {
    const std::size_t i = slices_.withWindowEndingAfter(after);
    if (i == slices_.size()) return false;
    const Timestamp firstEnd = slices_[i].extent.firstEnd;
    const Timestamp end = firstEnd > after ? firstEnd : layout_.windowEndAfter(after);
    window = boundsOf(end);
    return true;
  }

  bool selectWindow() {
    if (!nextWindow(firedTo_, window_) || !hasFired(window_.end)) return false;
    isMerged_ = kOverlap && layout_.windowsShareSlices() && !tablePerWindow_;
    if (!isMerged_) {
      const auto& table = slices_.endingAt(window_.end)->table;
      cursor_ = table.begin();
      cursorEnd_ = table.end();
    }
    return true;
  }

  template <typename Emit>
  bool emitWindow(Emit&& emit, std::size_t& budget) {
    if constexpr (kOverlap) {
      if (isMerged_) return emitMerged(emit, budget);
    }
    for (; cursor_ != cursorEnd_; ++cursor_, --budget) {
      if (budget == 0) return false;
      emit(resultOf(cursor_->key, cursor_->value, window_, firingPane_));
    }
    return true;
  }

  template <typename Emit>
  bool emitMerged(Emit&& emit, std::size_t& budget) {
    if (!mergeIsReady_ && !merge_.moveTo(window_, slices_, budget)) return false;
    mergeIsReady_ = !merge_.emit(budget, [&](const K& key, const Accumulator& value) {
      emit(resultOf(key, value, window_, firingPane_));
    });
    return !mergeIsReady_;
  }

  Result resultOf(const auto& key, const Accumulator& value, const WindowBounds& window,
                  Pane pane) const {
    return Result{K(key), aggregate_.result(value), window.start, window.end, pane};
  }

  // The value of one key in one window, looked up slice by slice; f is not called when it has none.
  template <typename Q, typename F>
  void withValue(const WindowBounds& window, const Q& key, F&& f) {
    const Accumulator* only = nullptr;
    Accumulator merged = aggregate_.create();
    bool isMerged = false;
    forEachSliceOf(window, [&](Slice& slice) {
      const Accumulator* found = slice.table.find(key);
      if (found == nullptr) return;
      if (only != nullptr && !isMerged) {
        aggregate_.merge(merged, *only);
        isMerged = true;
      }
      if (isMerged) aggregate_.merge(merged, *found);
      only = found;
    });
    if (only != nullptr) f(isMerged ? std::as_const(merged) : *only);
  }

  template <typename F>
  void forEachSliceOf(const WindowBounds& window, F&& f) {
    if (tablePerWindow_) {
      if (Slice* own = slices_.endingAt(window.end)) f(*own);
      return;
    }
    for (std::size_t i = slices_.endingAfter(window.start);
         i < slices_.size() && slices_[i].extent.start < window.end; ++i)
      f(slices_[i]);
  }

  bool selectEarlyWindow() {
    earlyKeys_.clear();
    earlyNext_ = 0;
    const Timestamp after = isFiringEarly_ ? earlyWindow_.end : saturatingAdd(watermark_, 1);
    isFiringEarly_ = nextWindow(after, earlyWindow_);
    if (!isFiringEarly_) return false;
    KeyTable<K, bool> keys;
    forEachSliceOf(earlyWindow_, [&](Slice& slice) {
      for (const auto& [key, dirty] : slice.dirty)
        if (keys.emplace(key, true).second) earlyKeys_.push_back(key);
    });
    return true;
  }

  // By now every open window has told all its slices hold, so discarding may empty them.
  void finishEarly() {
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      for (const auto& [key, dirty] : slices_[i].dirty) touchKey(slices_[i], key);
      slices_[i].dirty.clear();
      if (options_.discarding) clearTable(slices_[i]);
    }
    if (options_.discarding) merge_.clear();
  }

  void dropClosed() {
    std::size_t closed = 0;
    while (closed < slices_.size() && isClosed(slices_[closed].extent.lastEnd))
      released_ += slices_[closed++].records;
    if (closed == 0) return;
    const Timestamp through = slices_[closed - 1].extent.end;
    merge_.forgetBefore(through, slices_);
    if (changes_.isOn()) changes_.current().dropThrough(changes_.state(), ownGroups_, through);
    slices_.dropFirst(closed, &unwritten_);
  }

  template <typename F>
  std::uint64_t sumOverSlices(F&& f) const {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < slices_.size(); ++i) total += f(slices_[i]);
    return total;
  }

  // Constant.
  const WindowLayout layout_;
  const Agg aggregate_;
  const WindowOptions options_;
  const bool tracksKeys_;
  const bool countsRecords_;
  const bool tablePerWindow_;

  // The slice of the record before.
  Slice* current_ = nullptr;
  Timestamp currentStart_ = 0;
  std::uint64_t currentLength_ = 0;

  Slices slices_;
  Timestamp watermark_ = kMinTimestamp;
  std::uint64_t released_ = 0;
  std::vector<Due> due_;  // called for by the last add
  Accumulator lateAlone_ = aggregate_.create();

  // Firing: windows that end at or before firedTo_ are done; window_ is being told if isFiring_.
  Timestamp firedTo_ = saturatingAdd(kMinTimestamp, 1);
  WindowBounds window_{};
  Pane firingPane_ = Pane::kOnTime;
  bool isFiring_ = false;
  bool isMerged_ = false;
  bool mergeIsReady_ = false;  // merge_ has come to window_
  typename SliceTable<K, Accumulator>::Iterator cursor_{};
  typename SliceTable<K, Accumulator>::Iterator cursorEnd_{};
  std::conditional_t<kOverlap, SlidingMerge<K, Agg, kRefires>, NoMerge<K, Agg>> merge_{aggregate_};

  // Early firing.
  bool isFiringEarly_ = false;
  WindowBounds earlyWindow_{};
  std::vector<K> earlyKeys_;
  std::size_t earlyNext_ = 0;

  // Checkpoints.
  EpochChanges changes_;
  KeyGroupRange ownGroups_{};
  std::vector<std::unique_ptr<Slice>> unwritten_;  // dropped, but part of the snapshot under way
};

}  // namespace millrace
