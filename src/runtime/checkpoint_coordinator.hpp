// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/task.hpp"

#include <millrace/base/clock.hpp>
#include <millrace/checkpoint/checkpoint_store.hpp>
#include <millrace/job/options.hpp>
#include <millrace/runtime/sink.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace millrace {

/// By operator name: what finishes a sink's effects.
using SinkCommitters = std::map<std::string, std::shared_ptr<const SinkCommitter>>;

/// The store and the disk may be better in a while: what failed is to be tried again.
bool mayPass(const Status& status);

/// Finishes what a committed epoch has prepared, again where that had been done.
Status commitPrepared(const Epoch& epoch, const SinkCommitters& committers, FileSystem& files);

/// Whether the store's epochs are committed by the word of its commit point.
bool isCommittedElsewhere(const CheckpointStore& store);

/// Commits an epoch by that word. Any error means that the job has to recover.
/// REQUIRES: isCommittedElsewhere(store).
Status commitElsewhere(CheckpointStore& store, const Epoch& epoch);

/// What checkpoints have come to.
struct CheckpointCounts {
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t lastEpoch = 0;
  std::uint64_t lastBytes = 0;          ///< of changes
  std::int64_t lastDurationMillis = 0;  ///< from the request to the commit
};

/// Decides when a checkpoint is taken, gathers what the tasks add to it, and commits it. One is in
/// flight at a time:
///
///            it is time, or asked for         every task has handed in its snapshot
///   Waiting ────────────────────────► Gathering ──────────────────────────► Committing ──► Waiting
///
/// Committing: the sinks' effects are made durable, the epoch is appended to the log, the effects
/// are finished. A failed attempt loses nothing: what it held goes into the next. When every task
/// has finished, what is left becomes the last epoch.
///
/// **Thread safety**: step() and wait() for one thread, the rest for anyone.
class CheckpointCoordinator final : public SnapshotReceiver {
 public:
  struct Surroundings {
    CheckpointStore* store;
    FileSystem* files;
    const Clock* clock;
    SinkCommitters committers;
    std::size_t tasks = 0;
    /// Makes the sources send the barrier with this number.
    std::function<void(std::uint64_t)> askForBarrier;
    /// The checkpoint of the barrier with this number is committed.
    std::function<void(std::uint64_t)> onCommitted = [](std::uint64_t) {};
    /// There was no room for it: it goes with that of a later barrier.
    std::function<void(std::uint64_t)> onPutOff = [](std::uint64_t) {};
  };

  CheckpointCoordinator(Surroundings surroundings, const CheckpointOptions& options);

  void onSnapshot(std::size_t task, std::uint64_t barrier, TaskSnapshot snapshot,
                  bool isLast) override;

  /// Asks for a checkpoint now rather than when it is time.
  void request();

  /// As request(), and waits until a checkpoint that began after this call is committed, or the
  /// last one is. kAborted: the job is over without it.
  Status checkpointNow();

  /// Does what there is to do. kResourceExhausted when too many checkpoints have failed in a row;
  /// other errors are what made a commit impossible. Any error is final: the job has to recover.
  Status step();

  /// Blocks until step() has something to do, or stop().
  void wait();

  /// Blocks until the checkpoint of a barrier after `seen` is committed and returns the barrier of
  /// the last one that is; no more after stop() or the last epoch.
  std::uint64_t waitForCommit(std::uint64_t seen);

  /// The job is over: nobody waits here any longer.
  void stop();

  /// Before the first step: an epoch without a barrier was committed.
  void noteBeginning(const Epoch& epoch);

  /// The sources were stopped before the end of their input.
  void noteStoppedInput();

  /// The last epoch is committed: every task has finished.
  bool isDone() const;

  CheckpointCounts counts() const;

  /// The last barrier whose changes are all in epochs up to this one; 0: none is. REQUIRES: asked
  /// with epochs that do not go back.
  std::uint64_t barrierOf(std::uint64_t epoch);

 private:
  // One task's share, while it is not committed.
  struct Share {
    std::vector<std::pair<std::uint64_t, TaskSnapshot>> waiting;  // with the barrier before each
    TaskSnapshot last;          // its operator, worker and position alone
    std::uint64_t barrier = 0;  // of the newest
    bool isFinished = false;
  };

  std::int64_t now() const { return clock_.monotonicNanos() / 1'000'000; }
  std::int64_t nextStart() const;
  bool isGathered() const;   // under mutex_
  bool allFinished() const;  // under mutex_
  bool hasWork() const;      // under mutex_
  Status commitGathered(bool isFinal);
  Epoch takeEpoch(bool isFinal);
  void giveBack(Epoch epoch);
  Status commit(const Epoch& epoch);
  Status append(const Epoch& epoch);
  Status persistPrepared(const Epoch& epoch) const;
  void countSuccess(const Epoch& epoch, std::uint64_t bytes);
  Status countFailure(const Status& cause);

  CheckpointStore& store_;
  FileSystem& files_;
  const Clock& clock_;
  const SinkCommitters committers_;
  const std::function<void(std::uint64_t)> askForBarrier_;
  const std::function<void(std::uint64_t)> onCommitted_;
  const std::function<void(std::uint64_t)> onPutOff_;
  const CheckpointOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Share> shares_;  // under mutex_, as all below; one a task
  std::vector<std::size_t>
      takenFrom_;            // whose share each snapshot of the epoch being committed was
  std::uint64_t nextEpoch_;  // the next to be committed
  // Barriers of this engine are counted apart: an epoch whose commit failed is tried again, with
  // what has happened since, under its number and behind a new barrier.
  std::uint64_t barrier_ = 0;  // the last one asked for
  std::uint64_t committedBarrier_ = 0;
  // Of each committed epoch from the one that barrierOf() was asked about last: it and its barrier.
  std::deque<std::pair<std::uint64_t, std::uint64_t>> barriers_;
  bool isInFlight_ = false;
  bool isRequested_ = false;
  bool isDone_ = false;
  bool isStopped_ = false;
  bool isInputStopped_ = false;
  std::int64_t startedAt_;  // monotonic milliseconds
  std::int64_t endedAt_;
  std::int64_t countedLateAt_ = 0;  // when the one in flight was last counted as timed out
  std::size_t failuresInARow_ = 0;
  CheckpointCounts counts_;
};

}  // namespace millrace
