// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/check.hpp>
#include <millrace/base/clock.hpp>
#include <millrace/base/file_system.hpp>
#include <millrace/runtime/batch_pool.hpp>
#include <millrace/runtime/channel.hpp>
#include <millrace/runtime/operator.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace millrace::bench {

/// The surroundings of an operator that is worked without an engine: as many outputs as workers,
/// each into a channel that drain() empties.
template <typename Out>
class LoneContext final : public OperatorContext {
 public:
  LoneContext(std::size_t workers, std::size_t batchSize)
      : batchSize_(batchSize),
        pool_([]() -> Batch* { return new TypedBatch<Out>(); }),
        outputs_(workers) {
    for (OutputPort& output : outputs_) {
      channels_.push_back(std::make_unique<Channel>(kCapacity, nullptr, nullptr));
      output.configure(&pool_, batchSize, &counters_);
      output.connect(channels_.back().get());
    }
  }

  void drain() {
    for (const auto& channel : channels_)
      while (channel->front() != nullptr) channel->pop();
  }

  const std::string& jobName() const override { return name_; }
  const std::string& operatorName() const override { return name_; }
  std::size_t worker() const override { return 0; }
  std::size_t workers() const override { return outputs_.size(); }
  std::size_t batchSize() const override { return batchSize_; }
  std::size_t keyGroups() const override { return 128; }
  std::uint64_t seed() const override { return 0; }
  OutputPort& output(std::size_t port) override { return outputs_[port]; }
  TaskCounters& counters() override { return counters_; }
  FileSystem& fileSystem() override { return posixFileSystem(); }
  const Clock& clock() const override { return systemClock(); }
  Waker& waker() override { return waker_; }
  Timestamp processingTime() const override { return 0; }
  bool isCheckpointed() const override { return false; }
  StatusOr<StateId> declareState(const StateDeclaration&) override { return StateId{}; }

 private:
  static constexpr std::size_t kCapacity = 8;

  const std::string name_ = "bench";
  const std::size_t batchSize_;
  BatchPool pool_;
  TaskCounters counters_;
  Waker waker_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<OutputPort> outputs_;
};

}  // namespace millrace::bench
