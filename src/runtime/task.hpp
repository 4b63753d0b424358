// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/state_below.hpp"
#include "runtime/worker_requests.hpp"

#include <millrace/base/clock.hpp>
#include <millrace/checkpoint/epoch.hpp>
#include <millrace/checkpoint/state_catalog.hpp>
#include <millrace/runtime/channel.hpp>
#include <millrace/runtime/operator.hpp>
#include <millrace/runtime/watermark_valve.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// Receives what tasks add to checkpoints.
///
/// **Thread safety**: called from any worker.
class SnapshotReceiver {
 public:
  virtual ~SnapshotReceiver() = default;

  /// `task` is the number of the task within the job, `barrier` the one that the snapshot lies
  /// before; `isLast`: the task has finished, and this counts for all barriers to come.
  virtual void onSnapshot(std::size_t task, std::uint64_t barrier, TaskSnapshot snapshot,
                          bool isLast) = 0;
};

/// What all tasks of a job share.
struct JobContext {
  std::string name;
  std::size_t workers = 1;
  std::size_t batchSize = 1024;
  std::size_t keyGroups = 128;
  std::uint64_t seed = 0;
  const Clock* clock = nullptr;
  FileSystem* fileSystem = nullptr;
  StateCatalog* states = nullptr;         // null: nothing is kept, ids do not matter
  SnapshotReceiver* snapshots = nullptr;  // null: no checkpoints
  CommitPoint* commitPoint = nullptr;     // null: the state directory is
  std::stop_token cancellation;
  TableMemory tables;                           // without a store: tables hold all there is
  std::atomic<std::uint64_t> wantedBarrier{0};  // sources send it
  std::atomic<std::uint64_t> committedBarrier{0};
  std::atomic<bool> stopRequested{false};  // sources take in nothing more
  std::atomic<bool> isCancelled{false};    // workers drop everything
};

/// What all tasks of a worker share.
struct WorkerContext {
  std::size_t index = 0;
  Timestamp now = kMinTimestamp;  // refreshed once a pass
  Waker waker;
  WorkerRequests requests;
};

/// One parallel instance of an operator with its inputs and outputs: a state machine that its
/// worker steps and that never blocks.
///
///            a batch                              its records are consumed
///   Ready ───────────────► Consuming ───────────────────────────────────────► Ready
///     │      a mark                          operator done, marks passed on
///     ├──────────────────► Advancing ───────────────────────────────────────► Ready | Finished
///     │      a barrier by every input        flushed, state noted, barrier passed on
///     ├──────────────────► Aligned ─────────────────────────────────────────► Ready
///     │      a deadline                      operator done
///     ├──────────────────► Timing ──────────────────────────────────────────► Ready
///     │      the worker has nothing to do    what was held back is sent
///     └──────────────────► Quieting ────────────────────────────────────────► Ready
///
/// In every state but Ready the task waits for room in its outputs and is stepped again.
///
/// After a barrier the task writes its snapshot down in pieces, one between any two other steps,
/// and hands it to the SnapshotReceiver. An input that has brought its barrier waits for the
/// others: what ran ahead stays in its channel.
///
/// **Thread safety**: stepped by its worker; counters() to heldBackBy() may be called by any
/// thread.
class Task final : public OperatorContext {
 public:
  enum class Role : std::uint8_t { kSource, kOperator, kShuffle };
  static constexpr std::string_view kShuffleSuffix = " (shuffle)";

  /// `ordinal` is the node's; `number` the task's own within the job.
  Task(JobContext& job, WorkerContext& worker, std::string name, std::size_t ordinal,
       std::size_t number, std::unique_ptr<Operator> op, Role role);

  // Wiring, before open().
  void addInput(Channel* channel, std::size_t logicalInput, std::string from);
  OutputPort& addOutput(BatchPool* pool);

  Status open();
  /// Goes on from what the operator's tasks had noted. `countsOn`: this task's counters begin with
  /// the sum of theirs, so that a job's account does not begin anew; for one task of the operator.
  Status restore(std::span<const std::string> positions, bool countsOn);
  Status restoreEntry(StateId state, KeyGroup group, std::string_view key, std::string_view value) {
    return operator_->restoreEntry(state, group, key, value);
  }
  void expectEntry(StateId state, std::string_view key) { operator_->expectEntry(state, key); }
  /// Of a source that goes on from nothing and might begin elsewhere another time: where it begins.
  StatusOr<std::optional<TaskSnapshot>> passingStart();
  bool fetchesOnDemand(StateId state) const { return operator_->fetchesOnDemand(state); }
  KeyedStateStore* queryableStates() { return operator_->queryableStates(); }
  /// Does one piece of work. False: there is nothing to do until an input or output changes.
  bool step();
  /// The worker is about to sleep: sends all that is held back. False: nothing was.
  bool becomeQuiet();
  Status close(bool succeeded) { return operator_->close(succeeded); }

