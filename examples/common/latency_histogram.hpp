// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace millrace::examples {

/// Latencies in microseconds, counted in buckets a sixteenth of their value wide:
/// every percentile is right to about 6 %, in a fixed 8 KiB.
class LatencyHistogram {
 public:
  void add(std::uint64_t micros, std::uint64_t times) noexcept {
    buckets_[bucketOf(micros)] += times;
    count_ += times;
    sum_ += micros * times;
    if (micros > largest_) largest_ = micros;
  }

  double averageMillis() const noexcept {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_) / 1000;
  }
  double largestMillis() const noexcept { return static_cast<double>(largest_) / 1000; }

  /// The latency that `fraction` of the records stayed at or below, in milliseconds.
  double percentileMillis(double fraction) const noexcept {
    const double wanted = fraction * static_cast<double>(count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > 0 && static_cast<double>(seen) >= wanted)
        return static_cast<double>(lowestOf(i)) / 1000;
    }
    return largestMillis();
  }

 private:
  static constexpr unsigned kSubBits = 4;
  static constexpr std::uint64_t kSub = 1 << kSubBits;

  static std::size_t bucketOf(std::uint64_t value) noexcept {
    if (value < kSub) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kSubBits;
    return static_cast<std::size_t>(shift * kSub + (value >> shift));
  }
  static std::uint64_t lowestOf(std::size_t bucket) noexcept {
    if (bucket < kSub) return bucket;
    const std::uint64_t shift = bucket / kSub - 1;
    return (bucket - shift * kSub) << shift;
  }

  std::array<std::uint64_t, (64 - kSubBits + 1) * kSub> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t largest_ = 0;
};

}  // namespace millrace::examples
