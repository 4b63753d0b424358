// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/drops.hpp"
#include "checkpoint/manifest.hpp"
#include "checkpoint/sorted_cursor.hpp"

/// A sorted file below the log:
///   entries-file = header { block }
///   block  = type:u32 count:u32 size:u64 check:u64 payload
/// check is the checksum of the 16 bytes before it and the payload of `size` bytes, seeded with the
/// block's offset. Blocks come in this order:
///   drops (1), at most one     states:length { id:u16 } { drop-through }     of what stands in
///   older files entries (2), any number    { put | erase }, ascending over all blocks; count of
///   them end (3), one               entries:u64 checks:u64 places:length { group:u16 offset:u64 }
///   offset:u64
/// drop-through, put and erase are written as in StateChanges. `checks` is the checksum of the
/// checks of all blocks before; a place is a block of entries that begins with another group than
/// the one before it; the last number is the offset of the end block, so that reading can begin
/// there.
namespace millrace::checkpoint {

/// **Thread safety**: none.
class EntriesFileWriter {
 public:
  /// Replaces a file that is there: a left-over.
  static StatusOr<EntriesFileWriter> create(FileSystem& files, const std::string& path);

  /// REQUIRES: before any add(), at most once.
  Status addDrops(const Drops& drops);
  /// REQUIRES: ascending order.
  Status add(const StateChange& entry);
  /// Makes the file durable, except for its name.
  StatusOr<EntriesFile> finish(std::uint64_t number);

 private:
  struct Place {
    std::uint16_t group = 0;
    std::uint64_t offset = 0;
  };

  explicit EntriesFileWriter(std::unique_ptr<WritableFile> file) : file_(std::move(file)) {}
  Status writeEntries();
  Status writeBlock(std::uint32_t type);

  std::unique_ptr<WritableFile> file_;
  std::string payload_;
  std::string header_;
  std::string checks_;
  std::uint32_t count_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t offset_ = 0;
  std::uint16_t firstGroup_ = 0;  // of the block
  std::vector<Place> places_;
};

/// **Thread safety**: after open() all methods may be called from any thread at once.
class EntriesFileReader {
 public:
  /// kDataLoss: damaged, or not the file of which the manifest tells.
  static StatusOr<std::shared_ptr<const EntriesFileReader>> open(FileSystem& files,
                                                                 const std::string& path,
                                                                 const EntriesFile& expected);

  const EntriesFile& file() const { return expected_; }
  const Drops& drops() const { return drops_; }
  const std::string& path() const { return file_->path(); }

  struct Block {
    std::uint32_t type = 0;
    std::uint32_t count = 0;
    std::uint64_t check = 0;
    std::uint64_t end = 0;  ///< offset
    std::string payload;
  };
  /// kDataLoss: there is no good block.
  Status readBlock(std::uint64_t offset, Block& into) const;
  /// Where the first entry of a group from `first` on may be, and where entries end.
  std::uint64_t offsetOf(std::uint32_t first) const;
  std::uint64_t entriesEnd() const { return end_; }

  /// The entries of these groups, in order.
  static std::unique_ptr<SortedCursor> entries(std::shared_ptr<const EntriesFileReader> reader,
                                               KeyGroupRange groups);

  /// Checks every byte.
  Status verify() const;

 private:
  struct Place {
    std::uint16_t group = 0;
    std::uint64_t offset = 0;
  };

  explicit EntriesFileReader(const EntriesFile& expected) : expected_(expected) {}
  Status readEnd();
  Status readDrops();
  bool takeEnd(const std::string& payload);
  bool takeDrops(const std::string& payload);

  EntriesFile expected_;
  std::unique_ptr<RandomAccessFile> file_;
  std::uint64_t begin_ = 0;  // of the blocks of entries
  std::uint64_t end_ = 0;
  std::vector<Place> places_;
  Drops drops_;
};

}  // namespace millrace::checkpoint
