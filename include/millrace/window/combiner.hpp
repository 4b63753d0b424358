// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <millrace/base/hash.hpp>
#include <millrace/time/timestamp.hpp>
#include <millrace/window/aggregates.hpp>
#include <millrace/window/slice_table.hpp>
#include <millrace/window/window_layout.hpp>
#include <millrace/window/windows.hpp>

namespace millrace {

struct CombinerLimits {
  /// Partial accumulators held; at that many the combiner asks to be flushed.
  std::size_t maxEntries = std::size_t{1} << 16;
  /// Records held in them: bounds accumulators that grow with their records.
  std::uint64_t maxRecords = std::uint64_t{1} << 20;
};

/// Aggregates ahead of the shuffle: one worker's records of the same key and slice become one
/// partial accumulator, which the key's owner puts in with `SlicedWindows::addPartial`. The results
/// are those of the records sent one by one, provided that the caller
///
///  - sends a record that add() answers with kSendAsIs as the record it is,
///  - flushes before it passes on a watermark w of which mustFlushBefore(w) holds, and before a
///    barrier or the end of input.
///
/// Of use only without early firing by records (see combines()), which needs single records.
///
/// Thread safety: none; one owner.
/// Invariant: no record is held whose slice is part of a window that the watermark passed on so
/// far has completed; so a partial never comes late.
template <typename K, typename In, typename Agg>
requires Aggregate<Agg, In> && Mergeable<Agg> && StablyHashable<K>
class Combiner {
 public:
  using Accumulator = AccumulatorOf<Agg>;

  enum class Answer : std::uint8_t {
    kTaken,     ///< it is part of a partial accumulator now
    kSendAsIs,  ///< not taken: outside all windows, or perhaps late, which its owner must judge
  };

  static bool combines(const WindowOptions& options) {
    return options.early.kind != EarlyFiring::Kind::kRecords;
  }

  /// REQUIRES: options.validate() is ok, combines(options), limits are positive.
  Combiner(WindowLayout layout, Agg aggregate, WindowOptions options = {},
           CombinerLimits limits = {})
      : layout_(std::move(layout)),
        aggregate_(std::move(aggregate)),
        options_(options),
        limits_(limits) {}
  Combiner(const Combiner&) = delete;
  Combiner& operator=(const Combiner&) = delete;

  /// Offers a record; `key` as in SlicedWindows::add. REQUIRES: !isFull().
  template <typename Q>
  Answer add(const Q& key, const In& in, Timestamp t) {
    if (!isInCurrent(t)) [[unlikely]] {
      if (!enterSliceOf(t)) return Answer::kSendAsIs;
    }
    bool isNew = false;
    Accumulator& partial = current_->table.at(
        key, [this] { return aggregate_.create(); }, isNew);
    aggregate_.add(partial, in);
    ++current_->records;
    ++records_;
    entries_ += isNew ? 1 : 0;
    return Answer::kTaken;
  }

  /// A limit is reached: flush before the next add.
  bool isFull() const { return entries_ >= limits_.maxEntries || records_ >= limits_.maxRecords; }
  bool isEmpty() const { return records_ == 0; }

  /// Whether what is held must be flushed before the watermark `w` may be passed on: it completes a
  /// window that something here belongs to, or calls for an early firing in event time.
  bool mustFlushBefore(Timestamp w) const {
    if (isEmpty()) return false;
    if (slices_[0].extent.firstEnd - 1 <= w) return true;
    return options_.early.kind == EarlyFiring::Kind::kEventTime &&
           options_.early.isDue(watermark_, w);
  }

  /// Whether passing on the watermark `w` can matter at all to the windows behind the shuffle.
  bool isWorthPassingOn(Timestamp w) const {
    return layout_.crossesWindow(watermark_, w, options_.allowedLateness) ||
           (options_.early.kind == EarlyFiring::Kind::kEventTime &&
            options_.early.isDue(watermark_, w));
  }

