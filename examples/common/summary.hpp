// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>
#include <millrace/runtime/source.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millrace::examples {

/// A job's totals, over all its runs where it keeps state. Balance: recordsIn = valid + invalid,
/// and every valid record is in a result, filtered or late.
struct Summary {
  std::int64_t recordsIn = 0;
  std::int64_t recordsOut = 0;
  std::int64_t invalid = 0;
  std::int64_t late = 0;         ///< in none of their windows
  std::int64_t latePartial = 0;  ///< in some of their windows, not in all
  std::int64_t filtered = 0;
  std::int64_t recordsBefore = 0;  ///< of recordsIn, those that earlier runs have read
  double elapsedSeconds = 0;
  std::int64_t checkpoints = 0;
  std::int64_t restarts = 0;
  std::vector<SplitProgress> partitions;  ///< of topics that were read, and where they were left
};

/// One JSON object on one line, with a line feed.
std::string toJson(const Summary& summary);

/// The file `--summary` names. Opened before the job starts, so that a wrong path
/// is found in the first second and not after the last.
class SummaryFile {
 public:
  /// An empty path means no summary is wanted.
  static StatusOr<SummaryFile> open(const std::string& path);

  Status write(const Summary& summary);

 private:
  std::unique_ptr<WritableFile> file_;  // null: not wanted
};

}  // namespace millrace::examples
