// SPDX-License-Identifier: MIT
#include <millrace/runtime/waker.hpp>

namespace millrace {

void Waker::prepare() {
  sleeping_.exchange(1, std::memory_order_seq_cst);
}

void Waker::cancel() {
  sleeping_.store(0, std::memory_order_relaxed);
}

void Waker::sleep(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  condition_.wait_for(lock, timeout, [&] { return awakened_; });
  awakened_ = false;
  sleeping_.store(0, std::memory_order_relaxed);
}

void Waker::wake() {
  // A read-modify-write stands for "fence, then load": it is ordered after the producer's
  // store by seq_cst, and thread sanitizers understand it where they do not a bare fence.
  if (sleeping_.fetch_add(0, std::memory_order_seq_cst) == 0) return;
  {
    std::lock_guard lock(mutex_);
    awakened_ = true;
  }
  condition_.notify_one();
}

}  // namespace millrace
