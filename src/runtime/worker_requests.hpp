// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace millrace {

/// What others want done on a worker's thread, between two of its passes.
///
/// **Thread safety**: post() for anyone, the rest for the worker.
class WorkerRequests {
 public:
  /// False, and nothing will happen: the worker is done.
  bool post(std::function<void()> request) {
    std::lock_guard lock(mutex_);
    if (isClosed_) return false;
    waiting_.push_back(std::move(request));
    isWaiting_.store(true, std::memory_order_release);
    return true;
  }

  /// Costs a load while nobody wants anything.
  void serve() {
    if (!isWaiting_.load(std::memory_order_acquire)) return;
    for (const auto& request : take(false)) request();
  }

  void close() {
    for (const auto& request : take(true)) request();
  }

 private:
  std::vector<std::function<void()>> take(bool closes) {
    std::lock_guard lock(mutex_);
    isClosed_ = isClosed_ || closes;
    isWaiting_.store(false, std::memory_order_relaxed);
    return std::exchange(waiting_, {});
  }

  std::atomic<bool> isWaiting_{false};
  std::mutex mutex_;
  std::vector<std::function<void()>> waiting_;  // under mutex_
  bool isClosed_ = false;                       // under mutex_
};

}  // namespace millrace
