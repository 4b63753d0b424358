// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/runtime/operator.hpp>
#include <millrace/serde/bytes.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace millrace {

class CommitPoint;
class FileSystem;
struct CommitSettings;

/// All of a SinkWriter but its records.
class SinkWriterLife {
 public:
  virtual ~SinkWriterLife();

  virtual Status open(OperatorContext& context);

  /// Asked before each batch: false while the writer holds as much as it may. It wakes the worker
  /// (OperatorContext::waker()) when it has room again.
  virtual bool hasRoom();

  /// Nothing more is on its way right now: let others see what was written.
  virtual Status flush();

  /// A barrier or the end has come: hands over what it holds back. False: there is no room for it
  /// yet; it wakes the worker to be asked again.
  virtual StatusOr<bool> handOver();

  /// A checkpoint's barrier has come: what was written since the last one belongs to the epoch that
  /// ends here. Appends to `out` what SinkCommitter needs to finish it, nothing when there is
  /// nothing to finish. Must not wait for a disk: SinkCommitter::persist() is for that.
  virtual Status prepare(ByteWriter& out);

  /// The job is over. When it failed, what is not final stays invisible.
  virtual Status close(bool succeeded);
};

/// Writes one instance's share of a sink; a connector's author writes one of these.
///
/// **Thread safety**: all calls of one writer come from one worker; writers of one sink run on
/// different workers at the same time.
template <typename T>
class SinkWriter : public SinkWriterLife {
 public:
  /// Takes all records of `batch` from its cursor on. An error fails the job.
  virtual Status write(const TypedBatch<T>& batch) = 0;
};

/// Finishes what writers have prepared, in two steps with the checkpoint's commit between them:
/// only a sink that has both is exactly once. Without checkpoints nothing here is called.
///
/// **Thread safety**: called by one thread at a time, which is not a worker's: writers go on
/// meanwhile.
class SinkCommitter {
 public:
  virtual ~SinkCommitter();

  /// Makes durable what a writer prepared, without making it visible. kResourceExhausted and
  /// kUnavailable have it called again later, so a failed sync must answer something else
  /// (kAborted).
  virtual Status persist(FileSystem& files, std::string_view prepared) const;

  /// The checkpoint is committed: makes visible what a writer prepared. After a crash it is called
  /// again for what it may have done already: that must be harmless.
  virtual Status commit(FileSystem& files, std::string_view prepared) const;

  /// Before the writers open, after commit() of the last checkpoint: removes what an earlier run
  /// has written and no checkpoint has committed.
  virtual Status removeUncommitted(FileSystem& files) const;

  /// For sinks whose system decides what is committed; see CommitPoint. A job has one such point:
  /// the first sink makes it where `point` is null, others join it; kInvalidArgument: they cannot.
  virtual Status joinCommitPoint(const CommitSettings& settings,
                                 std::shared_ptr<CommitPoint>& point) const;
};

/// Makes the writers of a sink, one a worker; see SourceConnector for `shared`.
template <typename T>
class SinkConnector : public SinkCommitter {
 public:
  virtual std::unique_ptr<SinkWriter<T>> makeWriter(std::shared_ptr<void>& shared) const = 0;
  /// "file(out/)".
  virtual std::string describe() const = 0;
};

}  // namespace millrace
