// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <millrace/time/timestamp.hpp>
#include <millrace/window/aggregates.hpp>
#include <millrace/window/slice_table.hpp>
#include <millrace/window/windows.hpp>

namespace millrace {

/// How the value of a window of many slices is had from the window before it, for every key at
/// once, without merging all its slices again. Two ways with one contract:
///
///     bool moveTo(window, slices, budget)   becomes the merge of `window`, slice by slice; takes
///                                           each one's size off `budget`; false: call again.
///     bool emit(budget, f)                  f(key, accumulator) for each key with records in the
///                                           window, one off `budget` each; false: call again.
///     void include(sliceStart, key, isNewInSlice, apply)
///                                           a record went into a slice: `apply(accumulator)` puts
///                                           it here too, if that slice is covered.
///     void forgetBefore(t, slices)          slices that end at or before `t` are about to go.
///     void clear()                          as new.
///     void release()                        as new, without memory.
///     std::size_t memoryBytes()             but for what keys and accumulators hold on the heap.
///     std::size_t size()                    how many accumulators it has.
///
/// Windows come in the order of their ends, and so of their starts; windows may be skipped.
///
/// Thread safety: none; one owner.
/// Invariants:
///  1. After moveTo(w) returned true the value of a key is the merge of its accumulators in the
///     slices of w, whatever was included since.
///  2. A slice that is covered is never changed without include().

/// A running table: slices that leave the window are subtracted, those that enter are merged.
/// Each entry knows in how many slices its key is; at none it goes, so no empty value is told. A
/// slice keeps a note of where its entries went, so that it need not look them up when it leaves.
template <typename K, typename Agg, bool kFiresEarly = true>
class SubtractingMerge {
 public:
  using Accumulator = AccumulatorOf<Agg>;
  using Slices = SliceList<K, Accumulator, kFiresEarly>;
  using Slice = typename Slices::Slice;

  explicit SubtractingMerge(const Agg& aggregate) : aggregate_(aggregate) {}

  bool moveTo(const WindowBounds& window, Slices& slices, std::size_t& budget) {
    if (window.start >= high_) {
      clear();
      low_ = high_ = window.start;
    }
    if (!leave(window.start, slices, budget) || !enter(window.end, slices, budget)) return false;
    cursor_ = 0;
    return true;
  }

  template <typename F>
  bool emit(std::size_t& budget, F&& f) {
    const std::size_t to = std::min(running_.size(), cursor_ + budget);
    budget -= to - cursor_;
    for (; cursor_ < to; ++cursor_) f(running_[cursor_].key, running_[cursor_].value.value);
    return cursor_ == running_.size();
  }

  template <typename Q, typename Apply>
  void include(Timestamp sliceStart, const Q& key, bool isNewInSlice, Apply&& apply) {
    if (sliceStart < low_ || sliceStart >= high_) return;
    Entry& entry = entryOf(key);
    if (isNewInSlice) ++entry.slices;
    apply(entry.value);
  }

  void forgetBefore(Timestamp t, Slices& slices) {
    if (t >= high_) return clear();
    std::size_t unlimited = static_cast<std::size_t>(-1);
    leave(t, slices, unlimited);
  }

  void clear() {
    if (!running_.reuse(0)) running_ = SliceTable<K, Entry>();
    low_ = high_ = kMinTimestamp;
  }

  void release() {
    clear();
    running_ = SliceTable<K, Entry>();
  }
  std::size_t memoryBytes() const { return running_.memoryBytes(); }
  std::size_t size() const { return running_.size(); }

 private:
  using Table = SliceTable<K, Accumulator>;
  struct Entry {
    Accumulator value;
    std::uint32_t slices = 0;
  };

  // Leaves before it enters, so that a checked sum never holds more than a window.
  bool leave(Timestamp start, Slices& slices, std::size_t& budget) {
    for (std::size_t i = slices.endingAfter(low_); low_ < start; ++i) {
      if (i == slices.size() || slices[i].extent.start >= start) {
        low_ = start;
        break;
      }
      if (!spend(slices[i].table.size(), budget)) return false;
      subtract(slices[i]);
      low_ = slices[i].extent.end;
    }
    return true;
  }

  bool enter(Timestamp end, Slices& slices, std::size_t& budget) {
    for (std::size_t i = slices.endingAfter(high_); high_ < end; ++i) {
      if (i == slices.size() || slices[i].extent.start >= end) {
        high_ = end;
        break;
      }
      if (!spend(slices[i].table.size(), budget)) return false;
      merge(slices[i]);
      high_ = slices[i].extent.end;
    }
    return true;
  }

  void merge(Slice& slice) {
    const Table& table = slice.table;
    slice.merged.resize(table.size());
    running_.atEach(
        table.size(), [&](std::size_t i) -> const K& { return table[i].key; },
        [this] { return Entry{aggregate_.create()}; },
        [&](std::size_t i, auto& running, bool) {
          slice.merged[i] = static_cast<std::uint32_t>(&running - running_.begin());
          ++running.value.slices;
          aggregate_.merge(running.value.value, table[i].value);
        });
  }

