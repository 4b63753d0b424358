// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/checkpoint_coordinator.hpp"
#include "runtime/worker.hpp"

#include <millrace/graph/graph.hpp>
#include <millrace/job/job.hpp>
#include <millrace/job/options.hpp>
#include <millrace/job/state_query.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

namespace millrace {

/// What the options name, else the machine's own.
const Clock& clockOf(const JobOptions& options);
FileSystem& filesOf(const JobOptions& options);

/// The commit point that the sinks of a graph ask for; null: none does.
StatusOr<std::shared_ptr<CommitPoint>> commitPointOf(const Graph& graph, const JobOptions& options,
                                                     const std::stop_token& cancellation = {});

/// Calls the function with 0, 1, ... n - 1, in any order or at once, and returns when all calls
/// have.
using RunAll = std::function<void(std::size_t n, const std::function<void(std::size_t)>&)>;

/// A graph made ready to run: workers, tasks and the channels between them. It starts no
/// thread: somebody calls stepWorker() or runWorker(), which may be threads, or one seeded
/// loop that steps all workers in any order.
///
/// **Thread safety**: stepWorker(i) and runWorker(i) for one caller a worker at a time; the rest
/// for anyone.
class Engine {
 public:
  /// With a store the job takes checkpoints in it, and goes on from the last one there; `runAll`
  /// lets the workers' states be read side by side. The store outlives the engine. `cancellation`
  /// is what operators see.
  static StatusOr<std::unique_ptr<Engine>> create(const Graph& graph, const JobOptions& options,
                                                  CheckpointStore* store = nullptr,
                                                  const RunAll& runAll = {},
                                                  const std::stop_token& cancellation = {});

  std::size_t workerCount() const { return workers_.size(); }

  /// Gives worker `index` a turn without ever blocking. True when it got something done.
  bool stepWorker(std::size_t index);

  /// As stepWorker, for a worker that found nothing to do: sends what is held back.
  bool quietWorker(std::size_t index);

  /// Runs worker `index` to the end of the job; sleeps when there is nothing to do.
  void runWorker(std::size_t index);

  /// For a thread of its own, where the job takes checkpoints: to its end. Likewise for the second,
  /// which brings the store's base forward.
  void runCoordinator();
  void runBase();
  bool isCheckpointed() const { return coordinator_ != nullptr; }
  /// Null without checkpoints.
  CheckpointCoordinator* coordinator() { return coordinator_.get(); }

  void stop();
  void cancel();

  /// All workers are done, or the job has failed.
  bool isOver() const;

  /// Closes every task that was opened and gives the job's result: once one of them fails to
  /// close, those after it are closed as failed. Once; REQUIRES that no worker runs.
  Status close();

  JobCounts counts() const;
  std::vector<TaskStatus> status() const;
  std::vector<SplitStatus> splits() const;

  /// One key's state; see Job::readState.
  StatusOr<std::optional<std::string>> readState(const StateQuery& query);

 private:
  struct PlacedTask {
    Task* task;
    NodeId node;
    bool isPartitioner;
  };

  Engine(const Graph& graph, const JobOptions& options, CheckpointStore* store, RunAll runAll);

  Status build();
  Status openTasks();
  SinkCommitters committers() const;
  Status recoverSinks();
  Status restore();
  Status restorePositions(const Epoch& epoch);
  Status restoreEntries();
  // By state id: the tasks of the operator it belongs to; null: it is dropped.
  using StateOwners = std::vector<const std::vector<Task*>*>;
  Status restoreEntriesOf(std::size_t firstWorker, std::size_t endWorker, EntrySelection wanted,
                          const StateOwners& owners);
  StatusOr<std::optional<std::string>> readLive(const StateQuery& query, NodeId node);
  StatusOr<std::optional<std::string>> readCommitted(const StateQuery& query);
  Status claimAll();
  Status commitBeginning();
  StatusOr<bool> addPassingStarts(Epoch& epoch);
  void placeNode(NodeId id);
  void connect(NodeId id, std::size_t input);
  void connectByKey(NodeId id, std::size_t input, const Exchange& exchange);
  Task& makeTask(std::size_t worker, NodeId node, std::unique_ptr<Operator> op, bool isPartitioner);
  Channel* makeChannel(std::size_t from, std::size_t to);
  BatchPool* poolOf(std::size_t worker, const RecordTypeInfo& type);
  Task& taskOf(NodeId node, std::size_t worker) {
    return *tasks_[static_cast<std::size_t>(node)][worker];
  }
  void settle();
  void fail(Status status);
  Status result() const;
  void wakeAll();

  const Graph graph_;
  const JobOptions options_;
  CheckpointStore* const store_;  // null: no checkpoints
  const RunAll runAll_;
  StateCatalog catalog_;
  JobContext job_;

  // Batches lie in channels and tasks and go home to their pools: the pools go last.
  std::map<std::pair<std::size_t, std::type_index>, std::unique_ptr<BatchPool>> pools_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::vector<Task*>> tasks_;  // by node, then worker
  std::vector<PlacedTask> placed_;
  std::size_t taskCount_ = 0;
  std::unique_ptr<CheckpointCoordinator> coordinator_;

  std::atomic<std::size_t> finishedWorkers_{0};
  std::vector<char> isWorkerFinished_;  // each entry touched by its worker alone
  mutable std::mutex mutex_;
  Status failure_;  // under mutex_
};

}  // namespace millrace
