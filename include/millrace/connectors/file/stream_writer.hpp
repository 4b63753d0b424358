// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>

namespace millrace {

/// Lines to a stream that several tasks share, such as `files.standardOutput()`.
/// It gathers nothing: callers hand over the lines of a batch at once.
///
/// A reader that goes away is an error here, provided the program ignores SIGPIPE
/// (see `posixFileSystem`). A slow reader makes `write` wait.
///
/// Thread safety: all methods may be called from any thread at once.
/// Invariants: lines of different callers never mix within a line.
class StreamWriter {
 public:
  explicit StreamWriter(std::unique_ptr<WritableFile> stream) : stream_(std::move(stream)) {}

  /// REQUIRES: `lines` is empty or ends in '\n'.
  ///
  /// Errors name the stream, the reason and how many of these bytes were written; they
  /// are final: every later call returns the same one.
  Status write(std::string_view lines);

 private:
  std::mutex mutex_;
  std::unique_ptr<WritableFile> stream_;
  Status failure_;
};

}  // namespace millrace
