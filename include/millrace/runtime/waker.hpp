// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

namespace millrace {

/// Where a worker sleeps while it has nothing to do, and how others wake it.
///
/// **Thread safety**: prepare(), sleep() and cancel() are for the sleeping thread; wake() is for
/// anyone, costs a fence and a load while the worker is awake, and never blocks on a record's path.
///
/// Protocol (an event count): the sleeper calls prepare(), looks once more for work, then
/// sleep() or cancel(). A producer makes its work visible and then calls wake(). Either the
/// sleeper sees the work or the producer sees the sleeper.
class Waker {
 public:
  Waker();
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  void prepare();
  void cancel();
  /// Sleeps until wake(), or until `timeout` has passed.
  void sleep(std::chrono::nanoseconds timeout);
  void wake();

 private:
  // 1 while the owner sleeps or is about to: prepare()'s fence pairs with the one in wake().
  std::atomic<int> sleeping_{0};
  struct Bed;  // what only sleepers touch
  const std::unique_ptr<Bed> bed_;
};

}  // namespace millrace
