// SPDX-License-Identifier: MIT
#pragma once

#include "keyed_records.hpp"

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <deque>

namespace millrace::bench {

/// Sliding windows by hand, for records in the order of time: a table a second, and a running total
/// that a second is added to when it is over and taken from when it leaves the window.
class HandSliding {
 public:
  /// Windows of `size`, whole seconds, one each second.
  explicit HandSliding(Duration size) : size_(size.count()) {}

  void add(const KeyedRecord& record) {
    while (record.time >= currentStart_ + kSecond) endSecond();
    ++seconds_.back()[record.key];
  }

  Outcome finish() {
    do endSecond();
    while (!total_.empty());
    return outcome_;
  }

 private:
  using Counts = absl::flat_hash_map<std::uint64_t, std::int64_t>;
  static constexpr Timestamp kSecond = 1000;

  void endSecond() {
    for (const auto& [key, value] : seconds_.back()) total_[key] += value;
    currentStart_ += kSecond;
    for (const auto& [key, value] : total_)
      addRow(outcome_, key, currentStart_ - size_, currentStart_, value);
    seconds_.emplace_back();
    if (seconds_.size() <= static_cast<std::size_t>(size_ / kSecond)) return;
    for (const auto& [key, value] : seconds_.front()) {
      const auto total = total_.find(key);
      if ((total->second -= value) == 0) total_.erase(total);
    }
    seconds_.pop_front();
  }

  const Timestamp size_;
  Outcome outcome_;
  std::deque<Counts> seconds_ = std::deque<Counts>(1);
  Counts total_;
  Timestamp currentStart_ = 0;
};

}  // namespace millrace::bench
