// SPDX-License-Identifier: MIT
#include <millrace/runtime/waker.hpp>

#include <condition_variable>
#include <mutex>

namespace millrace {

struct Waker::Bed {
  std::mutex mutex;
  std::condition_variable condition;
  bool isAwakened = false;  // under mutex
};

Waker::Waker() : bed_(std::make_unique<Bed>()) {}
Waker::~Waker() = default;

void Waker::prepare() { sleeping_.exchange(1, std::memory_order_seq_cst); }

void Waker::cancel() { sleeping_.store(0, std::memory_order_relaxed); }

void Waker::sleep(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(bed_->mutex);
  bed_->condition.wait_for(lock, timeout, [&] { return bed_->isAwakened; });
  bed_->isAwakened = false;
  sleeping_.store(0, std::memory_order_relaxed);
}

void Waker::wake() {
  // A read-modify-write stands for "fence, then load": it is ordered after the producer's
  // store by seq_cst, and thread sanitizers understand it where they do not a bare fence.
  if (sleeping_.fetch_add(0, std::memory_order_seq_cst) == 0) return;
  {
    std::lock_guard lock(bed_->mutex);
    bed_->isAwakened = true;
  }
  bed_->condition.notify_one();
}

}  // namespace millrace
