// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <millrace/time/rfc3339.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include "checkpoint/committed_elsewhere.hpp"
#include "checkpoint/file_header.hpp"
#include "checkpoint/log_and_base.hpp"
#include "checkpoint/retained.hpp"
#include "checkpoint/savepoint.hpp"
#include "checkpoint/sorted_files.hpp"

namespace millrace::checkpoint {
namespace {

using Options = CheckpointStore::Options;

Status checkOptions(const FileSystem& files, const Options& options) {
  if (options.directory.empty()) return absl::InvalidArgumentError("no state directory is given");
  if (options.backend == StateBackend::kRocksDb && &files != &posixFileSystem()) {
    return absl::InvalidArgumentError(
        "RocksDB keeps its files on the machine's own file system alone");
  }
  if (options.retained == 0) {
    return absl::InvalidArgumentError(
        "0 retained checkpoints are too few: the last one is always there");
  }
  if (options.keyGroups > 0 && options.keyGroups <= kMaxKeyGroups) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} key groups are not between 1 and {}", options.keyGroups, kMaxKeyGroups));
}

// Before anything is put there: is it a place for state at all?
Status checkPlace(FileSystem& files, const Layout& layout) {
  const StatusOr<std::vector<std::string>> names = files.list(layout.root);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(names.status());
  const auto has = [&](std::string_view name) {
    return std::find(names->begin(), names->end(), name) != names->end();
  };
  if (has("MANIFEST")) return absl::OkStatus();
  constexpr std::array<std::string_view, 9> kOurs = {"LOCK",    "COMMITTED", "FINISHED",
                                                     "log",     "base",      "MANIFEST.new",
                                                     "rocksdb", "incoming",  "retained"};
  for (const std::string& name : *names) {
    if (std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end()) continue;
    return absl::FailedPreconditionError(fmt::format(
        "{} is not a state directory: it holds {} and no MANIFEST (give a new or an empty "
        "directory)",
        layout.root, name));
  }
  return absl::OkStatus();
}

StatusOr<std::unique_ptr<FileLock>> lockFor(FileSystem& files, const Layout& layout,
                                            const Options& options) {
  std::string holder = fmt::format("job '{}'", options.jobName);
  if (options.openedAt != 0) holder += " since " + formatUtc(options.openedAt);
  auto lock = files.lock(layout.lock(), holder);
  if (!absl::IsFailedPrecondition(lock.status())) return lock;
  return absl::FailedPreconditionError(fmt::format(
      "the state directory {} is in use: {} (stop that job, or give this one a directory "
      "of its own)",
      layout.root, textOf(lock.status())));
}

// The manifest is made first and never removed.
Status checkNothingLost(FileSystem& files, const Layout& layout, bool mayBeUnfinished) {
  MILLRACE_ASSIGN_OR_RETURN(const auto segments, numberedFiles(files, layout.log(), ".log"));
  MILLRACE_ASSIGN_OR_RETURN(const auto entries, numberedFiles(files, layout.base(), ".base"));
  const bool marked = CommittedMark::read(files, layout.committed()).incarnation > 0;
  const bool hasBase = !entries.empty() || files.stat(layout.rocksDb()).ok();
  if (segments.empty() && !marked && (!hasBase || mayBeUnfinished)) return absl::OkStatus();
  return damaged(layout.manifest(), 0, "it is missing");
}

Manifest::BaseKind baseKindOf(StateBackend backend) {
  return backend == StateBackend::kRocksDb ? Manifest::BaseKind::kRocksDb
                                           : Manifest::BaseKind::kSortedFiles;
}

Status makeManifest(FileSystem& files, const Layout& layout, const Options& options) {
  const bool seeded = !options.fromSavepoint.empty();
  MILLRACE_RETURN_IF_ERROR(checkNothingLost(files, layout, seeded));
  MILLRACE_RETURN_IF_ERROR(makeLastingDirs(files, layout.log()));
  MILLRACE_RETURN_IF_ERROR(makeLastingDirs(files, layout.base()));
  if (seeded) {
    return annotate(beginFromSavepoint(files, layout, options),
                    "beginning from savepoint " + options.fromSavepoint);
  }
  Manifest manifest;
  manifest.summary.jobName = options.jobName;
  manifest.summary.keyGroups = options.keyGroups;
  manifest.baseKind = baseKindOf(options.backend);
  return writeManifest(files, layout, manifest);
}

Status checkOrigin(FileSystem& files, const Layout& layout, const Manifest& manifest,
                   const std::string& savepoint) {
  if (savepoint.empty()) return absl::OkStatus();
  // A directory that has begun from a savepoint stands alone: that one may be gone by now.
  const bool isGone = absl::IsNotFound(files.stat(savepoint).status());
  if (isGone && manifest.origin != 0) return absl::OkStatus();
  MILLRACE_ASSIGN_OR_RETURN(const SavepointManifest from, readSavepoint(files, savepoint));
  if (from.identity == manifest.origin) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "{} holds state that did not begin from savepoint {} (to begin from it give a new or "
      "an empty directory; to go on, give no savepoint)",
      layout.root, savepoint));
}

