// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace millrace {

/// Where every part of Millrace asks for the time, so that a test or a simulation
/// can hold the hands of the clock. Engine code never calls `std::chrono::*::now()`.
///
/// Thread safety: all methods may be called from any thread at once.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Wall-clock time in milliseconds since 1970-01-01T00:00Z (a `Timestamp`).
  /// May jump in either direction when the machine's clock is set.
  virtual std::int64_t now() const = 0;

  /// Nanoseconds since an arbitrary fixed point; never goes back. For measuring.
  virtual std::int64_t monotonicNanos() const = 0;
};

/// The machine's clocks. Lives as long as the process.
Clock& systemClock();

/// A clock that moves only when told to.
///
/// Invariants: `monotonicNanos()` starts at 0 and moves by what `advance` and
/// forward calls of `set` add; setting the wall clock back does not move it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t now = 0) : nowNanos_(now * kNanosPerMilli) {}

  std::int64_t now() const override;
  std::int64_t monotonicNanos() const override;

  /// Moves both clocks forward. REQUIRES: step >= 0.
  void advance(std::chrono::nanoseconds step);

  /// Sets the wall clock to `now` (milliseconds since the epoch).
  void set(std::int64_t now);

 private:
  static constexpr std::int64_t kNanosPerMilli = 1'000'000;

  std::atomic<std::int64_t> nowNanos_;
  std::atomic<std::int64_t> monotonicNanos_{0};
};

}  // namespace millrace
