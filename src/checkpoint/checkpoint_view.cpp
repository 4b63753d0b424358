// SPDX-License-Identifier: MIT
#include "checkpoint/checkpoint_view.hpp"

#include <fmt/format.h>

#include <utility>

#include "checkpoint/file_header.hpp"

namespace millrace::checkpoint {
namespace {

StatusOr<std::vector<std::uint64_t>> segmentNumbers(FileSystem& files, const Layout& layout,
                                                    std::uint64_t first) {
  MILLRACE_ASSIGN_OR_RETURN(std::vector<std::uint64_t> numbers,
                            numberedFiles(files, layout.log(), ".log"));
  std::erase_if(numbers, [&](std::uint64_t number) { return number < first; });
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] != first + i) return damaged(layout.segment(first + i), 0, "it is missing");
  }
  return numbers;
}

LogPosition positionOf(const CheckpointSummary& summary) {
  return {summary.incarnation, summary.epoch.number};
}

// The mark is made after the commit of what it tells.
Status checkMark(const CommittedMark::Value& mark, const Layout& layout, std::uint64_t firstSegment,
                 const LogScan& scan) {
  const LogPosition found = positionOf(scan.summary);
  if (mark.epoch <= found.epoch && mark.incarnation <= found.incarnation) return absl::OkStatus();
  const SegmentRef last =
      scan.segments.empty() ? SegmentRef{firstSegment, 0} : scan.segments.back();
  return damaged(
      layout.segment(last.number), last.bytes,
      fmt::format("the log ends here with epoch {} of run {}, but epoch {} of run {} was "
                  "committed: the end of it or a later segment is lost",
                  found.epoch, found.incarnation, mark.epoch, mark.incarnation));
}

}  // namespace

void advance(CheckpointSummary& summary, LogItem&& item) {
  summary.incarnation = item.after.incarnation;
  if (item.beginsRun) {
    summary.states = std::move(item.states);
  } else {
    summary.epoch = std::move(item.epoch);
  }
}

StatusOr<LogScan> scanLog(FileSystem& files, const Layout& layout, const Manifest& manifest,
                          const LogVisitor& visit, std::uint64_t last) {
  LogScan scan;
  scan.summary = manifest.summary;
  // Before the log, which may be growing.
  const CommittedMark::Value mark = CommittedMark::read(files, layout.committed());
  MILLRACE_ASSIGN_OR_RETURN(const auto numbers,
                            segmentNumbers(files, layout, manifest.firstSegment));
  for (const std::uint64_t number : numbers) {
    const std::string path = layout.segment(number);
    MILLRACE_ASSIGN_OR_RETURN(const std::string bytes, readWhole(files, path));
    MILLRACE_ASSIGN_OR_RETURN(SegmentContents contents,
                              readSegment(bytes, number, positionOf(scan.summary), path));
    const bool mayBeTorn = number == numbers.back() && !contents.isDamage;
    if (!contents.fault.empty() && !mayBeTorn) {
      return damaged(path, contents.faultAt, contents.fault);
    }
    std::size_t end = contents.items.empty() ? contents.committedEnd : kSegmentHeaderSize;
    for (LogItem& item : contents.items) {
      if (item.after.epoch > last) break;
      if (visit) visit(item);
      end = item.end;
      advance(scan.summary, std::move(item));
    }
    scan.segments.push_back({number, end});
    scan.tornBytes = bytes.size() - end;
    // Nothing but an epoch that is not committed comes behind one.
    if (contents.position.epoch > last) break;
  }
  MILLRACE_RETURN_IF_ERROR(checkMark(mark, layout, manifest.firstSegment, scan));
  return scan;
}

StatusOr<std::unique_ptr<SortedSegment>> sortSegment(RandomAccessFile& file,
                                                     const SegmentRef& segment,
                                                     KeyGroupRange groups,
                                                     CheckpointSummary& summary) {
  std::string bytes;
  MILLRACE_RETURN_IF_ERROR(readExactly(file, 0, segment.bytes, bytes));
  MILLRACE_ASSIGN_OR_RETURN(SegmentContents contents,
                            readSegment(bytes, segment.number, positionOf(summary), file.path()));
  if (!contents.fault.empty()) return damaged(file.path(), contents.faultAt, contents.fault);
  MILLRACE_ASSIGN_OR_RETURN(auto sorted, SortedSegment::sort(std::move(bytes), contents,
                                                             summary.states, groups, file.path()));
  for (LogItem& item : contents.items) advance(summary, std::move(item));
  return sorted;
}

StatusOr<CheckpointView> CheckpointView::open(FileSystem& files, const Layout& layout,
                                              std::shared_ptr<const BaseView> base,
                                              CheckpointSummary begin,
                                              const std::vector<SegmentRef>& segments) {
  CheckpointView view;
  view.base_ = std::move(base);
  view.begin_ = std::move(begin);
  for (const SegmentRef& segment : segments) {
    if (segment.bytes == 0) continue;
    MILLRACE_ASSIGN_OR_RETURN(auto file, files.openRead(layout.segment(segment.number)));
    view.segments_.push_back({segment, std::move(file)});
  }
  return view;
}

StatusOr<std::unique_ptr<SortedCursor>> CheckpointView::entries(
    const EntrySelection& selection) const {
  auto merged = std::make_unique<MergeCursor>(MergeCursor::Erases::kLeftOut);
  base_->addTo(*merged, selection);
  CheckpointSummary summary = begin_;
  for (const OpenSegment& segment : segments_) {
    MILLRACE_ASSIGN_OR_RETURN(auto sorted,
                              sortSegment(*segment.file, segment.ref, selection.groups, summary));
    const Drops drops = sorted->drops();
    merged->add(std::move(sorted), drops);
  }
  return std::unique_ptr<SortedCursor>(std::move(merged));
}

Status CheckpointView::forEach(const EntrySelection& selection, const EntryVisitor& visit) const {
  MILLRACE_ASSIGN_OR_RETURN(const auto cursor, entries(selection));
  while (true) {
    MILLRACE_ASSIGN_OR_RETURN(const bool more, cursor->next());
    if (!more) return absl::OkStatus();
    const StateChange& entry = cursor->current();
    if (!selection.contains(entry.state)) continue;
    MILLRACE_RETURN_IF_ERROR(visit(entry.state, entry.group, entry.key, entry.value));
  }
}

}  // namespace millrace::checkpoint
