// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace {

class Clock;
class FileSystem;

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

  /// Null: the machine's own. They must outlive the job.
  const Clock* clock = nullptr;
  FileSystem* fileSystem = nullptr;
};

}  // namespace millrace