Status checkManifest(const Layout& layout, const Manifest& manifest, const Options& options) {
  const CheckpointSummary& summary = manifest.summary;
  if (manifest.kind == Manifest::Kind::kSavepoint) {
    return absl::FailedPreconditionError(fmt::format(
        "{} is a savepoint (begin from it with a state directory of its own)", layout.root));
  }
  if (summary.jobName != options.jobName) {
    return absl::FailedPreconditionError(
        fmt::format("{} is the state directory of job '{}', not of '{}' (give each job its own)",
                    layout.root, summary.jobName, options.jobName));
  }
  if (manifest.baseKind != baseKindOf(options.backend)) {
    const bool isRocksDb = manifest.baseKind == Manifest::BaseKind::kRocksDb;
    return absl::FailedPreconditionError(fmt::format(
        "the state in {} was kept with the store '{}' (go on with that one; or take a savepoint "
        "and begin from it in a new directory, with any store)",
        layout.root, isRocksDb ? "rocksdb" : "memory"));
  }
  if (summary.keyGroups == options.keyGroups) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "the state in {} has {} key groups, not {} (the number is fixed for the life of the "
      "state)",
      layout.root, summary.keyGroups, options.keyGroups));
}

// A base that is read by key has to hold all there is: what the log still has goes into it.
Status emptyLog(FileSystem& files, LogAndBase::Opened& opened) {
  for (const SegmentRef& segment : opened.log.segments) {
    if (segment.bytes == 0) continue;
    Manifest manifest = opened.manifest;
    MILLRACE_RETURN_IF_ERROR(applySegment(files, opened.layout, segment, *opened.base, manifest));
    MILLRACE_RETURN_IF_ERROR(writeManifest(files, opened.layout, manifest));
    opened.manifest = std::move(manifest);
  }
  opened.log.segments.clear();
  return absl::OkStatus();
}

// What a crash between a manifest and the removals it allows has left, or one before a manifest.
Status removeLeftovers(FileSystem& files, const Layout& layout, const Manifest& manifest) {
  MILLRACE_RETURN_IF_ERROR(removeIfThere(files, layout.newManifest()));
  MILLRACE_ASSIGN_OR_RETURN(const auto segments, numberedFiles(files, layout.log(), ".log"));
  for (const std::uint64_t number : segments) {
    if (number < manifest.firstSegment) {
      MILLRACE_RETURN_IF_ERROR(files.remove(layout.segment(number)));
    }
  }
  MILLRACE_ASSIGN_OR_RETURN(const auto entries, numberedFiles(files, layout.base(), ".base"));
  for (const std::uint64_t number : entries) {
    const bool isNamed =
        std::any_of(manifest.files.begin(), manifest.files.end(),
                    [&](const EntriesFile& file) { return file.number == number; });
    if (!isNamed) MILLRACE_RETURN_IF_ERROR(files.remove(layout.entries(number)));
  }
  return removeUnfinishedRetained(files, layout);
}

