// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <millrace/base/hash.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/epoch_changes.hpp>
#include <millrace/state/group_times.hpp>
#include <millrace/state/heap_bytes.hpp>
#include <millrace/state/state_below.hpp>
#include <millrace/time/timestamp.hpp>
#include <millrace/window/aggregates.hpp>
#include <millrace/window/slice_table.hpp>
#include <millrace/window/table_below.hpp>
#include <millrace/window/windows.hpp>

namespace millrace {

/// The state of one task of an aggregation over the global window: with a count trigger n, every n
/// records of a key make a result and are let go; what is left at the end of input is not told, as
/// with Flink's `countWindow`, and stays in heldRecords(). Without a trigger there is one result
/// per key, at the end of input. No record is ever late.
///
/// Results carry the bounds [kMinTimestamp, kMaxTimestamp).
///
/// Use, thread safety and errors as SlicedWindows. The aggregate need not be mergeable.
/// Invariant: acceptedRecords() == heldRecords() + releasedRecords().
template <typename K, typename In, typename Agg>
requires Aggregate<Agg, In> && StablyHashable<K>
class GlobalWindows {
 public:
  using Key = K;
  using Accumulator = AccumulatorOf<Agg>;
  using Result = WindowResult<K, AggregateResult<Agg>>;
  static constexpr bool kIgnoresEventTime = true;

  GlobalWindows(GlobalWindow window, Agg aggregate)
      : count_(window.count), aggregate_(std::move(aggregate)) {}

  /// Offers a record; `key` as in SlicedWindows::add. The event time does not matter.
  template <typename Q>
  AddResult add(const Q& key, const In& in, Timestamp /*t*/) {
    bool isNew = false;
    Entry& entry = findOrCreate(
        keys_, key, [this] { return Entry{aggregate_.create()}; }, isNew);
    if (entry.records == 0) [[unlikely]]
      begin(key, entry, isNew);
    touch(key, entry);
    aggregate_.add(entry.accumulator, in);
    ++entry.records;
    ++held_;
    return {Placement::kAccepted, entry.records == count_};
  }

  /// See SlicedWindows::addBatch.
  template <typename KeyAt, typename InAt, typename TimeAt, typename OnOther>
  void addBatch(std::size_t n, KeyAt&& keyAt, InAt&& inAt, TimeAt&& timeAt, OnOther&& onOther) {
    for (std::size_t i = 0; i < n; ++i) {
      const AddResult result = add(keyAt(i), inAt(i), timeAt(i));
      if (result.due) onOther(i, result);
    }
  }

  /// REQUIRES: the last add was of `key` and answered `due`.
  template <typename Q, typename Emit>
  void emitDue(const Q& key, Emit&& emit) {
    const auto it = keys_.find(key);
    tell(it->first, it->second, Pane::kOnTime, emit);
    if (changes_.isOn()) {
      // It goes with the next snapshot.
      it->second = Entry{aggregate_.create(), 0, it->second.tag, it->second.generation};
      ++empty_;
    } else {
      keys_.erase(it);
    }
  }

  /// Nothing but the end of input says anything to this window.
  void advance(Timestamp watermark, bool endOfInput = false) {
    isFiring_ = count_ == 0 && endOfInput && watermark == kMaxTimestamp;
  }

  /// See SlicedWindows::fire. Over a base in the order in which that has the keys, then what is in
  /// memory.
  template <typename Emit>
  bool fire(Emit&& emit, std::size_t limit) {
    if (!isFiring_) return false;
    if (!isUnderWay_) beginFiring();
    std::size_t budget = limit;
    if (below_.mayHold() && fireBelow(emit, budget)) return true;
    for (; cursor_ != keys_.end(); ++cursor_, --budget) {
      if (budget == 0) return true;
      tell(cursor_->first, cursor_->second, Pane::kEndOfInput, emit);
    }
    keys_.clear();
    below_.noteAllErased();
    isFiring_ = isUnderWay_ = false;
    return false;
  }

  const Agg& aggregate() const { return aggregate_; }
  std::uint64_t acceptedRecords() const { return held_ + released_; }
  /// Over a base those of all instances together that count, modulo 2^64: after a change of workers
  /// one of them counts what is below for all.
  std::uint64_t heldRecords() const { return held_; }
  std::uint64_t releasedRecords() const { return released_; }
  std::uint64_t heldKeys() const { return keys_.size() - empty_ + below_.keys(); }

  // --- checkpoints; as MergingSessions

  static constexpr bool kCanBeKept = Serialisable<K> && Serialisable<Accumulator>;

