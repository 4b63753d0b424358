// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>
#include <millrace/checkpoint/epoch.hpp>
#include <millrace/checkpoint/state_catalog.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/directory.hpp"
#include "checkpoint/log_segment.hpp"

namespace millrace::checkpoint {

/// Writes the last segment of the epoch log.
///
/// Errors of all methods: after kResourceExhausted and kUnavailable the segment is as it was
/// before; any other is final.
///
/// **Thread safety**: none.
class LogWriter {
 public:
  LogWriter(FileSystem& files, Layout layout) : files_(&files), layout_(std::move(layout)) {}

  /// Goes on in a segment, of which `size` bytes are good; the rest is cut off. Syncs what is
  /// there.
  Status open(std::uint64_t number, std::uint64_t size);
  /// Begins a segment; the one before, if any, is left.
  Status create(std::uint64_t number);

  bool isOpen() const { return file_ != nullptr; }
  std::uint64_t number() const { return number_; }
  std::uint64_t size() const { return size_; }

  /// Committed when ok. `position` is what follows from it.
  Status appendRun(LogPosition position, const std::vector<CataloguedState>& states);
  Status appendEpoch(LogPosition position, const Epoch& epoch);

 private:
  Status writeEpoch(LogPosition position, const Epoch& epoch);
  Status writeSnapshot(LogPosition position, const TaskSnapshot& task);
  Status writeRecord(RecordType type, LogPosition position, std::string_view head,
                     const std::vector<std::string_view>& rest);
  Status write(std::string_view piece);
  Status flush();
  Status commit(Status written);
  Status undo(const Status& cause);

  FileSystem* files_;
  Layout layout_;
  std::unique_ptr<WritableFile> file_;
  std::uint64_t number_ = 0;
  std::uint64_t size_ = 0;     // committed
  std::uint64_t written_ = 0;  // handed to the file or waiting in the buffer
  std::string buffer_;
  // Of the epoch that is being written:
  std::string payloadChecks_;
  std::uint64_t payloadBytes_ = 0;
  std::uint64_t operations_ = 0;
};

}  // namespace millrace::checkpoint
