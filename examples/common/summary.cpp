// SPDX-License-Identifier: MIT
#include "summary.hpp"

#include <fmt/format.h>

#include <utility>

namespace millrace::examples {
namespace {

std::string known(bool isKnown, std::int64_t number) {
  return isKnown ? fmt::to_string(number) : std::string("null");
}

std::string toJson(const SplitProgress& partition) {
  const auto offset = [](std::int64_t value) {
    return known(value != SplitProgress::kUnknown, value);
  };
  const bool isLagKnown =
      partition.position != SplitProgress::kUnknown && partition.end != SplitProgress::kUnknown;
  // Names of topics need no escapes.
  return fmt::format(R"({{"partition":"{}","committed":{},"current":{},"end":{},"lag":{}}})",
                     partition.name, offset(partition.committed), offset(partition.position),
                     offset(partition.end), known(isLagKnown, partition.lag()));
}

}  // namespace

std::string toJson(const Summary& summary) {
  const double rate =
      summary.elapsedSeconds > 0
          ? static_cast<double>(summary.recordsIn - summary.recordsBefore) / summary.elapsedSeconds
          : 0;
  std::string partitions;
  for (const SplitProgress& each : summary.partitions)
    partitions += (partitions.empty() ? "" : ",") + toJson(each);
  if (!partitions.empty()) partitions = fmt::format(R"(,"partitions":[{}])", partitions);
  return fmt::format(
      R"({{"records_in":{},"records_out":{},"invalid":{},"late":{},"late_partial":{},"filtered":{},)"
      R"("elapsed_s":{:.6f},"events_per_s":{:.1f},"checkpoints":{},"restarts":{}{}}})"
      "\n",
      summary.recordsIn, summary.recordsOut, summary.invalid, summary.late, summary.latePartial,
      summary.filtered, summary.elapsedSeconds, rate, summary.checkpoints, summary.restarts,
      partitions);
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
