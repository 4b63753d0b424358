// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/batch.hpp>
#include <millrace/runtime/mark.hpp>
#include <millrace/runtime/waker.hpp>

#include <atomic>
#include <cstddef>
#include <vector>

namespace millrace {

/// One thing in a channel: a batch, or a mark when `batch` is null.
struct Item {
  BatchPtr batch;
  Mark mark;
};

/// A bounded queue of batches and marks from one task to another: a ring with one
/// producer and one consumer.
///
/// **Thread safety**: hasRoom(), push() for the producing worker; front(), pop() for the
/// consuming one; size() for anyone, as an estimate.
///
/// **Invariants**: 1. Items come out in the order they went in. 2. Never more than
/// capacity() items: a full channel is back-pressure. 3. A push wakes the consumer, a pop
/// wakes the producer, when they sleep.
class Channel {
 public:
  /// `producer` and `consumer` are null when both ends belong to one worker.
  Channel(std::size_t capacity, Waker* producer, Waker* consumer);

  bool hasRoom() const;
  /// REQUIRES: hasRoom().
  void push(Item item);

  /// The oldest item, or null when the channel is empty.
  Item* front();
  /// REQUIRES: front() != nullptr.
  Item pop();

  std::size_t size() const;
  std::size_t capacity() const { return slots_.size(); }

 private:
  std::vector<Item> slots_;
  Waker* const producerWaker_;
  Waker* const consumerWaker_;
  // head_: stored by the consumer (release) after it emptied a slot, loaded by the producer
  // (acquire). tail_: stored by the producer (release) after it filled a slot, loaded by the
  // consumer (acquire). The cached copies spare each side most loads of the other's line.
  alignas(64) std::atomic<std::size_t> head_{0};
  std::size_t cachedTail_ = 0;  // consumer only
  alignas(64) std::atomic<std::size_t> tail_{0};
  mutable std::size_t cachedHead_ = 0;  // producer only
};

}  // namespace millrace
