// SPDX-License-Identifier: MIT
#include "checkpoint/savepoint.hpp"

#include <fmt/format.h>

#include "checkpoint/checksum.hpp"
#include "checkpoint/directory_reader.hpp"
#include "checkpoint/file_header.hpp"
#include "checkpoint/rocks_base.hpp"
#include "checkpoint/sorted_files.hpp"

namespace millrace::checkpoint {
namespace {

Status checkUnused(FileSystem& files, const Layout& layout) {
  const StatusOr<std::vector<std::string>> names = files.list(layout.root);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    if (name == "base" || name == "MANIFEST.new") continue;
    return absl::FailedPreconditionError(fmt::format(
        "cannot write a savepoint to {}: it holds {} (give a new or an empty directory)",
        layout.root, name));
  }
  return absl::OkStatus();
}

Status copyFile(FileSystem& files, const std::string& from, const std::string& to,
                const EntriesFile& file) {
  MILLRACE_ASSIGN_OR_RETURN(const auto reader, EntriesFileReader::open(files, from, file));
  MILLRACE_RETURN_IF_ERROR(reader->verify());
  return copySynced(files, from, to, file.size);
}

Status copyFiles(FileSystem& files, const Layout& layout, const std::string& savepoint,
                 const Manifest& manifest) {
  const Layout source{savepoint};
  for (const EntriesFile& file : manifest.files) {
    MILLRACE_RETURN_IF_ERROR(
        copyFile(files, source.entries(file.number), layout.entries(file.number), file));
  }
  return finalError(files.syncDirectory(layout.base()));
}

// Takes over what the savepoint holds, whatever it consists of.
Status fillBase(FileSystem& files, const Layout& layout, const CheckpointStore::Options& options,
                Manifest& manifest) {
  MILLRACE_ASSIGN_OR_RETURN(const auto from,
                            DirectoryReader::read(files, Layout{options.fromSavepoint}, manifest));
  MILLRACE_RETURN_IF_ERROR(from->verify());
  MILLRACE_ASSIGN_OR_RETURN(const auto entries, from->entries());
  manifest = Manifest();
  manifest.summary = from->summary();
  if (options.backend == StateBackend::kRocksDb) {
    manifest.baseKind = Manifest::BaseKind::kRocksDb;
    MILLRACE_RETURN_IF_ERROR(
        RocksBase::make(RocksBase::settingsOf(layout, options), *entries, manifest));
    return finalError(files.syncDirectory(layout.root));
  }
  MILLRACE_ASSIGN_OR_RETURN(
      const EntriesFile file,
      writeEntriesFile(files, layout, manifest.nextFile++, *entries, Drops()));
  manifest.files = {file};
  return absl::OkStatus();
}

// The job it was taken of finishes its own effects; whoever starts from it has none yet.
void forgetEffects(CheckpointSummary& summary) {
  for (TaskSnapshot& task : summary.epoch.tasks) task.state.prepared.clear();
}

}  // namespace

Status writeSavepoint(FileSystem& files, const std::string& directory,
                      const CheckpointSummary& summary, SortedCursor& entries) {
  const Layout layout{directory};
  MILLRACE_RETURN_IF_ERROR(checkUnused(files, layout));
  MILLRACE_RETURN_IF_ERROR(makeLastingDirs(files, layout.base()));
  Manifest manifest;
  manifest.kind = Manifest::Kind::kSavepoint;
  manifest.summary = summary;
  forgetEffects(manifest.summary);
  MILLRACE_ASSIGN_OR_RETURN(const EntriesFile file,
                            writeEntriesFile(files, layout, manifest.nextFile++, entries, Drops()));
  manifest.files = {file};
  return writeManifest(files, layout, manifest);
}

StatusOr<SavepointManifest> readSavepoint(FileSystem& files, const std::string& directory) {
  const Layout layout{directory};
  const StatusOr<std::string> bytes = readWhole(files, layout.manifest());
  if (absl::IsNotFound(bytes.status())) {
    return absl::FailedPreconditionError(
        directory + " is not a savepoint: it has no MANIFEST (was it finished?)");
  }
  MILLRACE_RETURN_IF_ERROR(bytes.status());
  SavepointManifest read;
  MILLRACE_ASSIGN_OR_RETURN(read.manifest, decodeManifest(*bytes, layout.manifest()));
  if (read.manifest.kind != Manifest::Kind::kSavepoint) {
    return absl::FailedPreconditionError(
        directory +
        " is the state directory of a job, not a savepoint (take a savepoint of the job)");
  }
  read.identity = checksum({*bytes});
  MILLRACE_ASSIGN_OR_RETURN(const auto segments, numberedFiles(files, layout.log(), ".log"));
  read.hasLog = !segments.empty();
  // Of two retained checkpoints the logs alone may differ.
  for (const std::uint64_t segment : segments) {
    MILLRACE_ASSIGN_OR_RETURN(const std::string log, readWhole(files, layout.segment(segment)));
    read.identity = checksum({log}, read.identity);
  }
  return read;
}

Status beginFromSavepoint(FileSystem& files, const Layout& layout,
                          const CheckpointStore::Options& options) {
  MILLRACE_ASSIGN_OR_RETURN(SavepointManifest from, readSavepoint(files, options.fromSavepoint));
  Manifest& manifest = from.manifest;
  if (manifest.summary.keyGroups != options.keyGroups) {
    return absl::FailedPreconditionError(fmt::format(
        "the savepoint {} has {} key groups, not {} (the number is fixed for the life of "
        "the state)",
        options.fromSavepoint, manifest.summary.keyGroups, options.keyGroups));
  }
  const bool areFilesEnough = options.backend == StateBackend::kMemory &&
                              manifest.baseKind == Manifest::BaseKind::kSortedFiles && !from.hasLog;
  MILLRACE_RETURN_IF_ERROR(areFilesEnough
                               ? copyFiles(files, layout, options.fromSavepoint, manifest)
                               : fillBase(files, layout, options, manifest));
  manifest.kind = Manifest::Kind::kCheckpoint;
  forgetEffects(manifest.summary);
  manifest.summary.jobName = options.jobName;
  manifest.origin = from.identity;
  return writeManifest(files, layout, manifest);
}

}  // namespace millrace::checkpoint
