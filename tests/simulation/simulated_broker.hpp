// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <millrace/base/random.hpp>
#include <millrace/runtime/commit_point.hpp>
#include <millrace/runtime/sink.hpp>

namespace millrace::test {

/// A system that commits lines and an epoch's mark in one step, and is as unkind about it as a
/// broker: the answer to a commit may be lost, and the commit itself may be decided later, when the
/// next run has begun to take over.
class SimulatedBroker {
 public:
  explicit SimulatedBroker(std::uint64_t seed) : random_(seed) {}

  /// Whether anything may go wrong.
  bool isKind = false;

  std::vector<std::string> committedLines() const {
    std::vector<std::string> lines = committed_;
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  int lostAnswers() const { return lostAnswers_; }
  int lateDecisions() const { return lateDecisions_; }

  /// Shuts out the run before; returns the number by which the new one is known.
  std::uint64_t takeOver() {
    if (undecided_) {
      ++lateDecisions_;
      if (random_.below(2) == 0) apply(*std::exchange(undecided_, std::nullopt));
    }
    undecided_.reset();
    open_ = {};
    return ++owner_;
  }
  const EpochMark& marker() const { return marker_; }

  Status write(std::uint64_t owner, const std::string& line) {
    if (owner != owner_) return abortedError("another run has taken over");
    open_.push_back(line);
    return okStatus();
  }

  Status commit(std::uint64_t owner, const EpochMark& mark) {
    if (owner != owner_) return abortedError("another run has taken over");
    Transaction ended{std::exchange(open_, {}), mark};
    switch (isKind ? 9 : random_.below(10)) {
      case 0:  // it is done, and nobody hears of it
        ++lostAnswers_;
        apply(std::move(ended));
        return unavailableError("no answer");
      case 1:  // the request is still under way
        ++lostAnswers_;
        undecided_ = std::move(ended);
        return unavailableError("no answer");
      case 2:
        return abortedError("the transaction was aborted");
      default:
        apply(std::move(ended));
        return okStatus();
    }
  }

 private:
  struct Transaction {
    std::vector<std::string> lines;
    EpochMark mark;
  };

  void apply(Transaction transaction) {
    committed_.insert(committed_.end(), transaction.lines.begin(), transaction.lines.end());
    marker_ = transaction.mark;
  }

  Random random_;
  std::uint64_t owner_ = 0;
  std::vector<std::string> open_;
  std::optional<Transaction> undecided_;
  std::vector<std::string> committed_;
  EpochMark marker_;
  int lostAnswers_ = 0;
  int lateDecisions_ = 0;
};

class SimulatedCommitPoint final : public CommitPoint {
 public:
  explicit SimulatedCommitPoint(SimulatedBroker& broker) : broker_(broker) {}

  std::string describe() const override { return "the simulated broker"; }
  StatusOr<EpochMark> takeOver(const RecordedEpochs&) override {
    owner_ = broker_.takeOver();
    return broker_.marker();
  }
  void prepare(const EpochMark&) override {}
  Status commit(const EpochMark& mark) override {
    MILLRACE_RETURN_IF_ERROR(broker_.commit(owner_, mark));
    ++open_;
    return okStatus();
  }

  std::uint64_t openEpoch() const { return open_; }
  Status write(const std::string& line) { return broker_.write(owner_, line); }

 private:
  SimulatedBroker& broker_;
  std::uint64_t owner_ = 0;
  std::uint64_t open_ = 1;
};

/// A system that takes lines at least once: what is on its way when a run ends is lost, and a
/// delivery may fail half-way.
class SimulatedQueue {
 public:
  explicit SimulatedQueue(std::uint64_t seed) : random_(seed) {}

  bool isKind = false;

  /// Each line that has come, in order, once.
  std::vector<std::string> lines() const { return {lines_.begin(), lines_.end()}; }
  int failures() const { return failures_; }

  Status deliver(const std::vector<std::string>& lines) {
    const bool isWhole = isKind || random_.below(10) > 1;
    const std::size_t count = isWhole ? lines.size() : random_.below(lines.size() + 1);
    lines_.insert(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(count));
    if (isWhole) return okStatus();
    ++failures_;
    return unavailableError("a delivery failed");
  }