  std::string stateKind() const {
    return count_ == 0 ? "global window" : "global window of " + std::to_string(count_);
  }
  void keepChanges(StateId state, std::uint32_t keyGroups, KeyGroupRange own) requires kCanBeKept {
    changes_.turnOn(state, keyGroups);
    own_ = own;
  }
  void setBelow(StateBelow& below, bool holdsEntries) requires kCanBeKept {
    below_.set(below, changes_.state(), changes_.keyGroups(), own_, holdsEntries);
    changes_.setGeneration(below_.generation());
  }
  bool keepWithinMemory() requires kCanBeKept {
    if (!below_.isOn()) return true;
    const MemoryUse use = below_.memoryInUse(keys_, changes_, [](const K& key, const Entry& entry) {
      return heapBytes(key) + heapBytes(entry.accumulator);
    });
    const std::size_t excess = below_.base().use(use.bytes, use.changedBytes);
    if (excess > 0 && !isUnderWay_) below_.letGo(keys_, atLeastAnEighth(excess, use.bytes));
    return below_.base().hasRoom();
  }
  /// Once the positions are read: else restore() has to be called for each entry.
  bool fetchesOnDemand(StateId) const { return below_.isOn() && haveCounts_.value_or(false); }
  void freeze() requires kCanBeKept {
    changes_.freeze();
    if (below_.isOn()) changes_.setGeneration(below_.noteBarrier());
  }
  bool writeFrozen(StateChanges& out, std::size_t limit) requires kCanBeKept {
    return changes_.write(out, limit, keys_, &writeEntry, [this](const K& key) {
      --empty_;
      if (below_.isOn()) below_.noteErased(key);
    });
  }
  /// Records released, records held, keys held.
  void writePosition(ByteWriter& out) const {
    out.fixed(released_);
    out.fixed(heldRecords());
    out.fixed(heldKeys());
  }
  bool readPosition(ByteReader& in, bool takesCounts) {
    if (!readCount(in, takesCounts, released_)) return false;
    const bool hasCounts = !in.isAtEnd();  // older ones have not
    std::uint64_t keys = 0;
    const bool takes = takesCounts && below_.isOn();
    if (hasCounts && (!readCount(in, takes, held_) || !readCount(in, takes, keys))) return false;
    below_.addKeys(keys);
    haveCounts_ = haveCounts_.value_or(true) && hasCounts;
    if (!fetchesOnDemand(changes_.state())) {  // what is put back is counted then
      held_ = 0;
      below_.expectAll();
    }
    return true;
  }
  void restoreWatermark(Timestamp, const GroupTimes& = GroupTimes()) {}
  bool restore(std::string_view keyBytes, std::string_view value) requires kCanBeKept {
    K key{};
    Entry entry{aggregate_.create()};
    if (!fromBytes(keyBytes, key) || !readEntry(value, entry)) return false;
    held_ += entry.records;
    if (!keys_.emplace(std::move(key), std::move(entry)).second) return false;
    if (below_.isOn() && below_.noteRestored()) keepWithinMemory();
    return true;
  }

 private:
  struct Entry {
    Accumulator accumulator;
    std::uint64_t records = 0;
    EpochTag tag = 0;
    std::uint8_t generation = 0;  // see Settling

    bool isEmpty() const { return records == 0; }
  };
  using Keys = KeyTable<K, Entry>;

  template <typename Q>
  void touch(const Q& key, Entry& entry) {
    if constexpr (kCanBeKept) {
      if (entry.tag != changes_.tag()) changes_.touch(K(plainKey(key)), entry, &writeEntry);
    }
  }

  static void writeEntry(const Entry& entry, ByteWriter& out) {
    out.fixed(entry.records);
    Serde<Accumulator>::write(entry.accumulator, out);
  }

  bool readEntry(std::string_view bytes, Entry& entry) const {
    ByteReader in(bytes);
    return in.fixed(entry.records) && Serde<Accumulator>::read(in, entry.accumulator) &&
           in.isAtEnd();
  }

  // The first record of a key since it was told, or at all. One that was not in the table may be
  // below.
  template <typename Q>
  void begin(const Q& key, Entry& entry, bool isNew) {
    if (!isNew) --empty_;
    if constexpr (kCanBeKept) {
      if (!isNew || !below_.isOn()) return;
      if (below_.mayHold() && below_.read(key, fetched_)) {
        if (!readEntry(fetched_, entry)) below_.failDamaged();
        below_.noteFetched();
      } else {
        below_.noteNew(key);
      }
    }
  }

  void beginFiring() {
    if constexpr (kCanBeKept) {
      if (changes_.isOn()) changes_.eraseAll(keys_, own_, &writeEntry);
    }
    cursor_ = keys_.begin();
    isUnderWay_ = true;
  }

  // True: there is more.
  template <typename Emit>
  bool fireBelow(Emit&& emit, std::size_t& budget) {
    if constexpr (kCanBeKept) {
      if (budget == 0) return true;
      return below_.walk(keys_, [&](const K& key, std::string_view value) {
        Entry entry{aggregate_.create()};
        if (!readEntry(value, entry)) below_.failDamaged();
        tell(key, entry, Pane::kEndOfInput, emit);
        return --budget > 0;
      });
    }
    return false;
  }

  template <typename Emit>
  void tell(const K& key, const Entry& entry, Pane pane, Emit&& emit) {
    emit(Result{key, aggregate_.result(entry.accumulator), kMinTimestamp, kMaxTimestamp, pane});
    held_ -= entry.records;
    released_ += entry.records;
  }

  const std::uint64_t count_;
  const Agg aggregate_;
  Keys keys_;
  std::size_t empty_ = 0;  // of them, waiting for a snapshot
  typename Keys::const_iterator cursor_{};
  bool isFiring_ = false;
  bool isUnderWay_ = false;
  std::uint64_t held_ = 0;
  std::uint64_t released_ = 0;
  KeyChanges<K> changes_;
  KeyGroupRange own_{};
  TableBelow<K, Entry> below_;
  std::optional<bool> haveCounts_;  // the positions that were read
  std::string fetched_;
};

}  // namespace millrace
