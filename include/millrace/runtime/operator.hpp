// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/runtime/batch.hpp>
#include <millrace/runtime/counters.hpp>
#include <millrace/runtime/output_port.hpp>
#include <millrace/runtime/waker.hpp>
#include <millrace/state/state_changes.hpp>
#include <millrace/state/state_declaration.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class Clock;
class CommitPoint;
class FileSystem;
class KeyedStateStore;
class StateBelow;
struct SplitProgress;

/// What an operator may use of its surroundings. Valid from open() to the end of the task.
///
/// **Thread safety**: none; belongs to the task's worker. wakeHandle() may be given away.
class OperatorContext {
 public:
  virtual ~OperatorContext() = default;

  virtual const std::string& jobName() const = 0;
  virtual const std::string& operatorName() const = 0;
  virtual std::size_t worker() const = 0;  ///< 0 .. workers() - 1
  virtual std::size_t workers() const = 0;
  virtual std::size_t batchSize() const = 0;  ///< records a batch holds before it is sent
  virtual std::size_t keyGroups() const = 0;
  virtual std::uint64_t seed() const = 0;  ///< differs from task to task, the same in every run

  virtual OutputPort& output(std::size_t port) = 0;
  virtual TaskCounters& counters() = 0;
  virtual FileSystem& fileSystem() = 0;
  virtual const Clock& clock() const = 0;
  virtual Waker& waker() = 0;  ///< sources: wakes the worker when data has arrived

  /// The wall clock as the worker read it last (at least once a batch for operators that
  /// have deadlines).
  virtual Timestamp processingTime() const = 0;

  /// Whether the job takes checkpoints: without them nobody asks what has changed.
  virtual bool isCheckpointed() const = 0;

  /// Makes a state known; for open() only, and the same in every instance. Its entries of an
  /// earlier run follow in restoreEntry(). Errors: kInvalidArgument when the name is declared
  /// already, kFailedPrecondition when the state was saved with other types.
  virtual StatusOr<StateId> declareState(const StateDeclaration& declaration) = 0;

  /// What the checkpoint the job goes on from says of a declared state, with the schemas of all
  /// the programs that have written to it; nullptr when it has no such state.
  virtual const StateDeclaration* savedState(StateId) const { return nullptr; }
  /// The same of a state that is not declared: one that is kept in another way by now is declared
  /// only in order to be read.
  virtual const StateDeclaration* savedStateNamed(std::string_view) const { return nullptr; }

  /// The barrier that a call of beginSnapshot() belongs to, else the last one that was passed;
  /// counted from 1 in each attempt to run the job. And the last one whose checkpoint is committed,
  /// which the worker is woken for.
  virtual std::uint64_t barrier() const { return 0; }
  virtual std::uint64_t committedBarrier() const { return 0; }

  /// Requested when the job is given up: told to stop while it is still being made ready, or
  /// cancelled. Who waits for a system outside, in open() or restoreTask() or on a thread of its
  /// own, then gives up with kCancelled. An orderly stop of a job that runs does not request it.
  virtual std::stop_token cancellation() const { return {}; }

  /// Where the job's epochs are committed; nullptr: in its state directory, or it keeps nothing.
  virtual CommitPoint* commitPoint() { return nullptr; }

  /// Where keyed state may be left, and fetched from, when memory is short; nullptr: nowhere.
  virtual StateBelow* stateBelow() { return nullptr; }
};

/// What a task adds to a checkpoint besides its keyed state; small.
struct TaskState {
  std::string position;  ///< where it goes on: offsets, watermarks; read back by restoreTask()
  std::string prepared;  ///< effects outside the process that the checkpoint's commit finishes
};

/// How a call that may have to be repeated ended.
enum class Step : std::uint8_t {
  kDone,   ///< finished
  kAgain,  ///< an output is full: call again with the same arguments when it has room. One without
           ///< outputs waits for something outside, and wakes the worker then.
};

/// Throws a JobError with the status's code and message unless it is ok: the way out of an
/// operator's calls that return no Status.
void throwIfFailed(const Status& status);

