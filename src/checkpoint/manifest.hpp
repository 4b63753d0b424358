// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>
#include <millrace/checkpoint/checkpoint_store.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/directory.hpp"

/// What a state directory consists of, replaced as a whole by a rename:
///   manifest = header size:u64 checksum:u64 body      size and checksum are those of the body
///   body = kind:u8 base-kind:u8 job:text key-groups:u32 incarnation:u64 origin:u64
///          first-segment:u64 next-file:u64 catalog epoch
///          files:length { number:u64 size:u64 entries:u64 checksum:u64 }
/// catalog and epoch are as of the end of the base; the segments from `first-segment` on follow. Of
/// a base in RocksDB there are no files here: it has a manifest of its own.
namespace millrace::checkpoint {

/// One of the sorted files below the log.
struct EntriesFile {
  std::uint64_t number = 0;
  std::uint64_t size = 0;     ///< bytes
  std::uint64_t entries = 0;  ///< puts and erases
  std::uint64_t check = 0;    ///< over the checks of its blocks

  friend bool operator==(const EntriesFile&, const EntriesFile&) = default;
};

struct Manifest {
  enum class Kind : std::uint8_t { kCheckpoint = 1, kSavepoint = 2 };
  enum class BaseKind : std::uint8_t { kSortedFiles = 1, kRocksDb = 2 };

  Kind kind = Kind::kCheckpoint;
  BaseKind baseKind = BaseKind::kSortedFiles;
  CheckpointSummary summary;       ///< as of the end of the base
  std::uint64_t origin = 0;        ///< checksum of the savepoint's manifest it began from; 0: none
  std::uint64_t firstSegment = 1;  ///< of the log
  std::uint64_t nextFile = 1;
  std::vector<EntriesFile> files;  ///< the oldest first
};

std::string encodeManifest(const Manifest& manifest);
/// kDataLoss, or kFailedPrecondition for a newer version; `path` stands in the message.
StatusOr<Manifest> decodeManifest(std::string_view bytes, const std::string& path);

/// kNotFound: the directory has none.
StatusOr<Manifest> readManifest(FileSystem& files, const Layout& layout);

/// Replaces the manifest; when it answers ok, for good. kResourceExhausted: the old one is in
/// place.
Status writeManifest(FileSystem& files, const Layout& layout, const Manifest& manifest);

}  // namespace millrace::checkpoint
