// SPDX-License-Identifier: MIT
#include <millrace/runtime/batch_pool.hpp>

namespace millrace {

void BatchRecycler::operator()(Batch* batch) const noexcept { BatchPool::recycle(batch); }

BatchPool::~BatchPool() {
  destroyList(free_);
  destroyList(returned_.load(std::memory_order_acquire));
}

BatchPtr BatchPool::acquire() {
  if (free_ == nullptr) free_ = returned_.exchange(nullptr, std::memory_order_acquire);
  if (free_ == nullptr) {
    Batch* made = factory_();
    made->home_ = this;
    return BatchPtr(made);
  }
  Batch* batch = free_;
  free_ = batch->next_;
  batch->next_ = nullptr;
  return BatchPtr(batch);
}

void BatchPool::recycle(Batch* batch) noexcept {
  if (batch->home_ == nullptr) {
    delete batch;
    return;
  }
  batch->clear();
  batch->home_->release(batch);
}

void BatchPool::release(Batch* batch) noexcept {
  Batch* head = returned_.load(std::memory_order_relaxed);
  do {
    batch->next_ = head;
  } while (!returned_.compare_exchange_weak(head, batch, std::memory_order_release,
                                            std::memory_order_relaxed));
}

void BatchPool::destroyList(Batch* head) noexcept {
  while (head != nullptr) {
    Batch* next = head->next_;
    delete head;
    head = next;
  }
}

}  // namespace millrace
