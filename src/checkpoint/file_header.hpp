// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace millrace::checkpoint {

/// The first bytes of every file of a state directory, in every version:
///   header = "millrace" type:u16 version:u16 check:u32
/// check is the low half of the checksum of the 12 bytes before it.
enum class FileType : std::uint16_t { kManifest = 1, kLog = 2, kEntries = 3, kCommitted = 4 };

inline constexpr std::size_t kFileHeaderSize = 16;
inline constexpr std::uint16_t kFormatVersion = 1;

void writeFileHeader(FileType type, std::string& out);

/// kDataLoss: no such header; kFailedPrecondition: of a newer version.
Status checkFileHeader(std::string_view bytes, FileType type, const std::string& path);

/// kDataLoss, with what to do about it.
Status damaged(const std::string& path, std::uint64_t offset, std::string_view what);

/// All of a file. kResourceExhausted: it does not fit into memory.
StatusOr<std::string> readWhole(FileSystem& files, const std::string& path);

inline std::string_view textOf(const Status& status) {
  return {status.message().data(), status.message().size()};
}

/// As openRead() and stat().
struct SizedFile {
  std::unique_ptr<RandomAccessFile> file;
  std::uint64_t size = 0;
};
StatusOr<SizedFile> openSized(FileSystem& files, const std::string& path);

/// Exactly `size` bytes at `offset`. kDataLoss: the file ends before.
Status readExactly(RandomAccessFile& file, std::uint64_t offset, std::size_t size,
                   std::string& into);

}  // namespace millrace::checkpoint