/// One parallel instance of an operator: the narrow waist between the typed verbs above and
/// the engine below. The engine steps it; one virtual call moves a batch.
///
/// **Thread safety**: all calls come from one worker, one at a time. An operator never blocks.
///
/// **Errors**: a thrown std::exception fails the job, wrapped with the operator's name, the
/// worker and the record it happened on.
///
/// **Invariants** (kept by the engine)
/// 1. open() comes first, and once.
/// 2. While a call answers kAgain, or leaves a batch unconsumed, no other input arrives.
/// 3. Watermarks given to onWatermark() strictly increase; records follow in channel order.
/// 4. onEnd() is the last call but close().
class Operator {
 public:
  virtual ~Operator() = default;

  virtual Status open(OperatorContext& context);

  /// Consumes records of `batch` from its cursor on, as far as outputs have room; may take
  /// the batch (leaving null). `input` is the logical input it came in by.
  virtual void onBatch(std::size_t input, BatchPtr& batch) = 0;

  /// Event time has reached `watermark`. The engine passes the watermark on once this is done.
  virtual Step onWatermark(Timestamp watermark);

  /// Asked after onWatermark() is done: false keeps the watermark from consumers for now,
  /// because a later one will say all that they need to know.
  virtual bool forwardsWatermark(Timestamp watermark);

  /// Nothing is waiting in any input right now: send what was held back for efficiency.
  virtual Step onQuiet();

  /// The wall-clock time the operator wants onProcessingTime() at, kMaxTimestamp for none.
  virtual Timestamp nextDeadline() const;
  virtual Step onProcessingTime(Timestamp now);

  /// Every input has come to a barrier: send on what belongs before it and is held back.
  virtual Step onBarrier();

  /// Notes the state as it is now, for a checkpoint: appends to `out` what goes on from here, and
  /// remembers which keyed state has changed since the last call. Writing that down is left to
  /// writeSnapshot(), for this call holds the stream up: its time must not depend on the amount.
  virtual void beginSnapshot(TaskState& out);

  /// Appends about `limit` bytes of the changes up to the last beginSnapshot() to `out`, as they
  /// were then, whatever has changed since. True: there are more, call again. Records are handled
  /// between the calls. REQUIRES: it has answered false before the next beginSnapshot().
  virtual bool writeSnapshot(StateChanges& out, std::size_t limit);

  /// After open(), when the job goes on from a checkpoint: the positions of all instances the
  /// operator had then, however many, each instance being given all.
  virtual Status restoreTask(std::span<const std::string> positions);

  /// Whether the operator fetches the entries of a state itself, from
  /// OperatorContext::stateBelow(): then restoreEntry() is not called for them.
  virtual bool fetchesOnDemand(StateId state) const;

  /// After restoreTask(): each entry of the operator's states in this instance's key groups, in any
  /// order. kDataLoss: the bytes are damaged.
  virtual Status restoreEntry(StateId state, KeyGroup group, std::string_view key,
                              std::string_view value);

  /// restoreEntry() with this key follows soon: the memory it needs may be fetched meanwhile.
  virtual void expectEntry(StateId state, std::string_view key);

  /// The keyed states that may be read from outside, between two calls; null: there are none.
  virtual KeyedStateStore* queryableStates();

  /// All inputs have ended. `drained` is false when the job was stopped before the end of its
  /// input: then nothing may fire early, only flush.
  virtual Step onEnd(bool drained);

  /// The task is over; comes once if open() was called, whatever that answered. `succeeded` is
  /// false when the job failed or was cancelled, also because an operator closed before could not
  /// be: effects outside the process that are not committed must be left alone.
  virtual Status close(bool succeeded);
};

/// What a source says after it was asked for records.
struct SourcePoll {
  enum class State : std::uint8_t {
    kMore,   ///< ask again at once
    kQuiet,  ///< nothing now: ask again on wake-up or at nextDeadline()
    kEnd,    ///< nothing will ever come
  };
  State state = State::kEnd;
  Timestamp watermark = kMinTimestamp;  ///< over all splits of this instance
  bool isIdle = false;                  ///< no split is active
};

/// An operator without inputs.
class SourceOperator : public Operator {
 public:
  /// Appends at most about a batch to its output. Called only while the output has room.
  virtual SourcePoll poll() = 0;

  /// See SourceReaderLife.
  virtual StatusOr<bool> hasPassingStart() const;

  /// What is known of the splits this instance reads. Called from any thread.
  virtual void appendSplits(std::vector<SplitProgress>& splits) const;

  void onBatch(std::size_t input, BatchPtr& batch) final;
};

}  // namespace millrace
