// SPDX-License-Identifier: MIT
#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <millrace/base/hash.hpp>
#include <millrace/connectors/file/part_file_writer.hpp>

namespace millrace {
namespace {

constexpr std::string_view kRunPrefix = ".millrace-run-";

bool parseRun(std::string_view name, std::uint64_t& number) {
  if (!name.starts_with(kRunPrefix)) return false;
  name.remove_prefix(kRunPrefix.size());
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

std::string runPath(const std::string& directory, std::uint64_t number) {
  return fmt::format("{}/{}{:05}", directory, kRunPrefix, number);
}

StatusOr<std::uint64_t> latestRun(FileSystem& files, const std::string& directory) {
  MILLRACE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.list(directory));
  std::uint64_t latest = 0;
  for (const std::string& name : names) {
    std::uint64_t number = 0;
    if (parseRun(name, number)) latest = std::max(latest, number);
  }
  return latest;
}

/// Creates the file that stands for the next free number.
StatusOr<std::uint64_t> takeNumber(FileSystem& files, const std::string& directory,
                                   std::uint64_t latest) {
  while (true) {
    const std::uint64_t number = latest + 1;
    const std::string path = runPath(directory, number);
    const auto taken = files.openWrite(path, WriteMode::kCreateNew);
    if (taken.ok()) {
      MILLRACE_RETURN_IF_ERROR((*taken)->close());
    } else if (!absl::IsAlreadyExists(taken.status())) {
      return taken.status();
    }
    // Others may have come and gone meanwhile; then the number may have been theirs.
    MILLRACE_ASSIGN_OR_RETURN(latest, latestRun(files, directory));
    if (taken.ok() && latest == number) {
      MILLRACE_RETURN_IF_ERROR(files.syncDirectory(directory));
      return number;
    }
    if (taken.ok()) MILLRACE_RETURN_IF_ERROR(files.remove(path));
  }
}

Status removeIfThere(FileSystem& files, const std::string& path) {
  const Status removed = files.remove(path);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

}  // namespace

StatusOr<PartFileRun> beginPartFileRun(FileSystem& files, const std::string& directory,
                                       std::string_view jobName, std::string_view sinkName) {
  MILLRACE_RETURN_IF_ERROR(files.makeDirs(directory));
  MILLRACE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.list(directory));
  MILLRACE_ASSIGN_OR_RETURN(const std::uint64_t latest, latestRun(files, directory));
  if (latest == 0) MILLRACE_RETURN_IF_ERROR(makeLastingDirs(files, directory));
  PartFileRun run;
  MILLRACE_ASSIGN_OR_RETURN(run.number, takeNumber(files, directory, latest));
  run.owner = fmt::format("{:016x}", combineHashes(millraceHash(jobName), millraceHash(sinkName)));
  const std::string ending = "." + run.owner + ".inprogress";
  for (const std::string& name : names) {
    std::uint64_t number = 0;
    const bool isLeftOver = name.starts_with(".part-") && name.ends_with(ending);
    if (!isLeftOver && !parseRun(name, number)) continue;
    MILLRACE_RETURN_IF_ERROR(removeIfThere(files, directory + "/" + name));
  }
  return run;
}

}  // namespace millrace