  bool isSource() const { return source_ != nullptr; }
  /// What stands in checkpoints; a shuffle is told apart from the operator it belongs to.
  std::string snapshotName() const {
    return role_ == Role::kShuffle ? name_ + std::string(kShuffleSuffix) : name_;
  }
  bool isFinished() const { return phase_ == Phase::kFinished && !owesSnapshot_; }
  Timestamp nextDeadline() const;

  /// Where in the stream an exception that step() let through came from.
  std::string position() const;

  const TaskCounters& counters() const { return counters_; }
  void appendSplits(std::vector<SplitProgress>& splits) const {
    if (source_ != nullptr) source_->appendSplits(splits);
  }
  std::string stateName() const;
  std::size_t queued() const;
  std::size_t queueLimit() const;
  Timestamp watermark() const { return shownWatermark_.load(std::memory_order_relaxed); }
  std::string heldBackBy() const;

  const std::string& jobName() const override { return job_.name; }
  const std::string& operatorName() const override { return name_; }
  std::size_t worker() const override { return worker_.index; }
  std::size_t workers() const override { return job_.workers; }
  std::size_t batchSize() const override { return job_.batchSize; }
  std::size_t keyGroups() const override { return job_.keyGroups; }
  std::uint64_t seed() const override { return seed_; }
  OutputPort& output(std::size_t port) override { return *outputs_.at(port); }
  TaskCounters& counters() override { return counters_; }
  FileSystem& fileSystem() override { return *job_.fileSystem; }
  const Clock& clock() const override { return *job_.clock; }
  Waker& waker() override { return worker_.waker; }
  Timestamp processingTime() const override { return worker_.now; }
  bool isCheckpointed() const override { return job_.snapshots != nullptr; }
  StatusOr<StateId> declareState(const StateDeclaration& declaration) override;
  const StateDeclaration* savedState(StateId state) const override;
  const StateDeclaration* savedStateNamed(std::string_view name) const override;
  std::uint64_t barrier() const override { return lastBarrier_; }
  std::uint64_t committedBarrier() const override {
    return job_.committedBarrier.load(std::memory_order_acquire);
  }
  std::stop_token cancellation() const override { return job_.cancellation; }
  CommitPoint* commitPoint() override { return job_.commitPoint; }
  StateBelow* stateBelow() override {
    return job_.tables.store == nullptr ? nullptr : &stateBelow_;
  }

 private:
  enum class Phase : std::uint8_t {
    kReady,
    kConsuming,
    kAdvancing,
    kAligned,
    kTiming,
    kQuieting,
    kFinished,
  };

  struct Input {
    Channel* channel;
    std::size_t logicalInput;
    std::string from;
    bool hasBarrier = false;  // and waits until the other inputs have it too
    bool isEnded = false;
  };

  bool stepPhase();
  bool stepReady();
  bool pollSource();
  bool takeItem();
  void takeMark(std::size_t input, Mark mark);
  bool consume();
  bool advance();
  bool passMarksOn();
  bool announceIdleness();
  bool finish();
  bool barrierIsDue() const;
  bool align();
  void noteSnapshot(bool isLast);
  bool writeSnapshot();
  bool runDeadline();
  bool quieten();
  bool hasOutputs() const { return !outputs_.empty(); }
  bool outputsReady();
  bool flushOutputs();
  bool sendMark(Mark mark);
  void enter(Phase phase);

  JobContext& job_;
  WorkerContext& worker_;
  const std::string name_;
  const std::size_t number_;
  const std::uint64_t seed_;
  const Role role_;
  const std::unique_ptr<Operator> operator_;
  SourceOperator* const source_;  // null unless the operator is one

  std::vector<Input> inputs_;
  std::vector<std::unique_ptr<OutputPort>> outputs_;
  std::unique_ptr<WatermarkValve> valve_;
  TaskCounters counters_;

  Phase phase_ = Phase::kReady;
  std::size_t nextInput_ = 0;  // where the round over inputs goes on
  BatchPtr batch_;
  std::size_t batchInput_ = 0;
  std::uint64_t recordsBeforeBatch_ = 0;
  Timestamp watermark_ = kMinTimestamp;  // what the operator has been told
  bool owesWatermark_ = false;           // ... and its consumers have not
  bool isIdleAnnounced_ = false;
  bool isEndDone_ = false;  // the operator has had its onEnd()

  std::uint64_t lastBarrier_ = 0;  // the last one that was passed on
  TaskStateBelow stateBelow_{job_.tables, lastBarrier_, owesSnapshot_};
  std::uint64_t arrivingBarrier_ = 0;  // of the barrier that inputs are bringing
  bool isBarrierFlushed_ = false;      // the operator has had its onBarrier()
  bool owesSnapshot_ = false;          // noted, not yet handed over
  bool isLastSnapshot_ = false;
  TaskSnapshot snapshot_;
  bool isQuiet_ = true;

  // Copies for observers, stored by the worker.
  std::atomic<Phase> shownPhase_{Phase::kReady};
  std::atomic<Timestamp> shownWatermark_{kMinTimestamp};
  std::atomic<std::size_t> shownSlowest_{SIZE_MAX};
};

}  // namespace millrace
