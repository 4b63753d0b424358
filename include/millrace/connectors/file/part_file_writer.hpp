// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>
#include <millrace/serde/bytes.hpp>

namespace millrace {

/// One run of a sink whose parts stay hidden until a checkpoint is committed.
struct PartFileRun {
  std::uint64_t number = 0;  ///< no other run has it that ever wrote to the directory
  std::string owner;         ///< stands in hidden names: whose they are
};

/// Begins a run: makes the directory, takes a number, and removes the hidden parts that earlier
/// runs of the same sink of the same job have left. To be called when what the last checkpoint has
/// prepared is committed, and when no other process runs this sink into this directory.
///
/// The number is taken by creating the file `.millrace-run-<number>`, of which the latest stays:
/// a number is not given out again when others have taken the finished parts away.
StatusOr<PartFileRun> beginPartFileRun(FileSystem& files, const std::string& directory,
                                       std::string_view jobName, std::string_view sinkName);

struct PartFileOptions {
  std::string directory;
  std::uint32_t subtask = 0;

  /// A part is closed and the next begun after this many bytes.
  std::uint64_t rollBytes = 1ull << 30;

  /// Lines gather up to this many bytes before they go to the file.
  std::size_t bufferBytes = 256u << 10;

  /// Set in a job that takes checkpoints.
  std::optional<PartFileRun> run;
};

/// One task's share of a directory of result files.
///
///     part-<subtask, 5 digits>-<sequence, 5 digits>.ndjson
///
/// A part is written under the hidden name `.part-...-....ndjson.inprogress`, which no
/// reader takes for a result, and gets its name when it is whole: flushed, synced,
/// renamed, directory synced. Sequence numbers go on after the highest one present,
/// finished or not: the parts of earlier runs stay as they are, a hidden one left by a
/// crash included. A task that writes nothing leaves no file.
///
/// In a run with checkpoints a part is of one epoch, or of a piece of one, and stays hidden when it
/// is whole:
///
///     .part-<subtask>-<run, 5 digits>-<sequence>.ndjson.<owner>.inprogress
///
/// prepare() hands the parts of the epoch over to persistParts() and commitParts(), which gives
/// them their names, `part-<subtask>-<run>-<sequence>.ndjson`. Each line is then in a part with its
/// name exactly once, whatever happens in between.
///
/// Thread safety: one thread at a time. Writers of different subtasks may share a
/// directory, also across processes: a name is taken by creating it exclusively.
/// Invariants: a part holds whole lines only.
class PartFileWriter {
 public:
  /// Creates the directory when it is missing.
  static StatusOr<std::unique_ptr<PartFileWriter>> open(FileSystem& files, PartFileOptions options);

  /// Leaves an unfinished part under its hidden name.
  ~PartFileWriter();

  /// Appends whole lines. REQUIRES: `lines` is empty or ends in '\n'.
  ///
  /// Errors name the file, the reason and how many lines of the part are lost. They are
  /// final: every later call returns the same one.
  Status write(std::string_view lines);

  /// Hands what has gathered to the operating system. Not a sync.
  Status flush();

  /// Finishes the current part, if there is one; a later `write` begins the next.
  /// In a run with checkpoints kInternal when lines are not prepared: they would be lost.
  Status close();

  /// An epoch ends: ends the current part and appends what names the parts of the epoch to `out`,
  /// nothing when there are none. Waits for no disk. REQUIRES: options.run.
  Status prepare(ByteWriter& out);

  /// Lines in parts that have their final name; in a run with checkpoints, in parts that will get
  /// it with their checkpoint.
  std::uint64_t finishedLines() const { return finishedLines_; }

 private:
  PartFileWriter(FileSystem& files, PartFileOptions options);

  StatusOr<std::uint64_t> nextFreeSequence() const;
  void nameNextPart();
  Status beginPart();
  Status endPart();
  Status finishPart();
  Status flushBuffer();
  Status failed(const Status& cause);
  std::string pathOf(std::string_view name) const;

  FileSystem& files_;
  const PartFileOptions options_;
  std::string buffer_;
  std::unique_ptr<WritableFile> part_;
  std::string finalName_;
  std::string hiddenName_;
  std::vector<std::pair<std::string, std::string>> whole_;  // hidden and final names, not prepared
  std::uint64_t sequence_ = 0;
  std::uint64_t partBytes_ = 0;
  std::uint64_t partLines_ = 0;
  std::uint64_t finishedLines_ = 0;
  Status failure_;
};

/// Makes lasting, still hidden, what prepare() has written. Doing it again is harmless. kAborted: a
/// part is gone; kDataLoss: a sync has failed, or the bytes are damaged.
Status persistParts(FileSystem& files, const std::string& directory, std::string_view prepared);

/// Gives the parts their names, lastingly. Doing it again is harmless. kDataLoss: a part is there
/// under neither name, or the bytes are damaged.
Status commitParts(FileSystem& files, const std::string& directory, std::string_view prepared);

}  // namespace millrace
