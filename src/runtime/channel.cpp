// SPDX-License-Identifier: MIT
#include <millrace/runtime/channel.hpp>

#include <algorithm>

namespace millrace {

Channel::Channel(std::size_t capacity, Waker* producer, Waker* consumer)
    : slots_(capacity), producerWaker_(producer), consumerWaker_(consumer) {}

bool Channel::hasRoom() const {
  const std::size_t tail = tail_.load(std::memory_order_relaxed);
  if (tail - cachedHead_ < slots_.size()) return true;
  cachedHead_ = head_.load(std::memory_order_acquire);
  return tail - cachedHead_ < slots_.size();
}

void Channel::push(Item item) {
  MILLRACE_CHECK(hasRoom(), "push into a full channel");
  const std::size_t tail = tail_.load(std::memory_order_relaxed);
  slots_[tail % slots_.size()] = std::move(item);
  tail_.store(tail + 1, std::memory_order_release);
  if (consumerWaker_ != nullptr) consumerWaker_->wake();
}

Item* Channel::front() {
  const std::size_t head = head_.load(std::memory_order_relaxed);
  if (head == cachedTail_) {
    cachedTail_ = tail_.load(std::memory_order_acquire);
    if (head == cachedTail_) return nullptr;
  }
  return &slots_[head % slots_.size()];
}

Item Channel::pop() {
  Item* item = front();
  MILLRACE_CHECK(item != nullptr, "pop from an empty channel");
  Item taken = std::move(*item);
  const std::size_t head = head_.load(std::memory_order_relaxed);
  head_.store(head + 1, std::memory_order_release);
  if (producerWaker_ != nullptr) producerWaker_->wake();
  return taken;
}

std::size_t Channel::size() const {
  // head_ first, with all its consumer has seen: the tail loaded after it is never behind it, and
  // may be ahead by more than there is room for.
  const std::size_t head = head_.load(std::memory_order_acquire);
  return std::min(tail_.load(std::memory_order_relaxed) - head, slots_.size());
}

}  // namespace millrace
