// SPDX-License-Identifier: MIT
#include "summary.hpp"

#include <fmt/format.h>

#include <utility>

namespace millrace::examples {

std::string toJson(const Summary& summary) {
  const double rate = summary.elapsedSeconds > 0
                          ? static_cast<double>(summary.recordsIn - summary.recordsBefore) / summary.elapsedSeconds
                          : 0;
  return fmt::format(
      R"({{"records_in":{},"records_out":{},"invalid":{},"late":{},"late_partial":{},"filtered":{},)"
      R"("elapsed_s":{:.6f},"events_per_s":{:.1f},"checkpoints":{},"restarts":{}}})"
      "\n",
      summary.recordsIn, summary.recordsOut, summary.invalid, summary.late, summary.latePartial,
      summary.filtered, summary.elapsedSeconds, rate, summary.checkpoints, summary.restarts);
}

StatusOr<SummaryFile> SummaryFile::open(const std::string& path) {
  SummaryFile summary;
  if (path.empty()) return summary;
  MILLRACE_ASSIGN_OR_RETURN(summary.file_, posixFileSystem().openWrite(path, WriteMode::kTruncate));
  return summary;
}

Status SummaryFile::write(const Summary& summary) {
  if (!file_) return okStatus();
  MILLRACE_RETURN_IF_ERROR(file_->append(toJson(summary)));
  return file_->close();
}

}  // namespace millrace::examples
