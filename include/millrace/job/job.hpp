// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/graph/graph.hpp>
#include <millrace/job/options.hpp>
#include <millrace/job/state_query.hpp>
#include <millrace/runtime/source.hpp>
#include <millrace/state/value_state.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

class JobSupervisor;

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

/// The whole job's account. Where a job goes on from a checkpoint, records are counted from the
/// beginning of the job, each once: a crash takes back what it undoes.
struct JobCounts {
  std::vector<OperatorCounts> operators;

  std::uint64_t checkpoints = 0;  ///< completed by this run
  std::uint64_t failedCheckpoints = 0;
  std::uint64_t lastEpoch = 0;            ///< the last committed one, over all runs; 0: none
  std::uint64_t lastCheckpointBytes = 0;  ///< of changes
  std::int64_t lastCheckpointMillis = 0;  ///< from the request to the commit
  std::uint64_t restarts = 0;             ///< within this run, after failures

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
  std::string state;       ///< "running", "waiting for input", "waiting for room in 'out'", ...
  std::size_t queued = 0;  ///< items waiting in its inputs
  std::size_t queueLimit = 0;
  Timestamp watermark = kMinTimestamp;
  std::string heldBackBy;  ///< the input that holds its watermark back
};

/// A split of a source, and the worker that reads it.
struct SplitStatus {
  std::string operatorName;
  std::size_t worker = 0;
  SplitProgress progress;
};

/// A running pipeline.
///
/// **Thread safety**: every method may be called from any thread.
///
/// Destroying a running job stops it and waits. Errors of the job arrive by wait(); nothing is
/// ever printed, and the process never ends because of a job.
///
/// A job with a state directory that fails starts again from its last checkpoint, as RestartOptions
/// say. Its end, by the end of its input or by stop(), is a checkpoint too.
class Job {
 public:
  explicit Job(std::unique_ptr<JobSupervisor> supervisor);
  ~Job();
  Job(Job&&) noexcept;
  Job& operator=(Job&&) noexcept;

  /// Asks for an orderly stop: sources take in nothing more, what is on its way reaches the sinks,
  /// windows that are still open do not fire. Safe in a signal handler's thread, not in the
  /// handler. A job that is starting again after a failure is over at once: its last checkpoint is
  /// its end.
  void stop();

  /// Asks for a checkpoint now rather than when it is time. Nothing without a state directory.
  void checkpoint();

  /// Writes a savepoint into `directory`, which is made and must not hold anything: a copy of the
  /// job's state that stands alone and can be started from with any number of workers. Takes a
  /// checkpoint and waits for it; the job goes on meanwhile. kFailedPrecondition: the job has no
  /// state directory, or is over.
  Status savepoint(const std::string& directory);

  /// One key's value of a state that a process function declares, without stopping the job, in
  /// bytes: readStoredValue() and readStoredList() read them. Nothing: the key has none. A live
  /// question waits for the batch that the key's worker is at; one for the last checkpoint reads
  /// its files. kNotFound: no such operator or state; kFailedPrecondition: the job is over, or has
  /// no checkpoints to ask.
  StatusOr<std::optional<std::string>> readState(const StateQuery& query);

  /// The same, typed.
  template <typename V, typename K>
  StatusOr<std::optional<V>> stateValue(std::string operatorName, std::string state, const K& key,
                                        StateView view = StateView::kLive) {
    MILLRACE_ASSIGN_OR_RETURN(const auto bytes, readState(stateQuery(std::move(operatorName),
                                                                     std::move(state), key, view)));
    if (!bytes) return std::optional<V>();
    std::optional<V> value(std::in_place);
    ByteReader in(*bytes);
    if (readStoredValue(in, *value)) return value;
    return absl::InvalidArgumentError("the state holds values of another type");
  }

  /// Stops at once; records on their way are dropped. wait() then returns kCancelled.
  void cancel();

  /// Blocks until the job is over: ok after the end of its input or an orderly stop.
  Status wait();

  bool isFinished() const;

  JobCounts counts() const;
  std::vector<TaskStatus> status() const;

  /// How far the sources' splits have been read, for sources that know; empty between two attempts.
  std::vector<SplitStatus> splits() const;

 private:
  std::unique_ptr<JobSupervisor> supervisor_;
};

/// Starts `graph` on threads of its own. The graph is copied. What the job needs of systems outside
/// is waited for; kCancelled: JobOptions::stop was requested meanwhile.
StatusOr<Job> start(const Graph& graph, const JobOptions& options = {});

/// Starts and waits.
Status run(const Graph& graph, const JobOptions& options = {});

}  // namespace millrace
