// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>
#include <millrace/connectors/file/input_files.hpp>
#include <millrace/connectors/file/range_set.hpp>
#include <millrace/serde/bytes.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {

/// How a file is known again after a restart.
struct FileIdentity {
  std::string name;  ///< InputFile::name
  InputKind kind = InputKind::kPlain;
  std::uint64_t size = 0;   ///< on disk, when it was first read in the run
  std::uint64_t check = 0;  ///< of its first and last KiB then
};

/// What a position says of one file. All offsets are of the decompressed text.
struct FilePosition {
  std::size_t index = 0;  ///< in the list of the run that wrote it
  bool hasIdentity = false;
  FileIdentity identity;

  bool hasEnd = false;  ///< compressed files: where the text was found to end
  std::uint64_t end = 0;

  /// Where a last line without a newline ended when it was delivered; 0: no such line.
  std::uint64_t openLineEnd = 0;

  /// The largest timestamp in [0, prefixEnd), kMinTimestamp when nothing is known.
  std::uint64_t prefixEnd = 0;
  Timestamp prefixMax = kMinTimestamp;

  RangeSet delivered;
};

/// Appends the position of a file source's reader:
///
///     "F1", entries (each: index, flags u8, then by flag
///     1 identity: bytes in name, name, kind u8, size, check u64;
///     2 end; 4 openLineEnd; 8 prefixEnd, prefixMax i64; then always the ranges as RangeSet has
///     them)
///
/// (numbers are lengths as ByteWriter has them unless they say otherwise).
void beginFilePositions(ByteWriter& out);
void writeFilePosition(const FilePosition& position, std::uint64_t unit, ByteWriter& out);

/// Brings together what the readers of one checkpoint wrote: each file once, what is delivered
/// being the union, `prefixMax` what is known of the part without gaps.
/// kDataLoss: damaged; kFailedPrecondition: positions of another kind of source.
StatusOr<std::vector<FilePosition>> mergeFilePositions(std::span<const std::string_view> positions);

/// The checksum of an identity. REQUIRES: the file has `size` bytes (kDataLoss when it has fewer).
StatusOr<std::uint64_t> identityCheck(RandomAccessFile& file, std::uint64_t size);

/// kFailedPrecondition, with what differs and what to do, unless `now` begins with the bytes that
/// were there when `then` was written.
Status checkUnchanged(FileSystem& files, const FilePosition& then, const InputFile& now);

/// The status for a file that is no longer there.
Status missingInput(const std::string& name);

}  // namespace millrace
