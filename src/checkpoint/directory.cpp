// SPDX-License-Identifier: MIT
#include "checkpoint/directory.hpp"

#include <fmt/format.h>

#include <millrace/serde/bytes.hpp>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "checkpoint/checksum.hpp"
#include "checkpoint/file_header.hpp"

namespace millrace::checkpoint {
namespace {

constexpr std::size_t kMarkSize = 24;
constexpr std::size_t kMarkCheckedSize = 16;
constexpr std::size_t kCopyBytes = 1 << 20;
// Then the file is begun anew.
constexpr std::uint64_t kLongestMark = 64 * 1024;

std::string numbered(const std::string& folder, std::uint64_t number, std::string_view ending) {
  return fmt::format("{}/{:06}{}", folder, number, ending);
}

}  // namespace

std::string Layout::segment(std::uint64_t number) const { return numbered(log(), number, ".log"); }

std::string Layout::entries(std::uint64_t number) const {
  return numbered(base(), number, ".base");
}

Layout Layout::retained(std::uint64_t epoch) const { return {numbered(retained(), epoch, "")}; }

StatusOr<std::vector<std::uint64_t>> numberedFiles(FileSystem& files, const std::string& folder,
                                                   const std::string& ending) {
  std::vector<std::uint64_t> numbers;
  const StatusOr<std::vector<std::string>> names = files.list(folder);
  if (absl::IsNotFound(names.status())) return numbers;
  MILLRACE_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    std::uint64_t number = 0;
    const char* end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data(), end, number);
    if (error != std::errc() || folder + "/" + name != numbered(folder, number, ending)) continue;
    numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Status removeIfThere(FileSystem& files, const std::string& path) {
  const Status removed = files.remove(path);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

Status removeTree(FileSystem& files, const std::string& path) {
  const StatusOr<FileInfo> info = files.stat(path);
  if (absl::IsNotFound(info.status())) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(info.status());
  if (info->kind == FileKind::kDirectory) {
    MILLRACE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.list(path));
    for (const std::string& name : names)
      MILLRACE_RETURN_IF_ERROR(removeTree(files, path + "/" + name));
  }
  return removeIfThere(files, path);
}

Status copySynced(FileSystem& files, const std::string& from, const std::string& to,
                  std::uint64_t size) {
  MILLRACE_ASSIGN_OR_RETURN(const auto source, files.openRead(from));
  MILLRACE_ASSIGN_OR_RETURN(const auto target, files.openWrite(to, WriteMode::kTruncate));
  std::string piece;
  for (std::uint64_t done = 0; done < size; done += piece.size()) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kCopyBytes, size - done));
    MILLRACE_RETURN_IF_ERROR(readExactly(*source, done, wanted, piece));
    MILLRACE_RETURN_IF_ERROR(target->append(piece));
  }
  MILLRACE_RETURN_IF_ERROR(finalError(target->sync()));
  return target->close();
}

Status linkOrCopy(FileSystem& files, const std::string& from, const std::string& to,
                  std::uint64_t size) {
  const Status linked = files.link(from, to);
  return absl::IsUnimplemented(linked) ? copySynced(files, from, to, size) : linked;
}

Status writeSynced(FileSystem& files, const std::string& path, std::string_view bytes) {
  MILLRACE_ASSIGN_OR_RETURN(const auto file, files.openWrite(path, WriteMode::kTruncate));
  MILLRACE_RETURN_IF_ERROR(file->append(bytes));
  MILLRACE_RETURN_IF_ERROR(finalError(file->sync()));
  return file->close();
}

bool mayBeTriedAgain(const Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status);
}

Status finalError(const Status& status) {
  if (status.ok()) return status;
  return absl::DataLossError(fmt::format(
      "{} (what the disk holds is not known, so nothing more is written)", textOf(status)));
}

void CommittedMark::set(Value value) {
  std::string bytes;
  if (file_ == nullptr || size_ >= kLongestMark) {
    auto opened = files_->openWrite(path_, WriteMode::kTruncate);
    if (!opened.ok()) return;
    file_ = *std::move(opened);
    size_ = 0;
    writeFileHeader(FileType::kCommitted, bytes);
  }
  const std::size_t begin = bytes.size();
  ByteWriter out(bytes);
  out.fixed(value.epoch);
  out.fixed(value.incarnation);
  out.fixed(checksum({std::string_view(bytes).substr(begin)}));
  size_ += bytes.size();
  if (!file_->append(bytes).ok()) file_.reset();
}

CommittedMark::Value CommittedMark::read(FileSystem& files, const std::string& path) {
  Value found;
  const StatusOr<std::string> bytes = readWhole(files, path);
  if (!bytes.ok() || !checkFileHeader(*bytes, FileType::kCommitted, path).ok()) return found;
  std::string_view rest = std::string_view(*bytes).substr(kFileHeaderSize);
  for (; rest.size() >= kMarkSize; rest.remove_prefix(kMarkSize)) {
    ByteReader in(rest);
    Value value;
    std::uint64_t check = 0;
    const bool whole = in.fixed(value.epoch) && in.fixed(value.incarnation) && in.fixed(check);
    if (whole && check == checksum({rest.substr(0, kMarkCheckedSize)})) found = value;
  }
  return found;
}

}  // namespace millrace::checkpoint
