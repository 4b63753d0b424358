// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <millrace/base/hash.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/epoch_changes.hpp>
#include <millrace/time/timestamp.hpp>
#include <millrace/window/aggregates.hpp>
#include <millrace/window/slice_table.hpp>
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
    tell(it, Pane::kOnTime, emit);
    if (changes_.isOn()) {
      it->second = Entry{aggregate_.create(), 0, it->second.tag};  // goes with the next snapshot
    } else {
      keys_.erase(it);
    }
  }

  /// Nothing but the end of input says anything to this window.
  void advance(Timestamp watermark, bool endOfInput = false) {
    isFiring_ = count_ == 0 && endOfInput && watermark == kMaxTimestamp;
  }

  /// See SlicedWindows::fire.
  template <typename Emit>
  bool fire(Emit&& emit, std::size_t limit) {
    if (!isFiring_) return false;
    if (!isUnderWay_) cursor_ = keys_.begin();
    isUnderWay_ = true;
    for (std::size_t budget = limit; cursor_ != keys_.end(); ++cursor_, --budget) {
      if (budget == 0) return true;
      tell(cursor_, Pane::kEndOfInput, emit);
    }
    forgetAll();
    isFiring_ = isUnderWay_ = false;
    return false;
  }

  const Agg& aggregate() const { return aggregate_; }
  std::uint64_t acceptedRecords() const { return held_ + released_; }
  std::uint64_t heldRecords() const { return held_; }
  std::uint64_t releasedRecords() const { return released_; }
  std::uint64_t heldKeys() const { return keys_.size(); }

  // --- checkpoints; as MergingSessions

  static constexpr bool kCanBeKept = Serialisable<K> && Serialisable<Accumulator>;

  std::string stateKind() const { return count_ == 0 ? "global window" : "global window of " + std::to_string(count_); }
  void keepChanges(StateId state, std::uint32_t keyGroups, KeyGroupRange) requires kCanBeKept {
    changes_.turnOn(state, keyGroups);
  }
  void freeze() requires kCanBeKept { changes_.freeze(); }
  bool writeFrozen(StateChanges& out, std::size_t limit) requires kCanBeKept {
    return changes_.write(out, limit, keys_, &writeEntry);
  }
  void writePosition(ByteWriter& out) const { out.fixed(released_); }
  bool readPosition(ByteReader& in, bool takesCounts) {
    return readCount(in, takesCounts, released_);
  }
  void restoreWatermark(Timestamp) {}
  bool restore(std::string_view keyBytes, std::string_view value) requires kCanBeKept {
    K key{};
    Entry entry{aggregate_.create()};
    ByteReader in(value);
    if (!fromBytes(keyBytes, key) || !in.fixed(entry.records) ||
        !Serde<Accumulator>::read(in, entry.accumulator) || !in.isAtEnd()) {
      return false;
    }
    held_ += entry.records;
    return keys_.emplace(std::move(key), std::move(entry)).second;
  }

 private:
  struct Entry {
    Accumulator accumulator;
    std::uint64_t records = 0;
    EpochTag tag = 0;

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

  void forgetAll() {
    if constexpr (kCanBeKept) {
      for (auto& [key, entry] : keys_) {
        touch(key, entry);
        changes_.erase(key);
      }
    }
    keys_.clear();
  }

  template <typename Emit>
  void tell(typename Keys::const_iterator it, Pane pane, Emit&& emit) {
    const Entry& entry = it->second;
    emit(Result{it->first, aggregate_.result(entry.accumulator), kMinTimestamp, kMaxTimestamp,
                pane});
    held_ -= entry.records;
    released_ += entry.records;
  }

  const std::uint64_t count_;
  const Agg aggregate_;
  Keys keys_;
  typename Keys::const_iterator cursor_{};
  bool isFiring_ = false;
  bool isUnderWay_ = false;
  std::uint64_t held_ = 0;
  std::uint64_t released_ = 0;
  KeyChanges<K> changes_;
};

}  // namespace millrace
