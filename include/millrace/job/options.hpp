// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>

#include <millrace/state/state_backend.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {

class Clock;
class FileSystem;

/// What is kept across crashes and runs.
struct CheckpointOptions {
  /// The job's state directory, made when missing. Empty: nothing is kept.
  std::string directory;
  /// Where keyed state lives; kRocksDb needs a directory.
  StateBackend backend = StateBackend::kMemory;
  /// With kRocksDb: the memory, in bytes, that tables of keyed state, RocksDB's cache and what is
  /// on its way into it may take together.
  std::size_t memoryBytes = std::size_t{1} << 30;
  /// From the beginning of one checkpoint to that of the next.
  Duration interval{60'000};
  /// From the end of one checkpoint to the beginning of the next, at least.
  Duration minimumPause{0};
  /// A checkpoint that takes longer counts as failed; its changes go into the next.
  Duration timeout{600'000};
  /// So many checkpoints in a row may fail; one more fails the job.
  std::size_t tolerableFailures = 3;
  /// How many checkpoints can be gone back to. 1: the last, by starting again; more: so many are
  /// kept in `directory`/retained, each as good as a savepoint.
  std::size_t retained = 1;
  /// From one of those to the next, at least.
  Duration retainEvery{60'000};
  /// A savepoint to begin with, when the directory holds no checkpoint.
  std::string fromSavepoint;
  /// Drops saved state that no operator of the pipeline claims, instead of refusing to start.
  bool allowUnclaimedState = false;
};

/// What a failed job does: starts again from its last checkpoint, after a pause that doubles.
/// Without a state directory a failure is final.
struct RestartOptions {
  std::size_t attempts = 10;  ///< in a row; a run of `resetAfter` makes it a new row
  Duration firstPause{100};
  Duration longestPause{30'000};
  Duration resetAfter{300'000};
};

/// How a job is run. Every limit has a name and a default.
struct JobOptions {
  /// Threads, each with one instance of every operator. 0: one a core.
  std::size_t workers = 0;
  /// Records a batch holds before it is sent on; sent earlier when nothing more is ready.
  std::size_t batchSize = 1024;
  /// Batches and marks that wait between two workers before the producer is held back.
  std::size_t exchangeCapacity = 8;
  /// Key groups, the unit of keyed state; fixed for the life of the state.
  std::size_t keyGroups = 128;
  /// Feeds every random choice, so that a run can be repeated.
  std::uint64_t seed = 0;

  CheckpointOptions checkpoints{};
  RestartOptions restarts{};

  /// Once it is requested the job stops as by Job::stop(). While the job is still being started,
  /// which may mean waiting for systems outside, that is given up and start() answers kCancelled.
  /// It may be requested on any thread, but not within a signal handler.
  std::stop_token stop{};

  /// Null: the machine's own. They must outlive the job.
  const Clock* clock = nullptr;
  FileSystem* fileSystem = nullptr;
};

}  // namespace millrace
