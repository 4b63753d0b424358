// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <thread>

#include <millrace/runtime/waker.hpp>

namespace millrace {
namespace {

using std::chrono::steady_clock;

// Longer than any hand-over may take on a busy machine; a lost wake-up costs this much.
constexpr auto kTooLong = std::chrono::seconds(20);

TEST_CASE("no wake-up is lost between two threads that wait for each other") {
  constexpr int kTurns = 5'000;
  Waker wakers[2];
  std::atomic<int> turn{0};
  std::atomic<bool> isLost{false};
  const auto play = [&](int self) {
    for (int i = self; i < kTurns; i += 2) {
      while (turn.load(std::memory_order_acquire) != i) {
        wakers[self].prepare();
        if (turn.load(std::memory_order_acquire) == i) {
          wakers[self].cancel();
          break;
        }
        const auto begin = steady_clock::now();
        wakers[self].sleep(kTooLong);
        if (steady_clock::now() - begin >= kTooLong) isLost.store(true);
      }
      turn.store(i + 1, std::memory_order_release);
      wakers[1 - self].wake();
    }
  };
  std::thread other([&] { play(1); });
  play(0);
  other.join();
  REQUIRE_FALSE(isLost.load());
  REQUIRE(turn.load() == kTurns);
}

TEST_CASE("a wake-up that comes between prepare and sleep ends the sleep at once") {
  Waker waker;
  waker.prepare();
  waker.wake();
  const auto begin = steady_clock::now();
  waker.sleep(kTooLong);
  REQUIRE(steady_clock::now() - begin < kTooLong);
}

TEST_CASE("a sleeper wakes by itself when its time has come") {
  Waker waker;
  waker.prepare();
  waker.sleep(std::chrono::nanoseconds(1));
}

TEST_CASE("waking one who is awake does nothing to a later sleep") {
  Waker waker;
  waker.wake();
  waker.prepare();
  const auto begin = steady_clock::now();
  waker.sleep(std::chrono::milliseconds(5));
  REQUIRE(steady_clock::now() - begin >= std::chrono::milliseconds(5));
}

}  // namespace
}  // namespace millrace
