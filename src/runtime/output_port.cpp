// SPDX-License-Identifier: MIT
#include <millrace/runtime/output_port.hpp>

#include <millrace/runtime/channel.hpp>

namespace millrace {

void OutputPort::connect(Channel* consumer) { consumers_.push_back(consumer); }

void OutputPort::configure(BatchPool* pool, std::size_t batchSize, TaskCounters* counters) {
  pool_ = pool;
  batchSize_ = batchSize;
  counters_ = counters;
}

bool OutputPort::hasRoom() {
  for (const Channel* consumer : consumers_) {
    if (consumer->hasRoom()) continue;
    wasRefused_ = true;
    return false;
  }
  return true;
}

bool OutputPort::isFull() const {
  for (const Channel* consumer : consumers_) {
    if (consumer->size() >= consumer->capacity()) return true;
  }
  return false;
}

bool OutputPort::openBatch() {
  if (open_ != nullptr && !flush()) return false;
  if (open_ == nullptr) open_ = pool_->acquire();
  return true;
}

bool OutputPort::flush() {
  if (open_ == nullptr || open_->isEmpty()) return true;
  if (!hasRoom()) return false;
  sendBatch(std::move(open_));
  return true;
}

void OutputPort::forward(BatchPtr batch) {
  if (batch->isEmpty()) return;
  sendBatch(std::move(batch));
}

void OutputPort::sendBatch(BatchPtr batch) {
  if (consumers_.empty()) return;
  counters_->out.add(batch->size());
  batch->setCursor(0);
  for (std::size_t i = 0; i + 1 < consumers_.size(); ++i) {
    BatchPtr copy = pool_->acquire();
    copy->appendCopyOf(*batch);
    consumers_[i]->push({std::move(copy), {}});
  }
  consumers_.back()->push({std::move(batch), {}});
}

void OutputPort::send(Mark mark) {
  for (Channel* consumer : consumers_) consumer->push({nullptr, mark});
}

}  // namespace millrace
