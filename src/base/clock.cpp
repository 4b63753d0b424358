// SPDX-License-Identifier: MIT
#include <millrace/base/clock.hpp>

namespace millrace {
namespace {

class SystemClock final : public Clock {
 public:
  std::int64_t now() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  std::int64_t monotonicNanos() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace

Clock& systemClock() {
  static SystemClock clock;
  return clock;
}

std::int64_t ManualClock::now() const {
  const std::int64_t nanos = nowNanos_.load(std::memory_order_acquire);
  const std::int64_t millis = nanos / kNanosPerMilli;
  return nanos % kNanosPerMilli < 0 ? millis - 1 : millis;
}

std::int64_t ManualClock::monotonicNanos() const {
  return monotonicNanos_.load(std::memory_order_acquire);
}

void ManualClock::advance(std::chrono::nanoseconds step) {
  nowNanos_.fetch_add(step.count(), std::memory_order_acq_rel);
  monotonicNanos_.fetch_add(step.count(), std::memory_order_acq_rel);
}

void ManualClock::set(std::int64_t now) {
  const std::int64_t nanos = now * kNanosPerMilli;
  const std::int64_t before = nowNanos_.exchange(nanos, std::memory_order_acq_rel);
  if (nanos > before) monotonicNanos_.fetch_add(nanos - before, std::memory_order_acq_rel);
}

}  // namespace millrace
