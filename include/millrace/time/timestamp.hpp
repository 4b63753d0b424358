// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace millrace {

/// A point in event or processing time: milliseconds since 1970-01-01T00:00Z.
/// Negative values are legal.
using Timestamp = std::int64_t;

/// A length of time. `5s`, `1min` and `250ms` convert to it.
using Duration = std::chrono::milliseconds;

/// "No watermark yet": nothing is known about what is still to come.
inline constexpr Timestamp kMinTimestamp = std::numeric_limits<Timestamp>::min();

/// The watermark after the end of a bounded input: nothing more will come.
inline constexpr Timestamp kMaxTimestamp = std::numeric_limits<Timestamp>::max();

/// a + b, held at the ends of the range.
constexpr Timestamp saturatingAdd(Timestamp a, Timestamp b) noexcept {
  Timestamp sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return b > 0 ? kMaxTimestamp : kMinTimestamp;
  return sum;
}

/// a - b, held at the ends of the range.
constexpr Timestamp saturatingSubtract(Timestamp a, Timestamp b) noexcept {
  Timestamp difference = 0;
  if (__builtin_sub_overflow(a, b, &difference)) return b < 0 ? kMaxTimestamp : kMinTimestamp;
  return difference;
}

/// The quotient rounded towards minus infinity (`/` truncates). REQUIRES: divisor > 0.
constexpr std::int64_t floorDivide(std::int64_t dividend, std::int64_t divisor) noexcept {
  const std::int64_t quotient = dividend / divisor;
  return dividend % divisor < 0 ? quotient - 1 : quotient;
}

}  // namespace millrace
