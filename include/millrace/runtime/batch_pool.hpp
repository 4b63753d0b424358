// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/batch.hpp>

#include <atomic>
#include <cstddef>

namespace millrace {

/// Recycles the batches of one type for one worker.
///
/// **Thread safety**: acquire() is for the owning worker alone; recycle() may be
/// called by any thread, so a batch sent to another worker finds its way home.
///
/// **Invariants**: 1. The pool outlives its batches. 2. It keeps every batch it ever
/// made; how many there are is bounded by the limits of the channels.
class BatchPool {
 public:
  using Factory = Batch* (*)();

  explicit BatchPool(Factory factory) : factory_(factory) {}
  ~BatchPool();
  BatchPool(const BatchPool&) = delete;
  BatchPool& operator=(const BatchPool&) = delete;

  /// An empty batch.
  BatchPtr acquire();

  /// Sends a batch to the pool it came from; one that never had a pool is deleted.
  static void recycle(Batch* batch) noexcept;

 private:
  void release(Batch* batch) noexcept;
  static void destroyList(Batch* head) noexcept;

  const Factory factory_;
  Batch* free_ = nullptr;  // owning worker only
  // Pushed by any thread (release order), emptied by the owner (acquire order).
  std::atomic<Batch*> returned_{nullptr};
};

}  // namespace millrace
