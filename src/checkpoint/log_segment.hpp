// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/checkpoint/epoch.hpp>
#include <millrace/checkpoint/state_catalog.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// A segment of the epoch log:
///   segment = header number:u64 check:u64 { record }     check: of the 24 bytes before it
///   record  = magic:u32 type:u32 incarnation:u64 epoch:u64 size:u64 payload-check:u64 check:u64
///   payload
/// check is the checksum of the 40 bytes before it, seeded with number * 2^40 + the record's
/// offset; payload-check that of the payload, `size` bytes.
///   run begins (1)  catalog                               epoch: the last committed one
///   snapshot (2)    task operations:u64 changes           changes: as StateChanges writes them
///   seal (3)        ending snapshots:u64 operations:u64 bytes:u64 check:u64
/// An epoch is its snapshots and then its seal, which tells their number, their operations, the
/// bytes of their payloads, and the checksum of their payload-checks. It is committed when the seal
/// is good.
namespace millrace::checkpoint {

inline constexpr std::size_t kSegmentHeaderSize = 32;
inline constexpr std::size_t kRecordHeaderSize = 48;

enum class RecordType : std::uint32_t { kRunBegins = 1, kSnapshot = 2, kSeal = 3 };

struct RecordHeader {
  RecordType type = RecordType::kSeal;
  std::uint64_t incarnation = 0;
  std::uint64_t epoch = 0;
  std::uint64_t size = 0;
  std::uint64_t payloadCheck = 0;
};

std::string encodeSegmentHeader(std::uint64_t number);

void writeRecordHeader(const RecordHeader& header, std::uint64_t segment, std::uint64_t offset,
                       std::string& out);
/// False: there is no good header at the beginning of `bytes`.
bool readRecordHeader(std::string_view bytes, std::uint64_t segment, std::uint64_t offset,
                      RecordHeader& out);

/// The log's state where a segment begins: the records that follow must fit to it.
struct LogPosition {
  std::uint64_t incarnation = 0;
  std::uint64_t epoch = 0;
};

/// A committed part of the log: an epoch, or the begin of a run.
struct LogItem {
  /// One task's operations, in the segment's bytes.
  struct Changes {
    std::string_view operations;
    std::uint64_t count = 0;
  };

  bool beginsRun = false;
  std::vector<CataloguedState> states;  ///< when it begins a run
  Epoch epoch;                          ///< otherwise; without changes
  std::vector<Changes> changes;         ///< by task
  LogPosition after;
  std::size_t end = 0;  ///< offset
};

/// What a segment holds. The views lead into its bytes.
struct SegmentContents {
  std::vector<LogItem> items;
  std::size_t committedEnd = 0;  ///< offset; 0: not even the header is good
  LogPosition position;          ///< after the items
  /// Why reading ended before the end of the bytes; empty otherwise.
  std::string fault;
  std::size_t faultAt = 0;
  /// Behind the fault stands what can only have been written after the epoch in question was
  /// committed: it is no torn tail.
  bool isDamage = false;
};

/// kFailedPrecondition: of a newer version. Damage is told in the contents.
StatusOr<SegmentContents> readSegment(std::string_view bytes, std::uint64_t number,
                                      LogPosition begin, const std::string& path);

}  // namespace millrace::checkpoint
