// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>

namespace millrace {

struct PartFileOptions {
  std::string directory;
  std::uint32_t subtask = 0;

  /// A part is closed and the next begun after this many bytes.
  std::uint64_t rollBytes = 1ull << 30;

  /// Lines gather up to this many bytes before they go to the file.
  std::size_t bufferBytes = 256u << 10;
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
  Status close();

  /// Lines in parts that have their final name.
  std::uint64_t finishedLines() const { return finishedLines_; }

 private:
  PartFileWriter(FileSystem& files, PartFileOptions options);

  StatusOr<std::uint64_t> nextFreeSequence() const;
  Status beginPart();
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
  std::uint64_t sequence_ = 0;
  std::uint64_t partBytes_ = 0;
  std::uint64_t partLines_ = 0;
  std::uint64_t finishedLines_ = 0;
  Status failure_;
};

}  // namespace millrace
