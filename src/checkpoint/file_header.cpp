// SPDX-License-Identifier: MIT
#include "checkpoint/file_header.hpp"

#include <fmt/format.h>

#include <millrace/serde/bytes.hpp>

#include "checkpoint/checksum.hpp"

namespace millrace::checkpoint {
namespace {

constexpr std::string_view kMagic = "millrace";
constexpr std::size_t kCheckedSize = 12;

std::uint32_t checkOf(std::string_view header) {
  return static_cast<std::uint32_t>(checksum({header.substr(0, kCheckedSize)}));
}

}  // namespace

void writeFileHeader(FileType type, std::string& out) {
  const std::size_t begin = out.size();
  ByteWriter writer(out);
  writer.bytes(kMagic);
  writer.fixed(static_cast<std::uint16_t>(type));
  writer.fixed(kFormatVersion);
  writer.fixed(checkOf(std::string_view(out).substr(begin)));
}

Status checkFileHeader(std::string_view bytes, FileType type, const std::string& path) {
  ByteReader in(bytes);
  std::string_view magic;
  std::uint16_t foundType = 0;
  std::uint16_t version = 0;
  std::uint32_t check = 0;
  if (!in.bytes(kMagic.size(), magic) || !in.fixed(foundType) || !in.fixed(version) ||
      !in.fixed(check) || magic != kMagic || check != checkOf(bytes)) {
    return damaged(path, 0, "its header is not one of Millrace's");
  }
  if (foundType != static_cast<std::uint16_t>(type)) {
    return damaged(path, kMagic.size(), "it is another kind of file");
  }
  if (version == kFormatVersion) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} has format version {}, and this program reads versions up to {} (use the "
                  "version of the program that wrote it, or a newer one)",
                  path, version, kFormatVersion));
}

Status damaged(const std::string& path, std::uint64_t offset, std::string_view what) {
  return absl::DataLossError(
      fmt::format("{} is damaged at byte {}: {} (nothing was changed; start from a savepoint, or "
                  "from a copy of the directory)",
                  path, offset, what));
}

StatusOr<SizedFile> openSized(FileSystem& files, const std::string& path) {
  SizedFile opened;
  MILLRACE_ASSIGN_OR_RETURN(opened.file, files.openRead(path));
  MILLRACE_ASSIGN_OR_RETURN(const FileInfo info, files.stat(path));
  if (info.kind != FileKind::kRegular) {
    return absl::InvalidArgumentError(path + " is not a regular file");
  }
  opened.size = info.size;
  return opened;
}

Status readExactly(RandomAccessFile& file, std::uint64_t offset, std::size_t size,
                   std::string& into) {
  into.resize(size);
  MILLRACE_ASSIGN_OR_RETURN(const std::size_t got, file.readAt(offset, into.data(), size));
  if (got == size) return absl::OkStatus();
  return damaged(file.path(), offset + got, "it ends too early");
}

StatusOr<std::string> readWhole(FileSystem& files, const std::string& path) {
  MILLRACE_ASSIGN_OR_RETURN(const SizedFile opened, openSized(files, path));
  std::string bytes;
  MILLRACE_RETURN_IF_ERROR(readExactly(*opened.file, 0, opened.size, bytes));
  return bytes;
}

}  // namespace millrace::checkpoint
