// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/batch_pool.hpp>
#include <millrace/runtime/counters.hpp>
#include <millrace/runtime/mark.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace millrace {

class Channel;

/// One output of a task: collects records into a batch and sends it to every consumer.
///
/// **Thread safety**: none; belongs to its task's worker.
///
/// **Invariants**: 1. Items reach every consumer in the order they were written. 2. A write
/// after ready() or canForward() said yes never fails; when they say no, the operator returns
/// and is called again. 3. A port that nothing is connected to takes everything and keeps nothing.
class OutputPort {
 public:
  OutputPort() = default;
  OutputPort(OutputPort&&) noexcept = default;

  void connect(Channel* consumer);
  void configure(BatchPool* pool, std::size_t batchSize, TaskCounters* counters);

  bool isConnected() const { return !consumers_.empty(); }

  /// True when one more record may be appended.
  bool ready() {
    if (open_ != nullptr && open_->size() < batchSize_) [[likely]]
      return true;
    return openBatch();
  }

  /// The batch being filled. REQUIRES: ready() since the last flush.
  Batch& open() { return *open_; }

  /// True when a whole batch may be passed to forward().
  bool canForward() { return flush() && hasRoom(); }

  /// Sends `batch` on as it is, from its first record; consumers own it afterwards.
  /// REQUIRES: canForward().
  void forward(BatchPtr batch);

  /// Sends what has been collected. False when a consumer has no room now.
  bool flush();

  /// True when every consumer takes one more item.
  bool hasRoom();

  /// True when hasRoom(), also on behalf of other calls, has said no since the last takeRefusal().
  bool takeRefusal() { return std::exchange(wasRefused_, false); }

  /// For observers on any thread: an estimate of !hasRoom().
  bool isFull() const;

  /// REQUIRES: flush() and hasRoom() returned true, nothing appended since.
  void send(Mark mark);

 private:
  bool openBatch();
  void sendBatch(BatchPtr batch);

  BatchPtr open_;
  std::size_t batchSize_ = 1;
  BatchPool* pool_ = nullptr;
  TaskCounters* counters_ = nullptr;
  std::vector<Channel*> consumers_;
  bool wasRefused_ = false;
};

/// A typed view of an output port.
template <typename T>
class Emitter {
 public:
  Emitter() = default;
  explicit Emitter(OutputPort& port) : port_(&port) {}

  bool isConnected() const { return port_->isConnected(); }
  bool ready() { return port_->ready(); }

  /// A recycled slot to be assigned as a whole. An operator that cannot stop in the middle of
  /// a record (flatMap) may append past ready(); the batch then grows. REQUIRES: ready() once.
  T& append(Timestamp time) { return static_cast<TypedBatch<T>&>(port_->open()).append(time); }

  TypedBatch<T>& open() { return static_cast<TypedBatch<T>&>(port_->open()); }
  OutputPort& port() { return *port_; }

 private:
  OutputPort* port_ = nullptr;
};

}  // namespace millrace
