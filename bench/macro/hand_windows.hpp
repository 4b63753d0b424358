// SPDX-License-Identifier: MIT
#pragma once

#include "keyed_records.hpp"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <map>

namespace millrace::bench {

/// Tumbling windows by hand: a table per window; windows may be filled out of order as in the
/// pipeline, and become rows when the watermark, looked at every so many records, has passed them.
class HandWindows {
 public:
  /// REQUIRES: the outcome outlives the windows.
  HandWindows(Outcome& outcome, Duration window) : outcome_(outcome), window_(window.count()) {}

  void add(const KeyedRecord& record) {
    if (record.time < currentStart_ || record.time >= currentStart_ + window_)
      if (!enter(record.time)) return;
    ++(*current_)[record.key];
    highest_ = std::max(highest_, record.time);
  }

  void advance() { closeUntil(highest_ - 1); }
  void finish() { closeUntil(kMaxTimestamp); }

 private:
  bool enter(Timestamp time) {
    const Timestamp start = floorDivide(time, window_) * window_;
    if (start + window_ - 1 <= watermark_) return false;
    current_ = &open_[start];
    currentStart_ = start;
    return true;
  }

  void closeUntil(Timestamp watermark) {
    watermark_ = watermark;
    while (!open_.empty() && open_.begin()->first + window_ - 1 <= watermark) {
      const auto& [start, counts] = *open_.begin();
      for (const auto& [key, value] : counts) addRow(outcome_, key, start, start + window_, value);
      if (&counts == current_) currentStart_ = kMinTimestamp;
      open_.erase(open_.begin());
    }
  }

  Outcome& outcome_;
  const Timestamp window_;
  std::map<Timestamp, absl::flat_hash_map<std::uint64_t, std::int64_t>> open_;
  absl::flat_hash_map<std::uint64_t, std::int64_t>* current_ = nullptr;
  Timestamp currentStart_ = kMinTimestamp;
  Timestamp highest_ = kMinTimestamp + 1;
  Timestamp watermark_ = kMinTimestamp;
};

}  // namespace millrace::bench