  void subtract(Slice& slice) {
    const Table& table = slice.table;
    for (std::size_t i = 0; i < table.size(); ++i) {
      Entry& entry = entryNoted(slice, i);
      if (--entry.slices == 0)
        running_.erase(table[i].key);
      else
        aggregate_.subtract(entry.value, table[i].value);
    }
  }

  // Entries that are erased move others, so what merge() has noted is right most of the time.
  Entry& entryNoted(const Slice& slice, std::size_t i) {
    const K& key = slice.table[i].key;
    if (i < slice.merged.size()) [[likely]] {
      const std::size_t noted = slice.merged[i];
      if (noted < running_.size() && running_[noted].key == key) [[likely]]
        return running_[noted].value;
    }
    return entryOf(key);
  }

  // A slice is merged whole: with any budget left it goes, and takes what there is.
  static bool spend(std::size_t cost, std::size_t& budget) {
    if (budget == 0) return false;
    budget -= cost < budget ? cost : budget;
    return true;
  }

  template <typename Q>
  Entry& entryOf(const Q& key) {
    bool isNew = false;
    return running_.at(
        key, [this] { return Entry{aggregate_.create()}; }, isNew);
  }

  const Agg& aggregate_;
  SliceTable<K, Entry> running_;
  std::size_t cursor_ = 0;
  Timestamp low_ = kMinTimestamp;  // running_ is the merge of the slices in [low_, high_)
  Timestamp high_ = kMinTimestamp;
};

/// Two stacks, for aggregates that cannot subtract. The older slices [.., middle) are kept as
/// suffixes, each the merge of the slices from its own start up to `middle`; the newer ones
/// [middle, high) as one running table. A window is one suffix merged with that table. When the
/// window's start passes `middle`, suffixes are made anew of all slices there are. So a slice is
/// merged two times in all, plus once for each key told.
/// [Tangwongsan, Hirzel, Schneider: Low-latency sliding-window aggregation in worst-case constant
/// time, DEBS 2017]
template <typename K, typename Agg, bool kFiresEarly = true>
class TwoStackMerge {
 public:
  using Accumulator = AccumulatorOf<Agg>;
  using Slices = SliceList<K, Accumulator, kFiresEarly>;

  explicit TwoStackMerge(const Agg& aggregate) : aggregate_(aggregate) {}

  bool moveTo(const WindowBounds& window, const Slices& slices, std::size_t& budget) {
    if (window.start >= high_) {
      clear();
      flippedTo_ = middle_ = high_ = window.start;
    }
    low_ = window.start;
    if (!flip(slices, budget)) return false;
    while (!older_.empty() && older_.back().start < low_) older_.pop_back();
    if (!enter(window.end, slices, budget)) return false;
    inOlder_ = !older_.empty();
    cursor_ = inOlder_ ? older_.back().table.begin() : newer_.begin();
    return true;
  }

  template <typename F>
  bool emit(std::size_t& budget, F&& f) {
    if (inOlder_) {
      const Table& suffix = older_.back().table;
      for (; cursor_ != suffix.end(); ++cursor_, --budget) {
        if (budget == 0) return false;
        emitMerged(f);
      }
      inOlder_ = false;
      cursor_ = newer_.begin();
    }
    for (; cursor_ != newer_.end(); ++cursor_) {
      if (budget == 0) return false;
      if (!older_.empty() && older_.back().table.find(cursor_->key) != nullptr) continue;
      f(cursor_->key, cursor_->value);
      --budget;
    }
    return true;
  }

  template <typename Q, typename Apply>
  void include(Timestamp sliceStart, const Q& key, bool /*isNewInSlice*/, Apply&& apply) {
    if (sliceStart < low_ || sliceStart >= high_) return;
    if (sliceStart >= middle_) {
      apply(accumulatorOf(newer_, key));
      return;
    }
    for (Suffix& suffix : suffixesFrom(sliceStart)) apply(accumulatorOf(suffix.table, key));
  }

  void forgetBefore(Timestamp t, const Slices& /*slices*/) {
    if (t >= high_) return clear();
    if (t > low_) low_ = t;
    while (!older_.empty() && older_.back().start < low_) older_.pop_back();
  }

  void clear() {
    older_.clear();
    newer_.clear();
    low_ = middle_ = high_ = flippedTo_ = kMinTimestamp;
  }

  void release() {
    clear();
    newer_ = Table();
  }
  std::size_t memoryBytes() const {
    std::size_t bytes = newer_.memoryBytes();
    for (const Suffix& suffix : older_) bytes += suffix.table.memoryBytes();
    return bytes;
  }
  std::size_t size() const {
    std::size_t size = newer_.size();
    for (const Suffix& suffix : older_) size += suffix.table.size();
    return size;
  }

