// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>
#include <millrace/checkpoint/checkpoint_store.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "checkpoint/directory.hpp"
#include "checkpoint/log_segment.hpp"
#include "checkpoint/manifest.hpp"
#include "checkpoint/merge_cursor.hpp"
#include "checkpoint/sorted_segment.hpp"
#include "checkpoint/state_base.hpp"

namespace millrace::checkpoint {

/// The committed part of a segment.
struct SegmentRef {
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;  ///< 0: not even its header was written
};

/// What a summary becomes by an item of the log.
void advance(CheckpointSummary& summary, LogItem&& item);

/// What the log holds above a manifest.
struct LogScan {
  std::vector<SegmentRef> segments;
  CheckpointSummary summary;  ///< after the last committed item
  std::uint64_t tornBytes = 0;
};

/// Sees each committed item; its views are good during the call.
using LogVisitor = std::function<void(const LogItem&)>;

/// Reads the log as far as epoch `last`. kDataLoss: something committed is damaged or missing.
StatusOr<LogScan> scanLog(FileSystem& files, const Layout& layout, const Manifest& manifest,
                          const LogVisitor& visit = {},
                          std::uint64_t last = std::numeric_limits<std::uint64_t>::max());

/// The committed part of a segment, sorted; `summary` moves on from the segment's begin to its end.
StatusOr<std::unique_ptr<SortedSegment>> sortSegment(RandomAccessFile& file,
                                                     const SegmentRef& segment,
                                                     KeyGroupRange groups,
                                                     CheckpointSummary& summary);

/// A state directory at one moment: stays readable whatever becomes of the directory.
///
/// **Thread safety**: all methods may be called from any thread at once.
class CheckpointView {
 public:
  /// `begin` is where the first segment begins, that is, what the base holds. Opens the segments'
  /// files.
  static StatusOr<CheckpointView> open(FileSystem& files, const Layout& layout,
                                       std::shared_ptr<const BaseView> base,
                                       CheckpointSummary begin,
                                       const std::vector<SegmentRef>& segments);

  /// Live entries, in order: those that are selected, and maybe others of these groups.
  StatusOr<std::unique_ptr<SortedCursor>> entries(const EntrySelection& selection) const;
  Status forEach(const EntrySelection& selection, const EntryVisitor& visit) const;

 private:
  struct OpenSegment {
    SegmentRef ref;
    std::unique_ptr<RandomAccessFile> file;
  };

  CheckpointView() = default;

  std::shared_ptr<const BaseView> base_;
  CheckpointSummary begin_;
  std::vector<OpenSegment> segments_;
};

}  // namespace millrace::checkpoint
