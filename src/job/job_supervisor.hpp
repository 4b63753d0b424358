// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/engine.hpp"

#include <millrace/checkpoint/checkpoint_store.hpp>
#include <millrace/job/job.hpp>
#include <millrace/job/options.hpp>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace millrace {

/// One attempt at a job: its state directory, an engine, and their threads.
///
/// **Thread safety**: run() for one thread, the engine's methods as they say.
class JobAttempt {
 public:
  /// kCancelled: `stop` was requested before it was ready. Later it has no effect.
  static StatusOr<std::unique_ptr<JobAttempt>> make(const Graph& graph, const JobOptions& options,
                                                    const std::stop_token& stop);

  Engine& engine() { return *engine_; }

  void cancel();

  /// Runs the job to its end, or to a failure.
  Status run();

  /// From any thread.
  Status savepoint(const std::string& directory);
  StatusOr<std::optional<std::string>> readState(const StateQuery& query);

 private:
  JobAttempt() = default;
  Status open(const Graph& graph, const JobOptions& options);

  std::stop_source cancellation_;
  std::mutex storeMutex_;                     // held by those who use the store from outside
  std::shared_ptr<CommitPoint> commitPoint_;  // null: the store is
  std::unique_ptr<CheckpointStore> store_;    // null: nothing is kept, or the attempt is over
  std::unique_ptr<Engine> engine_;
};

/// Runs a job, and again from its last checkpoint when it fails, until it comes to an end or its
/// attempts are used up.
///
/// **Thread safety**: all methods may be called from any thread.
class JobSupervisor {
 public:
  /// The first attempt is made ready here, so that what is wrong from the beginning is told at
  /// once.
  static StatusOr<std::unique_ptr<JobSupervisor>> start(const Graph& graph,
                                                        const JobOptions& options);

  /// Stops the job and waits.
  ~JobSupervisor();

  void stop();
  void cancel();
  void checkpoint();
  Status savepoint(const std::string& directory);
  StatusOr<std::optional<std::string>> readState(const StateQuery& query);
  Status wait();
  bool isOver() const;
  JobCounts counts() const;
  std::vector<TaskStatus> status() const;
  std::vector<SplitStatus> splits() const;

 private:
  JobSupervisor(const Graph& graph, const JobOptions& options, std::shared_ptr<JobAttempt> first);

  void superviseToTheEnd();
  // Makes the next attempt, or else answers with the job's result.
  std::optional<Status> prepareNext(const Status& failure);
  bool mayTryAgain(const Status& failure);
  bool pauseUnlessStopped(Duration pause);
  void dropAttempt();
  std::shared_ptr<JobAttempt> attempt() const;

  const Graph graph_;
  const JobOptions options_;
  const Clock& clock_;
  std::stop_source ending_;  // requested by stop() and by cancel()

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<JobAttempt> attempt_;  // under mutex_, as all below; null between two attempts
  JobCounts lastCounts_;                 // of the attempt before, while there is none
  bool isCancelling_ = false;
  std::uint64_t restarts_ = 0;
  std::uint64_t earlierCheckpoints_ = 0;  // of the attempts before this one
  std::uint64_t earlierFailedCheckpoints_ = 0;
  std::optional<Status> result_;

  std::size_t failuresInARow_ = 0;  // of the supervising thread alone
  std::mutex joinMutex_;
  std::thread thread_;
  std::optional<std::stop_callback<std::function<void()>>>
      onStop_;  // of JobOptions::stop; goes first
};

}  // namespace millrace