  /// The watermark `w` has been passed on. REQUIRES: mustFlushBefore(w) does not hold.
  void advance(Timestamp w) {
    if (w <= watermark_) return;
    watermark_ = w;
    leaveCurrent();
  }

  /// Hands out about `limit` partials at most: emit(sliceStart, key, Accumulator&&, records), to be
  /// offered at the event time `sliceStart`. True: there is more, call again before any add.
  /// Records are counted by slice, not by key: the first partial of a slice stands for all that the
  /// others, with one each, leave over. REQUIRES: limit > 0.
  template <typename Emit>
  bool flush(Emit&& emit, std::size_t limit) {
    leaveCurrent();
    for (std::size_t budget = limit; !slices_.isEmpty();) {
      Slice& slice = slices_[0];
      if (!isFlushing_) cursor_ = slice.table.begin();
      isFlushing_ = true;
      for (; cursor_ != slice.table.end(); ++cursor_, --budget) {
        if (budget == 0) return true;
        emit(slice.extent.start, cursor_->key, std::move(cursor_->value), takeRecords(slice));
      }
      isFlushing_ = false;
      slices_.dropFirst(1);
    }
    if (entries_ != 0) noteReduction();
    return false;
  }

  /// Records that went into a partial, on average of late. Near 1 combining is work for nothing:
  /// the caller had better send records as they are, and try again after a while.
  double reduction() const { return reduction_; }
  bool isWorthwhile() const { return reduction_ >= kWorthwhileReduction; }

  std::uint64_t heldRecords() const { return records_; }
  std::size_t heldEntries() const { return entries_; }

 private:
  // The same tables that SlicedWindows has where nothing fires early: one type to compile.
  using Slices = SliceList<K, Accumulator, false>;
  using Slice = typename Slices::Slice;

  static constexpr double kWorthwhileReduction = 2.0;

  bool isInCurrent(Timestamp t) const {
    return static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(currentStart_) <
           currentLength_;
  }

  bool enterSliceOf(Timestamp t) {
    Slice* slice = slices_.containing(t);
    if (slice == nullptr) {
      const WindowLayout::Slice extent = layout_.sliceOf(t);
      if (extent.isOutside() || extent.firstEnd - 1 <= watermark_) return false;
      slice = &slices_.insert(extent);
    }
    current_ = slice;
    currentStart_ = slice->extent.start;
    currentLength_ = static_cast<std::uint64_t>(slice->extent.end) -
                     static_cast<std::uint64_t>(slice->extent.start);
    return true;
  }

  void leaveCurrent() {
    current_ = nullptr;
    currentLength_ = 0;
  }

  // What the slice's next partial stands for.
  static std::uint64_t takeRecords(Slice& slice) {
    const std::uint64_t others = slice.table.size() - 1;
    const std::uint64_t taken = slice.records > others ? slice.records - others : 1;
    slice.records -= taken;
    return taken;
  }

  void noteReduction() {
    const double latest = static_cast<double>(records_) / static_cast<double>(entries_);
    reduction_ = hasFlushed_ ? (reduction_ + latest) / 2 : latest;
    hasFlushed_ = true;
    records_ = 0;
    entries_ = 0;
  }

  // Constant.
  const WindowLayout layout_;
  const Agg aggregate_;
  const WindowOptions options_;
  const CombinerLimits limits_;

  Slice* current_ = nullptr;  // the slice of the record before
  Timestamp currentStart_ = 0;
  std::uint64_t currentLength_ = 0;

  Slices slices_;
  std::size_t entries_ = 0;
  std::uint64_t records_ = 0;
  Timestamp watermark_ = kMinTimestamp;

  typename SliceTable<K, Accumulator>::Entry* cursor_ = nullptr;
  bool isFlushing_ = false;
  double reduction_ = kWorthwhileReduction;
  bool hasFlushed_ = false;
};

}  // namespace millrace
