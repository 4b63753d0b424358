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
#include <millrace/state/group_times.hpp>
#include <millrace/state/heap_bytes.hpp>
#include <millrace/state/state_below.hpp>
#include <millrace/time/timestamp.hpp>
#include <millrace/window/aggregates.hpp>
#include <millrace/window/hashed_key.hpp>
#include <millrace/window/slice_table.hpp>
#include <millrace/window/slices_below.hpp>
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
/// After a restart key groups may be ahead of the watermark (see restoreWatermark()): what their
/// keys were told before is not told again, and a record of theirs goes where it would have gone
/// then.
///
/// Use: `add` records; on a watermark `advance`, then `fire` until it returns false. When an add
/// answers `due`, call `emitDue` with the same key at once.
///
/// What windows do not ask for need not be compiled: `kOverlap` false promises a layout whose
/// windows share no slices (tumbling, calendar), `kRefires` false that options are the defaults.
///
/// Over a base (see setBelow()) entries are let go of once they are settled, and looked for below
/// where a key comes that a slice's table does not have. A window with such slices is told key
/// group by key group, and nothing that is read for that is kept.
///
/// Thread safety: none; one owner. Not movable (tables refer to the aggregate).
/// Invariants:
///  1. Between advance() and the fire() that returns false nothing else may be called.
///  2. Panes are told in the order of window ends; within a window in no order.
///  3. A window without records of a key tells nothing for it.
///  4. acceptedRecords() == heldRecords() + releasedRecords().
///  5. Over a base: what a slice's table has is what counts, whatever is below; and it has all of a
///     slice's entries unless the slice is marked `isBelow`. The merge covers no such slice.
///  6. An entry goes from a table only when it can be read below as it is. Keys with something to
///  tell
///     at the next early firing stay.
/// Errors: what the aggregate throws; over a base JobError.
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
    fetchForDue(key);
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
    if (current_ != nullptr && hasFired(current_->extent.firstEnd, watermark_)) leaveCurrent();
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
    // The end of the input says nothing of time: in another run there may be more of it.
    if (watermark_ != kMaxTimestamp) groupTimes_.pass(watermark_);
    dropClosed();
    return false;
  }

  /// Early firing by time: tells the open windows' values for all keys that have got records since
  /// the last call. True: there is more, call again. REQUIRES: limit > 0, and
  /// options.early is of one of the kinds of time.
  template <typename Emit>
  bool fireEarly(Emit&& emit, std::size_t limit) requires kRefires {
    std::size_t budget = limit;
    prepareEarly();
    while (true) {
      for (; earlyNext_ < earlyKeys_.size(); ++earlyNext_, --budget) {
        if (budget == 0) return true;
        const K& key = earlyKeys_[earlyNext_];
        fetchForWindow(key, earlyWindow_);
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
  /// Accumulators in the slices' tables; what is below alone is not counted.
  std::uint64_t heldEntries() const {
    return sumOverSlices([](const Slice& slice) { return std::uint64_t{slice.table.size()}; });
  }

  // --- checkpoints; see Operator::beginSnapshot() and what follows it

  /// Without a Serde of key and accumulator nothing can be kept, and none of the following is
  /// there.
  static constexpr bool kCanBeKept = Serialisable<K> && Serialisable<Accumulator>;

  /// Entries are kept by slice: they would mean nothing to windows that are cut otherwise.
  std::string stateKind() const { return "slices of " + layout_.describe(); }

  /// Notes from here on what changes. `own`: the key groups of this instance.
  void keepChanges(StateId state, std::uint32_t keyGroups, KeyGroupRange own) requires kCanBeKept {
    changes_.turnOn(state, keyGroups);
    ownGroups_ = own;
  }

  void freeze() requires kCanBeKept {
    if (below_.isSet()) below_.noteBarrier();
    heapPerEntry_.noteBarrier();
    looksSkipped_ = slices_.size();  // looked at next
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
      if (!takesCounts && !hasEntriesBelow_) continue;
      Slice& slice = sliceEndingAt(end);
      if (takesCounts) slice.records += records;
      slice.isBelow = hasEntriesBelow_;
      if constexpr (kRefires) slice.hasDirtyBelow = hasEntriesBelow_ && tracksKeys_;
    }
    return true;
  }

  /// As advance() and fire() until they are done, but nothing is told: it has been. `groupTimes`:
  /// of the key groups for which this has been done up to later times.
  void restoreWatermark(Timestamp watermark, GroupTimes groupTimes = GroupTimes()) {
    watermark_ = watermark;
    firedTo_ = saturatingAdd(watermark, 1);
    groupTimes_ = std::move(groupTimes);
    groupTimes_.pass(watermark);
  }
  /// Of the key groups that are still ahead of the watermark.
  const GroupTimes& groupTimes() const { return groupTimes_; }

  /// Puts back what writeFrozen() put. False: the bytes are damaged.
  bool restore(std::string_view keyBytes, std::string_view value) requires kCanBeKept {
    ByteReader keyIn(keyBytes);
    Timestamp end = 0;
    K key{};
    if (!readTimePrefix(keyIn, end) || !Serde<K>::read(keyIn, key) || !keyIn.isAtEnd())
      return false;
    Slice& slice = sliceEndingAt(end);
    bool isNew = false;
    Entry& entry = entryOf(slice, key, isNew);
    Early early;
    if (!isNew || slice.extent.end != end || !readStored(value, entry.value, early)) return false;
    takeEarly(slice, key, early);
    return true;
  }

  // --- over a base

  /// Lets entries go to what lies below when memory is short. `holdsEntries`: there are some
  /// already, of the slices that readPosition() will tell of; restore() is then not called for
  /// them. REQUIRES: keepChanges(), no records yet; `below` outlives the windows.
  void setBelow(StateBelow& below, bool holdsEntries) requires kCanBeKept {
    below_.set(below, changes_.state());
    hasEntriesBelow_ = holdsEntries;
  }

  /// Lets go of what is settled if memory is short. False: there is too much that is not, and new
  /// records should wait. REQUIRES: setBelow().
  bool keepWithinMemory() requires kCanBeKept {
    MILLRACE_DCHECK(!isFiring_, "keepWithinMemory() while a firing is unfinished");
    // Where there are many slices, looking at each costs more than a batch does.
    if (looksSkipped_++ >= slices_.size() / kSlicesPerLook) {
      looksSkipped_ = 0;
      measureHeap();
      const std::size_t excess = below_.excess(memoryBytes(), changedBytes());
      if (excess > 0) below_.noteFreed(letGo(excess) >= excess);
    }
    return below_.hasRoom();
  }

 private:
  using Slices = SliceList<K, Accumulator, kRefires>;
  using Slice = typename Slices::Slice;
  using Extent = WindowLayout::Slice;
  using Table = SliceTable<K, Accumulator>;
  using Entry = typename Table::Entry;
  struct Due {
    WindowBounds window;
    Pane pane;
  };

  // Of slices that are looked at per call of keepWithinMemory().
  static constexpr std::size_t kSlicesPerLook = 64;
  static constexpr std::size_t kSampledEntries = 256;

  // --- records in

  bool isInCurrent(Timestamp t) const {
    return static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(currentStart_) <
           currentLength_;
  }

  // Only a slice that asks for nothing but its table may be the current one: none of its windows
  // has fired for any key (so no merge covers it and no pane is due) and no early firing watches
  // it.
  void makeCurrent(Slice& slice) {
    if (tracksKeys_ || countsRecords_) return;
    if (hasFired(slice.extent.firstEnd, std::max(watermark_, groupTimes_.latest()))) return;
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
        [this](const auto& key) { return newValue(*current_, key); },
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
    const Timestamp now = timeOf(key);
    if (isClosed(extent.lastEnd, now)) return {Placement::kLate, false};
    const bool partly = isClosed(extent.firstEnd, now);
    if constexpr (kRefires) {
      if (options_.discarding && hasFired(extent.firstEnd, now)) {
        lateAlone_ = aggregate_.create();
        apply(lateAlone_);
      }
    }
    if (tablePerWindow_) {
      if constexpr (kRefires && kOverlap) placeInEachWindow(extent, key, now, records, apply);
    } else {
      if (slice == nullptr) slice = &slices_.insert(extent);
      placeIn(*slice, key, now, records, apply);
      slice->records += records;
      makeCurrent(*slice);
    }
    if constexpr (kRefires) collectLate(extent, now);
    return {partly ? Placement::kLatePartial : Placement::kAccepted, !due_.empty()};
  }

  template <typename Q, typename Apply>
  void placeIn(Slice& slice, const Q& key, Timestamp now, std::uint64_t records, Apply&& apply) {
    bool isNew = false;
    auto& entry = entryOf(slice, key, isNew);
    touch(slice, entry);
    apply(entry.value);
    merge_.include(slice.extent.start, key, isNew, apply);
    if constexpr (kRefires) noteForEarly(slice, key, now, records);
  }

  template <typename Q>
  void noteForEarly(Slice& slice, const Q& key, Timestamp now, std::uint64_t records) {
    bool unused = false;
    if (tracksKeys_)
      findOrCreate(
          slice.dirty, key, [] { return true; }, unused);
    if (countsRecords_ && !hasFired(slice.extent.firstEnd, now)) {
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
  void placeInEachWindow(const Extent& extent, const Q& key, Timestamp now, std::uint64_t records,
                         Apply&& apply) {
    for (Timestamp end = firstOpenEnd(extent, now); end <= extent.lastEnd;
         end = layout_.windowEndAfter(end)) {
      Slice* own = slices_.endingAt(end);
      if (own == nullptr) own = &slices_.insert({layout_.windowStart(end), end, end, end});
      placeIn(*own, key, now, records, apply);
      if (end == extent.lastEnd) own->records += records;
      if (end == kMaxTimestamp) break;
    }
  }

  void collectLate(const Extent& extent, Timestamp now) {
    if (options_.allowedLateness == Duration::zero() || !hasFired(extent.firstEnd, now)) return;
    for (Timestamp end = firstOpenEnd(extent, now); end <= extent.lastEnd && hasFired(end, now);
         end = layout_.windowEndAfter(end)) {
      due_.push_back({boundsOf(end), Pane::kLate});
      if (end == kMaxTimestamp) break;
    }
  }

  // The first of the slice's windows that is not closed. REQUIRES: there is one.
  Timestamp firstOpenEnd(const Extent& extent, Timestamp now) const {
    if (!isClosed(extent.firstEnd, now)) return extent.firstEnd;
    const Timestamp closedTo = saturatingSubtract(now, options_.allowedLateness.count());
    return layout_.windowEndAfter(saturatingAdd(closedTo, 1));
  }

  static bool hasFired(Timestamp end, Timestamp now) { return end - 1 <= now; }
  bool isClosed(Timestamp end, Timestamp now) const {
    return saturatingAdd(end - 1, options_.allowedLateness.count()) <= now;
  }

  // Event time as it has come for a key.
  template <typename Q>
  Timestamp timeOf(const Q& key) const {
    if (groupTimes_.isEmpty()) [[likely]]
      return watermark_;
    return std::max(watermark_, groupTimes_.of(groupOf(key)));
  }
  // Whether a window that the watermark completes now, or later, was told to a key before the
  // restart.
  bool wasTold(const K& key, const WindowBounds& window) const {
    return !groupTimes_.isEmpty() && hasFired(window.end, groupTimes_.of(groupOf(key)));
  }
  WindowBounds boundsOf(Timestamp end) const { return {layout_.windowStart(end), end}; }

  template <typename Q>
  Entry& entryOf(Slice& slice, const Q& key, bool& isNew) {
    return slice.table.entryFor(
        key, [&](const auto& newKey) { return newValue(slice, newKey); }, isNew);
  }

  // The value of a key that is new to the slice's table.
  template <typename Q>
  Accumulator newValue(Slice& slice, const Q& key) {
    if constexpr (kCanBeKept) {
      if (below_.isSet()) [[unlikely]]
        return newValueOverBase(slice, K(plainKey(key)));
    }
    return aggregate_.create();
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
    if (below_.isSet()) {
      if (changes.generations.size() <= at) changes.generations.resize(slice.table.size());
      changes.generations[at] = below_.generation();
    }
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
      const std::size_t at = slice.table.positionOf(*entry);
      slice.changes.moveLastTo(at, slice.table.size(), changes_.tag());
      if (below_.isSet()) slice.erased[entry->key] = below_.generation();
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
    slice.isBelow = false;  // all of it was in the table, for all of it was dirty
    slice.table.clear();
  }

  void writeKey(const Slice& slice, const Entry& entry, ByteWriter& out) const {
    writeTimePrefix(slice.extent.end, out);
    Serde<K>::write(entry.key, out);
  }

  void noteErased(const Slice& slice, const Entry& entry) {
    if constexpr (kCanBeKept) {
      changes_.current().erase(changes_.state(), groupOf(entry.key),
                               [&](ByteWriter& out) { writeKey(slice, entry, out); });
    }
  }

  void put(StateChanges& to, const Slice& slice, const Entry& entry) const {
    to.put(
        changes_.state(), groupOf(entry.key), [&](ByteWriter& out) { writeKey(slice, entry, out); },
        [&](ByteWriter& out) {
          Serde<Accumulator>::write(entry.value, out);
          writeEarly(slice, entry.key, out);
        });
  }

  template <typename Q>
  KeyGroup groupOf(const Q& key) const {
    return keyGroupOf(stableHashOf(key), changes_.keyGroups());
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

  struct Early {
    bool isDirty = false;
    std::uint64_t untold = 0;
  };

  bool readStored(std::string_view bytes, Accumulator& value, Early& early) const {
    ByteReader in(bytes);
    if (!Serde<Accumulator>::read(in, value)) return false;
    if constexpr (kRefires) {
      if (tracksKeys_ && !Serde<bool>::read(in, early.isDirty)) return false;
      if (countsRecords_ && !in.fixed(early.untold)) return false;
    }
    return in.isAtEnd();
  }

  void takeEarly(Slice& slice, const K& key, const Early& early) const {
    if constexpr (kRefires) {
      if (early.isDirty) slice.dirty.emplace(key, true);
      if (early.untold != 0) slice.untoldRecords.emplace(key, early.untold);
    }
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
    if (!nextWindow(firedTo_, window_) || !hasFired(window_.end, watermark_)) return false;
    isMerged_ = kOverlap && layout_.windowsShareSlices() && !tablePerWindow_;
    if constexpr (kCanBeKept) beginGroups();
    cursor_ = cursorEnd_ = nullptr;
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
      if (isMerged_ && !isByGroup_) return emitMerged(emit, budget);
    }
    for (; cursor_ != cursorEnd_; ++cursor_, --budget) {
      if (budget == 0) return false;
      if (wasTold(cursor_->key, window_)) continue;
      emit(resultOf(cursor_->key, cursor_->value, window_, firingPane_));
    }
    if constexpr (kCanBeKept) {
      if (isByGroup_) return emitGroups(emit, budget);
    }
    return true;
  }

  template <typename Emit>
  bool emitMerged(Emit&& emit, std::size_t& budget) {
    if (!mergeIsReady_ && !merge_.moveTo(window_, slices_, budget)) return false;
    mergeIsReady_ = !merge_.emit(budget, [&](const K& key, const Accumulator& value) {
      if (!wasTold(key, window_)) emit(resultOf(key, value, window_, firingPane_));
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
        if (!wasTold(key, earlyWindow_) && keys.emplace(key, true).second)
          earlyKeys_.push_back(key);
    });
    return true;
  }

  void prepareEarly() {
    if constexpr (kCanBeKept) {
      if (!below_.isSet()) return;
      for (std::size_t i = 0; i < slices_.size(); ++i) fetchDirty(slices_[i]);
      keepWithinMemory();
    }
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
    while (closed < slices_.size() && isClosed(slices_[closed].extent.lastEnd, watermark_))
      released_ += slices_[closed++].records;
    if (closed == 0) return;
    const Timestamp through = slices_[closed - 1].extent.end;
    merge_.forgetBefore(through, slices_);
    if (changes_.isOn()) changes_.current().dropThrough(changes_.state(), ownGroups_, through);
    slices_.dropFirst(closed, &unwritten_);
  }

  // --- letting go of entries

  // What takes part in the memory that is divided; merges are about as large as slices.
  std::size_t memoryBytes() {
    std::size_t bytes = slices_.spareBytes() + merge_.memoryBytes() +
                        merge_.size() * heapPerEntry_.bytes() + changes_.current().size() +
                        changes_.frozen().size();
    for (std::size_t i = 0; i < slices_.size(); ++i) bytes += bytesOf(slices_[i]);
    for (const auto& slice : unwritten_) bytes += bytesOf(*slice);
    return bytes;
  }

  std::size_t changedBytes() {
    const std::uint64_t changed =
        sumOverSlices([](const Slice& slice) { return slice.changes.current.size(); });
    return changed * bytesOfEntry() + changes_.current().size();
  }

  std::size_t bytesOf(const Slice& slice) const {
    return slice.memoryBytes() + slice.table.size() * heapPerEntry_.bytes();
  }
  std::size_t bytesOfEntry() const { return sizeof(Entry) + heapPerEntry_.bytes(); }

  void measureHeap() {
    if constexpr (!std::is_trivially_copyable_v<K> || !std::is_trivially_copyable_v<Accumulator>) {
      const std::size_t entries = heldEntries();
      heapPerEntry_.of(entries, [&] { return averageHeap(entries); });
    }
  }

  std::size_t averageHeap(std::size_t entries) const {
    const std::size_t step = entries / kSampledEntries + 1;
    std::size_t heap = 0;
    std::size_t sampled = 0;
    std::size_t at = 0;  // in the slice
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      const auto& table = slices_[i].table;
      for (; at < table.size(); at += step, ++sampled)
        heap += heapBytes(table[at].key) + heapBytes(table[at].value);
      at -= table.size();
    }
    return heap / sampled;
  }

  // The oldest slices first, which will be told and dropped next; the current one last. Returns how
  // many bytes were freed.
  std::size_t letGo(std::size_t wanted) {
    const std::size_t before = memoryBytes();
    slices_.forgetSpares();
    merge_.release();
    std::size_t freed = before - memoryBytes();
    for (std::size_t i = 0; i < slices_.size() && freed < wanted; ++i) {
      if (&slices_[i] != current_) freed += letGoOf(slices_[i], wanted - freed);
    }
    if (current_ != nullptr && freed < wanted) freed += letGoOf(*current_, wanted - freed);
    return freed;
  }

  std::size_t letGoOf(Slice& slice, std::size_t wanted) {
    const std::size_t before = bytesOf(slice);
    forgetErased(slice);
    if (holdsSettled(slice)) {
      SliceChanges kept;
      std::size_t left = wanted / bytesOfEntry() + 1;
      const std::size_t size = slice.table.size();
      slice.table.keepIf([&](std::size_t at, const Entry& entry) {
        const bool isSettled = isSettledAt(slice, at);
        if (isSettled && left > 0 && mayGo(slice, entry.key)) {
          --left;
          return false;
        }
        const Generation generation =
            isSettled ? kSettledGeneration : slice.changes.generationAt(at);
        kept.keep(slice.changes.tagAt(at), generation, changes_.tag());
        return true;
      });
      slice.changes = std::move(kept);
      slice.merged = {};
      if (slice.table.size() < size) slice.isBelow = true;
      forgetUntold(slice);
    }
    const std::size_t after = bytesOf(slice);
    return before > after ? before - after : 0;
  }

  bool isSettledAt(const Slice& slice, std::size_t at) const {
    return below_.isSettled(slice.changes.tagAt(at), slice.changes.generationAt(at));
  }
  bool holdsSettled(const Slice& slice) const {
    for (std::size_t at = 0; at < slice.table.size(); ++at) {
      if (isSettledAt(slice, at) && mayGo(slice, slice.table[at].key)) return true;
    }
    return false;
  }
  bool mayGo(const Slice& slice, const K& key) const {
    if constexpr (kRefires) {
      return !tracksKeys_ || (!options_.discarding && !slice.dirty.contains(key));
    }
    return true;
  }

  // What was erased long since is not found below either.
  void forgetErased(Slice& slice) const {
    if constexpr (kRefires) {
      KeyTable<K, Generation> erased;
      for (const auto& [key, generation] : slice.erased) {
        if (!below_.isSettled(generation)) erased.emplace(key, generation);
      }
      slice.erased = std::move(erased);
    }
  }

  // The records that a key has not told go with it, and come back with it.
  void forgetUntold(Slice& slice) const {
    if constexpr (kRefires) {
      KeyTable<K, std::uint64_t> untold;
      for (const auto& [key, records] : slice.untoldRecords) {
        if (records != 0 && slice.table.findEntry(key) != nullptr) untold.emplace(key, records);
      }
      slice.untoldRecords = std::move(untold);
    }
  }

  // --- fetching them

  [[gnu::noinline]] Accumulator newValueOverBase(Slice& slice, const K& key) requires kCanBeKept {
    Accumulator value = aggregate_.create();
    if constexpr (kRefires) {
      if (const auto erased = slice.erased.find(key); erased != slice.erased.end()) {
        slice.erased.erase(erased);
        return value;
      }
    }
    fetch(slice, key, value);
    return value;
  }

  // False: the slice has nothing of the key below.
  bool fetch(Slice& slice, const K& key, Accumulator& value) requires kCanBeKept {
    if (!slice.isBelow) return false;
    fetchKey_.clear();
    ByteWriter out(fetchKey_);
    writeTimePrefix(slice.extent.end, out);
    Serde<K>::write(key, out);
    if (!below_.read(groupOf(key), fetchKey_, fetched_)) return false;
    Early early;
    if (!readStored(fetched_, value, early)) SlicesBelow::failDamaged();
    takeEarly(slice, key, early);
    return true;
  }

  // Brings what the slices of the window have of the key into their tables.
  template <typename Q>
  void fetchForWindow(const Q& key, const WindowBounds& window) {
    if constexpr (kCanBeKept) {
      if (!below_.isSet()) return;
      forEachSliceOf(window, [&](Slice& slice) { fetchInto(slice, K(plainKey(key))); });
    }
  }

  template <typename Q>
  void fetchForDue(const Q& key) {
    if (!below_.isSet() || due_.empty()) return;
    if (!tablePerWindow_)
      return fetchForWindow(key, {due_.front().window.start, due_.back().window.end});
    for (const Due& due : due_) fetchForWindow(key, due.window);
  }

  void fetchInto(Slice& slice, const K& key) requires kCanBeKept {
    if (!slice.isBelow || isErased(slice, key) || slice.table.findEntry(key) != nullptr) return;
    Accumulator value = aggregate_.create();
    if (fetch(slice, key, value)) insert(slice, key, std::move(value));
  }

  // After a restart nobody knows the keys with something to tell: all are looked at.
  void fetchDirty(Slice& slice) requires kCanBeKept {
    if (!slice.hasDirtyBelow) return;
    slice.hasDirtyBelow = false;
    for (std::uint32_t group = ownGroups_.first; group < ownGroups_.end; ++group) {
      readSlice(slice, toKeyGroup(group),
                [&](const K& key, Accumulator&& value, const Early& early) {
                  if (!early.isDirty && !options_.discarding) return;
                  insert(slice, key, std::move(value));
                  takeEarly(slice, key, early);
                });
    }
  }

  void insert(Slice& slice, const K& key, Accumulator&& value) {
    bool isNew = false;
    slice.table.entryFor(
        key, [&] { return std::move(value); }, isNew);
  }

  // take(key, value, early) for each entry of a key group that is below and not in the table.
  template <typename Take>
  void readSlice(const Slice& slice, KeyGroup group, Take&& take) const requires kCanBeKept {
    below_.readSlice(slice.extent.end, group,
                     [&](std::string_view keyBytes, std::string_view bytes) {
                       ByteReader in(keyBytes);
                       K key{};
                       if (!Serde<K>::read(in, key) || !in.isAtEnd()) return false;
                       if (slice.table.findEntry(key) != nullptr || isErased(slice, key))
                         return true;
                       Accumulator value = aggregate_.create();
                       Early early;
                       if (!readStored(bytes, value, early)) return false;
                       take(key, std::move(value), early);
                       return true;
                     });
  }

  bool isErased(const Slice& slice, const K& key) const {
    if constexpr (kRefires) return slice.erased.contains(key);
    return false;
  }

  static KeyGroup toKeyGroup(std::uint32_t group) { return {static_cast<std::uint16_t>(group)}; }

  // --- telling a window that has slices with entries below

  void beginGroups() {
    isByGroup_ = false;
    forEachSliceOf(window_, [&](const Slice& slice) { isByGroup_ = isByGroup_ || slice.isBelow; });
    if (!isByGroup_) return;
    merge_.clear();
    nextGroup_ = ownGroups_.first;
    if (!isMerged_) return;
    forEachSliceOf(window_, [&](const Slice& slice) {
      held_.emplace_back(ownGroups_, slice.table.size(),
                         [&](std::size_t at) { return groupOf(slice.table[at].key); });
    });
  }

  template <typename Emit>
  bool emitGroups(Emit&& emit, std::size_t& budget) requires kCanBeKept {
    while (true) {
      for (; groupNext_ < group_.size(); ++groupNext_, --budget) {
        if (budget == 0) return false;
        const Entry& entry = group_[groupNext_];
        emit(resultOf(entry.key, entry.value, window_, firingPane_));
      }
      group_.clear();
      groupNext_ = 0;
      if (nextGroup_ == ownGroups_.end) break;
      mergeGroup(toKeyGroup(nextGroup_++));
    }
    group_ = Table();
    held_.clear();
    return true;
  }

  // A window of one slice has told what is in its table already.
  void mergeGroup(KeyGroup group) requires kCanBeKept {
    if (hasFired(window_.end, groupTimes_.of(group))) return;
    std::size_t number = 0;
    forEachSliceOf(window_, [&](Slice& slice) {
      if (isMerged_) {
        for (const std::uint32_t at : held_[number++].of(group)) {
          bool unused = false;
          aggregate_.merge(inGroup(slice.table[at].key, unused), slice.table[at].value);
        }
      }
      if (!slice.isBelow) return;
      readSlice(slice, group, [&](const K& key, Accumulator&& value, const Early&) {
        bool isNew = false;
        Accumulator& merged = inGroup(key, isNew);
        isNew ? void(merged = std::move(value)) : aggregate_.merge(merged, value);
      });
    });
  }

  Accumulator& inGroup(const K& key, bool& isNew) {
    return group_.at(
        key, [this] { return aggregate_.create(); }, isNew);
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
  GroupTimes groupTimes_;
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
  typename Table::Iterator cursor_{};
  typename Table::Iterator cursorEnd_{};
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

  // Over a base.
  SlicesBelow below_;
  bool hasEntriesBelow_ = false;  // at the beginning
  std::size_t looksSkipped_ = 0;
  HeapPerEntry heapPerEntry_;
  std::string fetchKey_;
  std::string fetched_;
  // A window that is told key group by key group.
  bool isByGroup_ = false;
  std::uint32_t nextGroup_ = 0;
  Table group_;                         // all of the window's keys of one group
  std::size_t groupNext_ = 0;           // what is told next of it
  std::vector<PositionsByGroup> held_;  // of each slice's table, where slices are merged
};

}  // namespace millrace