 private:
  using Table = SliceTable<K, Accumulator>;
  struct Suffix {
    Timestamp start;
    Table table;
  };

  // Makes suffixes of the slices in [low_, high_), newest first, when low_ has passed middle_.
  bool flip(const Slices& slices, std::size_t& budget) {
    if (low_ > middle_) {
      older_.clear();
      newer_.clear();
      middle_ = flippedTo_ = high_;
    }
    for (std::size_t n = slices.endingAfter(flippedTo_); n > 0; --n) {
      const auto& slice = slices[n - 1];
      if (slice.extent.start < low_) break;
      if (budget == 0) return false;
      older_.push_back(
          {slice.extent.start, older_.empty() ? Table{} : copyOf(older_.back().table)});
      Table& suffix = older_.back().table;
      spend(suffix.size() + slice.table.size(), budget);
      for (const auto& [key, accumulator] : slice.table) prepend(suffix, key, accumulator);
      flippedTo_ = slice.extent.start;
    }
    flippedTo_ = low_;
    return true;
  }

  bool enter(Timestamp end, const Slices& slices, std::size_t& budget) {
    for (std::size_t i = slices.endingAfter(high_); high_ < end; ++i) {
      if (i == slices.size() || slices[i].extent.start >= end) {
        high_ = end;
        break;
      }
      if (budget == 0) return false;
      spend(slices[i].table.size(), budget);
      for (const auto& [key, accumulator] : slices[i].table)
        aggregate_.merge(accumulatorOf(newer_, key), accumulator);
      high_ = slices[i].extent.end;
    }
    return true;
  }

  // A slice is merged whole: with any budget left it goes, and takes what there is.
  static void spend(std::size_t cost, std::size_t& budget) {
    budget -= cost < budget ? cost : budget;
  }

  // The suffixes that hold the slice at `sliceStart`; one of its own is made when it is new.
  std::span<Suffix> suffixesFrom(Timestamp sliceStart) {
    auto own = std::partition_point(older_.begin(), older_.end(),
                                    [=](const Suffix& s) { return s.start > sliceStart; });
    if (own == older_.end() || own->start != sliceStart) {
      Table table = own == older_.begin() ? Table{} : copyOf(std::prev(own)->table);
      own = older_.insert(own, Suffix{sliceStart, std::move(table)});
    }
    return {own, older_.end()};
  }

  Table copyOf(const Table& table) const {
    Table copy(table.size());
    for (const auto& [key, accumulator] : table)
      aggregate_.merge(accumulatorOf(copy, key), accumulator);
    return copy;
  }

  void prepend(Table& suffix, const K& key, const Accumulator& accumulator) const {
    Accumulator merged = aggregate_.create();
    aggregate_.merge(merged, accumulator);
    Accumulator& rest = accumulatorOf(suffix, key);
    aggregate_.merge(merged, rest);
    rest = std::move(merged);
  }

  template <typename F>
  void emitMerged(F&& f) {
    const Accumulator* newer = newer_.find(cursor_->key);
    if (newer == nullptr) return f(cursor_->key, cursor_->value);
    Accumulator merged = aggregate_.create();
    aggregate_.merge(merged, cursor_->value);
    aggregate_.merge(merged, *newer);
    f(cursor_->key, std::as_const(merged));
  }

  template <typename Q>
  Accumulator& accumulatorOf(Table& table, const Q& key) const {
    bool isNew = false;
    return table.at(
        key, [this] { return aggregate_.create(); }, isNew);
  }

  const Agg& aggregate_;
  std::vector<Suffix> older_;  // by start, the newest first
  Table newer_;
  typename Table::Iterator cursor_ = nullptr;
  bool inOlder_ = false;  // where cursor_ is
  Timestamp low_ = kMinTimestamp;
  Timestamp middle_ = kMinTimestamp;
  Timestamp high_ = kMinTimestamp;
  Timestamp flippedTo_ = kMinTimestamp;  // slices from here to middle_ are in older_
};

/// Where no two windows share a slice there is nothing to merge.
template <typename K, typename Agg>
class NoMerge {
 public:
  explicit NoMerge(const Agg&) {}
  void include(Timestamp, const auto&, bool, const auto&) {}
  void forgetBefore(Timestamp, const auto&) {}
  void clear() {}
  void release() {}
  static constexpr std::size_t memoryBytes() { return 0; }
  static constexpr std::size_t size() { return 0; }
};

template <typename K, typename Agg, bool kFiresEarly = true>
using SlidingMerge = std::conditional_t<Subtractable<Agg>, SubtractingMerge<K, Agg, kFiresEarly>,
                                        TwoStackMerge<K, Agg, kFiresEarly>>;

}  // namespace millrace