// What was found may be in the system's memory alone, after a kill: it has to last before anything
// is removed or answered because of it.
Status makeLasting(FileSystem& files, LogAndBase::Opened& opened) {
  const Layout& layout = opened.layout;
  for (const std::string& folder : {layout.root, layout.base(), layout.log()}) {
    MILLRACE_RETURN_IF_ERROR(finalError(files.syncDirectory(folder)));
  }
  std::vector<SegmentRef>& segments = opened.log.segments;
  if (segments.empty()) return absl::OkStatus();
  SegmentRef& last = segments.back();
  if (last.bytes > 0) return opened.writer.open(last.number, last.bytes);
  MILLRACE_RETURN_IF_ERROR(opened.writer.create(last.number));
  last.bytes = opened.writer.size();
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::unique_ptr<StateBase>> openBase(FileSystem& files, const Manifest& manifest,
                                              const RocksBase::Settings& settings) {
  if (manifest.baseKind == Manifest::BaseKind::kRocksDb) {
    MILLRACE_ASSIGN_OR_RETURN(auto base, RocksBase::open(settings, manifest));
    return std::unique_ptr<StateBase>(std::move(base));
  }
  MILLRACE_ASSIGN_OR_RETURN(EntriesFiles entries,
                            openEntriesFiles(files, settings.layout, manifest));
  return std::unique_ptr<StateBase>(std::make_unique<SortedFiles>(
      files, settings.layout, std::move(entries), settings.fileBytes));
}

StatusOr<LogAndBase::Opened> openDirectory(FileSystem& files, const Options& options) {
  const Layout layout{options.directory};
  MILLRACE_RETURN_IF_ERROR(checkOptions(files, options));
  MILLRACE_RETURN_IF_ERROR(checkPlace(files, layout));
  MILLRACE_RETURN_IF_ERROR(makeLastingDirs(files, layout.root));
  LogAndBase::Opened opened{nullptr,
                            layout,
                            {},
                            {},
                            {},
                            nullptr,
                            LogWriter(files, layout),
                            options.segmentBytes,
                            options.retained > 1 ? options.retained : 0,
                            options.retainEvery,
                            options.commitPoint};
  MILLRACE_ASSIGN_OR_RETURN(opened.lock, lockFor(files, layout, options));
  StatusOr<Manifest> manifest = readManifest(files, layout);
  if (absl::IsNotFound(manifest.status())) {
    MILLRACE_RETURN_IF_ERROR(makeManifest(files, layout, options));
    manifest = readManifest(files, layout);
  }
  MILLRACE_RETURN_IF_ERROR(manifest.status());
  MILLRACE_RETURN_IF_ERROR(checkManifest(layout, *manifest, options));
  MILLRACE_RETURN_IF_ERROR(checkOrigin(files, layout, *manifest, options.fromSavepoint));
  opened.manifest = *std::move(manifest);
  MILLRACE_ASSIGN_OR_RETURN(
      opened.base, openBase(files, opened.manifest, RocksBase::settingsOf(layout, options)));
  MILLRACE_ASSIGN_OR_RETURN(opened.log,
                            scanCommitted(files, layout, opened.manifest, options.commitPoint));
  opened.finished = CommittedMark::read(files, layout.finished());
  if (opened.base->isReadable()) MILLRACE_RETURN_IF_ERROR(emptyLog(files, opened));
  MILLRACE_RETURN_IF_ERROR(makeLasting(files, opened));
  MILLRACE_RETURN_IF_ERROR(removeLeftovers(files, layout, opened.manifest));
  return opened;
}

}  // namespace millrace::checkpoint

namespace millrace {

StatusOr<std::unique_ptr<CheckpointStore>> CheckpointStore::open(FileSystem& files,
                                                                 const Options& options) {
  MILLRACE_ASSIGN_OR_RETURN(auto opened, checkpoint::openDirectory(files, options));
  return std::make_unique<checkpoint::LogAndBase>(files, std::move(opened));
}

}  // namespace millrace
