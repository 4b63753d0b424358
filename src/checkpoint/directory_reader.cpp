// SPDX-License-Identifier: MIT
#include "checkpoint/directory_reader.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "checkpoint/file_header.hpp"
#include "checkpoint/log_and_base.hpp"
#include "checkpoint/records.hpp"
#include "checkpoint/retained.hpp"

namespace millrace::checkpoint {
namespace {

// A job at work may replace the files between the reading of their names and of themselves.
constexpr int kAttempts = 20;

CheckpointReader::LoggedEpoch loggedEpoch(const LogItem& item) {
  CheckpointReader::LoggedEpoch logged;
  logged.epoch = withoutChanges(item.epoch);
  for (const LogItem::Changes& changes : item.changes) {
    logged.operations += changes.count;
    logged.bytes += changes.operations.size();
  }
  return logged;
}

StatusOr<std::string> manifestOf(FileSystem& files, const Layout& layout) {
  StatusOr<std::string> bytes = readWhole(files, layout.manifest());
  if (!absl::IsNotFound(bytes.status())) return bytes;
  MILLRACE_ASSIGN_OR_RETURN(const auto segments, numberedFiles(files, layout.log(), ".log"));
  if (!segments.empty()) return damaged(layout.manifest(), 0, "it is missing");
  return absl::FailedPreconditionError(layout.root +
                                       " is no state directory or savepoint: it has no MANIFEST");
}

RocksBase::Settings readingSettings(const Layout& layout, const Manifest& manifest) {
  RocksBase::Settings settings;
  settings.layout = layout;
  settings.keyGroups = manifest.summary.keyGroups;
  settings.fileBytes = CheckpointStore::kDefaultSegmentBytes;
  settings.isForReading = true;
  return settings;
}

}  // namespace

DirectoryReader::DirectoryReader(bool isSavepoint, LogScan log, std::vector<LoggedEpoch> epochs,
                                 std::unique_ptr<StateBase> base, CheckpointView view)
    : isSavepoint_(isSavepoint),
      log_(std::move(log)),
      epochs_(std::move(epochs)),
      base_(std::move(base)),
      view_(std::move(view)) {}

StatusOr<std::unique_ptr<DirectoryReader>> DirectoryReader::read(FileSystem& files,
                                                                 const Layout& layout,
                                                                 const Manifest& manifest) {
  MILLRACE_ASSIGN_OR_RETURN(auto base,
                            openBase(files, manifest, readingSettings(layout, manifest)));
  std::vector<LoggedEpoch> epochs;
  MILLRACE_ASSIGN_OR_RETURN(LogScan log, scanLog(files, layout, manifest, [&](const LogItem& item) {
                              if (!item.beginsRun) epochs.push_back(loggedEpoch(item));
                            }));
  MILLRACE_ASSIGN_OR_RETURN(
      CheckpointView view,
      CheckpointView::open(files, layout, base->view(), manifest.summary, log.segments));
  std::unique_ptr<DirectoryReader> reader(
      new DirectoryReader(manifest.kind == Manifest::Kind::kSavepoint, std::move(log),
                          std::move(epochs), std::move(base), std::move(view)));
  MILLRACE_ASSIGN_OR_RETURN(reader->retained_, retainedEpochs(files, layout));
  return reader;
}

std::uint64_t DirectoryReader::logBytes() const {
  std::uint64_t bytes = 0;
  for (const SegmentRef& segment : log_.segments) bytes += segment.bytes;
  return bytes;
}

Status DirectoryReader::forEachEntry(KeyGroupRange groups, const EntryVisitor& visit) const {
  return view_.forEach(EntrySelection{groups, {}}, visit);
}

StatusOr<std::unique_ptr<SortedCursor>> DirectoryReader::entries() const {
  return view_.entries(EntrySelection());
}

Status DirectoryReader::verify() const {
  MILLRACE_RETURN_IF_ERROR(base_->verify());
  return forEachEntry({0, kMaxKeyGroups}, [](StateId, KeyGroup, std::string_view,
                                             std::string_view) { return absl::OkStatus(); });
}

}  // namespace millrace::checkpoint

namespace millrace {

using checkpoint::DirectoryReader;

StatusOr<std::unique_ptr<CheckpointReader>> CheckpointReader::open(FileSystem& files,
                                                                   const std::string& directory) {
  const checkpoint::Layout layout{directory};
  MILLRACE_ASSIGN_OR_RETURN(std::string bytes, checkpoint::manifestOf(files, layout));
  for (int attempt = 0;; ++attempt) {
    MILLRACE_ASSIGN_OR_RETURN(const checkpoint::Manifest manifest,
                              checkpoint::decodeManifest(bytes, layout.manifest()));
    StatusOr<std::unique_ptr<DirectoryReader>> read =
        DirectoryReader::read(files, layout, manifest);
    if (read.ok()) return std::unique_ptr<CheckpointReader>(*std::move(read));
    MILLRACE_ASSIGN_OR_RETURN(std::string now, checkpoint::manifestOf(files, layout));
    if (now == bytes || attempt == checkpoint::kAttempts) return read.status();
    bytes = std::move(now);
  }
}

StatusOr<std::vector<CheckpointReader::StateSize>> CheckpointReader::sizes() const {
  std::vector<StateSize> sizes;
  for (const CataloguedState& state : summary().states) sizes.push_back({state, 0, 0, 0});
  MILLRACE_RETURN_IF_ERROR(forEachEntry(
      {0, kMaxKeyGroups}, [&](StateId id, KeyGroup, std::string_view key, std::string_view value) {
        const auto size = std::lower_bound(
            sizes.begin(), sizes.end(), id,
            [](const StateSize& known, StateId wanted) { return known.state.id < wanted; });
        if (size == sizes.end() || size->state.id != id) {
          return absl::DataLossError("there are entries of a state that is not in the catalog");
        }
        ++size->entries;
        size->keyBytes += key.size();
        size->valueBytes += value.size();
        return absl::OkStatus();
      }));
  return sizes;
}

}  // namespace millrace