 private:
  Random random_;
  std::set<std::string> lines_;
  int failures_ = 0;
};

/// Lines to a SimulatedQueue, on their way until the epoch's end.
class QueueSink {
 public:
  explicit QueueSink(SimulatedQueue& queue) : queue_(&queue) {}

  template <typename T>
  auto connector() const {
    return Connector(*queue_);
  }

 private:
  class Point final : public CommitPoint {
   public:
    explicit Point(SimulatedQueue& queue) : queue_(queue) {}
    std::string describe() const override { return "the simulated queue"; }
    bool hasLastWord() const override { return false; }
    StatusOr<EpochMark> takeOver(const RecordedEpochs&) override { return EpochMark(); }
    void prepare(const EpochMark&) override {}
    Status commit(const EpochMark&) override {
      return queue_.deliver(std::exchange(onTheirWay, {}));
    }

    std::vector<std::string> onTheirWay;

   private:
    SimulatedQueue& queue_;
  };

  class Writer final : public SinkWriter<std::string> {
   public:
    Status open(OperatorContext& context) override {
      point_ = static_cast<Point*>(context.commitPoint());
      return okStatus();
    }
    Status write(const TypedBatch<std::string>& batch) override {
      for (std::size_t i = batch.cursor(); i < batch.size(); ++i)
        point_->onTheirWay.push_back(batch[i]);
      return okStatus();
    }

   private:
    Point* point_ = nullptr;
  };

  class Connector final : public SinkConnector<std::string> {
   public:
    explicit Connector(SimulatedQueue& queue) : queue_(&queue) {}
    std::unique_ptr<SinkWriter<std::string>> makeWriter(std::shared_ptr<void>&) const override {
      return std::make_unique<Writer>();
    }
    std::string describe() const override { return "queue"; }
    Status joinCommitPoint(const CommitSettings&,
                           std::shared_ptr<CommitPoint>& point) const override {
      if (point == nullptr) point = std::make_shared<Point>(*queue_);
      return okStatus();
    }

   private:
    SimulatedQueue* queue_;
  };

  SimulatedQueue* queue_;
};

/// Lines to a SimulatedBroker; what follows a barrier waits until the epoch before it is committed.
class BrokerSink {
 public:
  explicit BrokerSink(SimulatedBroker& broker) : broker_(&broker) {}

  template <typename T>
  auto connector() const {
    return Connector(*broker_);
  }

 private:
  class Writer final : public SinkWriter<std::string> {
   public:
    Status open(OperatorContext& context) override {
      point_ = static_cast<SimulatedCommitPoint*>(context.commitPoint());
      return okStatus();
    }
    bool hasRoom() override { return flush().ok() && held_.size() < 20; }
    Status write(const TypedBatch<std::string>& batch) override {
      for (std::size_t i = batch.cursor(); i < batch.size(); ++i) held_.push_back(batch[i]);
      return flush();
    }
    Status flush() override {
      if (epoch_ > point_->openEpoch()) return okStatus();
      for (const std::string& line : held_) MILLRACE_RETURN_IF_ERROR(point_->write(line));
      held_.clear();
      return okStatus();
    }
    StatusOr<bool> handOver() override {
      MILLRACE_RETURN_IF_ERROR(flush());
      return held_.empty();
    }
    Status prepare(ByteWriter&) override {
      epoch_ = point_->openEpoch() + 1;
      return okStatus();
    }

   private:
    SimulatedCommitPoint* point_ = nullptr;
    std::vector<std::string> held_;
    std::uint64_t epoch_ = 0;
  };

  class Connector final : public SinkConnector<std::string> {
   public:
    explicit Connector(SimulatedBroker& broker) : broker_(&broker) {}
    std::unique_ptr<SinkWriter<std::string>> makeWriter(std::shared_ptr<void>&) const override {
      return std::make_unique<Writer>();
    }
    std::string describe() const override { return "broker"; }
    Status joinCommitPoint(const CommitSettings&,
                           std::shared_ptr<CommitPoint>& point) const override {
      if (point == nullptr) point = std::make_shared<SimulatedCommitPoint>(*broker_);
      return okStatus();
    }

   private:
    SimulatedBroker* broker_;
  };

  SimulatedBroker* broker_;
};

}  // namespace millrace::test
