// SPDX-License-Identifier: MIT
#pragma once

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <millrace/dsl/pipeline.hpp>
#include <millrace/job/job.hpp>

#include "recovery/part_files.hpp"

namespace millrace::test {

/// Of a job with so much memory for its state, and the rest of it in RocksDB; checkpoints come all
/// the time.
inline JobOptions spillingOptions(const Scratch& scratch, std::size_t memoryBytes) {
  JobOptions options;
  options.checkpoints.directory = scratch / "state";
  options.checkpoints.backend = StateBackend::kRocksDb;
  options.checkpoints.memoryBytes = memoryBytes;
  options.checkpoints.interval = Duration(20);
  options.restarts.firstPause = Duration(1);
  options.workers = 2;
  options.batchSize = 128;
  return options;
}

inline Job begun(const Pipeline& pipeline, const JobOptions& options) {
  StatusOr<Job> job = start(pipeline, options);
  INFO(job.status());
  REQUIRE(job.ok());
  return *std::move(job);
}

/// Waits until more than `enough` records are in and some checkpoint is taken; then the job is cut
/// off or stopped.
inline void endAfter(Job job, std::uint64_t enough, bool isCutOff) {
  waitFor([&] {
    return (job.counts().recordsIn() > enough && job.counts().checkpoints > 0) || job.isFinished();
  });
  isCutOff ? job.cancel() : job.stop();
  static_cast<void>(job.wait());
}

}  // namespace millrace::test
