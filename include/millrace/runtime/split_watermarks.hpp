// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/watermark_strategy.hpp>
#include <millrace/runtime/watermark_valve.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace millrace {

/// Keeps the watermark of each split of a source instance and merges them.
///
/// **Thread safety**: none.
///
/// **Invariants**: 1. merged() never goes back. 2. An instance without a split is idle, as is one
/// whose splits have all ended: more may come, and only the source knows of its end.
class SplitWatermarks {
 public:
  explicit SplitWatermarks(WatermarkStrategy strategy);

  /// Makes sure that split `split` exists, from `now` on. REQUIRES: split <= splits so far.
  void announce(std::size_t split, Timestamp now);

  /// `batch` from `from` on was read from `split`. Returns how many of its records are dated
  /// beyond the future limit; they do not count.
  std::size_t onBatch(std::size_t split, const Batch& batch, std::size_t from, Timestamp now);

  /// The highest time counted in the last onBatch(), kMinTimestamp when there was none.
  Timestamp batchMaximum() const { return batchMaximum_; }

  /// Raises the split's watermark to what its records have shown.
  void commit(std::size_t split);

  /// For a split that several instances read together: the highest time that all of them have
  /// passed, in the split's order, takes the place of what this instance has seen of it.
  void commitShared(std::size_t split, Timestamp maximum);

  void end(std::size_t split);

  /// A split that has more to read is not silent, and the silence of one that has not begins now.
  /// REQUIRES: it is announced.
  void setPending(std::size_t split, bool isPending, Timestamp now);

  /// No split counts as silent from `from` to `to`, when the source could not be read.
  void passOver(Timestamp from, Timestamp to);

  /// Marks splits idle that have been silent for too long.
  void checkIdleness(Timestamp now);
  /// When checkIdleness() has something to do next.
  Timestamp nextDeadline() const;

  Timestamp merged() const { return valve_.merged(); }
  bool isIdle() const { return valve_.isEnded() || valve_.isIdle(); }

 private:
  struct Split {
    Timestamp maximum = kMinTimestamp;
    Timestamp lastRecordAt = kMinTimestamp;  // wall clock, less what was passed over
    bool isIdle = false;
    bool isEnded = false;
    bool isPending = false;
    std::unique_ptr<WatermarkGenerator> generator;
  };

  void wake(std::size_t split, Timestamp now);
  void raise(std::size_t split, Timestamp maximum);

  const WatermarkStrategy strategy_;
  std::vector<Split> splits_;
  WatermarkValve valve_{0};
  Timestamp batchMaximum_ = kMinTimestamp;
};

}  // namespace millrace
