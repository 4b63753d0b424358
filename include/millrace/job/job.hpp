// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/graph/graph.hpp>
#include <millrace/job/options.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class RunningEngine;

/// What one operator has accounted for, summed over its tasks; see TaskCounters.
struct OperatorCounts {
  std::string name;
  std::string verb;
  NodeKind kind = NodeKind::kOperator;
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  std::uint64_t absorbed = 0;
  std::uint64_t filtered = 0;
  std::uint64_t late = 0;
  std::uint64_t latePartial = 0;
  std::uint64_t invalid = 0;
  std::uint64_t held = 0;
  std::uint64_t bytesIn = 0;
  std::uint64_t futureDated = 0;
};

/// The whole job's account.
struct JobCounts {
  std::vector<OperatorCounts> operators;

  /// Sums over operators: records the sources read, records the sinks took.
  std::uint64_t recordsIn() const;
  std::uint64_t recordsOut() const;
  std::uint64_t invalid() const;
  std::uint64_t late() const;
  std::uint64_t latePartial() const;
  std::uint64_t filtered() const;
  std::uint64_t bytesIn() const;
};

/// What a task is doing now.
struct TaskStatus {
  std::string operatorName;
  std::size_t worker = 0;
  std::string state;            ///< "running", "waiting for input", "waiting for room in 'out'", ...
  std::size_t queued = 0;       ///< items waiting in its inputs
  std::size_t queueLimit = 0;
  Timestamp watermark = kMinTimestamp;
  std::string heldBackBy;       ///< the input that holds its watermark back
};

/// A running pipeline.
///
/// **Thread safety**: every method may be called from any thread.
///
/// Destroying a running job stops it and waits. Errors of the job arrive by wait(); nothing is
/// ever printed, and the process never ends because of a job.
class Job {
 public:
  explicit Job(std::unique_ptr<RunningEngine> running);
  ~Job();
  Job(Job&&) noexcept;
  Job& operator=(Job&&) noexcept;

  /// Asks for an orderly stop: sources take in nothing more, what is on its way reaches the sinks,
  /// windows that are still open do not fire. Safe in a signal handler's thread, not in the handler.
  void stop();

  /// Stops at once; records on their way are dropped. wait() then returns kCancelled.
  void cancel();

  /// Blocks until the job is over: ok after the end of its input or an orderly stop.
  Status wait();

  bool isFinished() const;

  JobCounts counts() const;
  std::vector<TaskStatus> status() const;

 private:
  std::unique_ptr<RunningEngine> running_;
};

/// Starts `graph` on threads of its own. The graph is copied.
StatusOr<Job> start(const Graph& graph, const JobOptions& options = {});

/// Starts and waits.
Status run(const Graph& graph, const JobOptions& options = {});

}  // namespace millrace
