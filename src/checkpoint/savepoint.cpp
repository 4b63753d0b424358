// SPDX-License-Identifier: MIT
#include "checkpoint/savepoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "checkpoint/checksum.hpp"
#include "checkpoint/file_header.hpp"
#include "checkpoint/rocks_base.hpp"
#include "checkpoint/sorted_files.hpp"

namespace millrace::checkpoint {
namespace {

constexpr std::size_t kCopyBytes = 1 << 20;

Status checkUnused(FileSystem& files, const Layout& layout) {
  const StatusOr<std::vector<std::string>> names = files.list(layout.root);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    if (name == "base" || name == "MANIFEST.new") continue;
    return absl::FailedPreconditionError(fmt::format(
        "cannot write a savepoint to {}: it holds {} (give a new or an empty directory)", layout.root,
        name));
  }
  return absl::OkStatus();
}

Status copyInto(WritableFile& to, RandomAccessFile& from, std::uint64_t size) {
  std::string piece;
  for (std::uint64_t done = 0; done < size; done += piece.size()) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kCopyBytes, size - done));
    MILLRACE_RETURN_IF_ERROR(readExactly(from, done, wanted, piece));
    MILLRACE_RETURN_IF_ERROR(to.append(piece));
  }
  MILLRACE_RETURN_IF_ERROR(finalError(to.sync()));
  return to.close();
}

Status copyFile(FileSystem& files, const std::string& from, const std::string& to,
                const EntriesFile& file) {
  MILLRACE_ASSIGN_OR_RETURN(const auto reader, EntriesFileReader::open(files, from, file));
  MILLRACE_RETURN_IF_ERROR(reader->verify());
  MILLRACE_ASSIGN_OR_RETURN(const auto source, files.openRead(from));
  MILLRACE_ASSIGN_OR_RETURN(const auto target, files.openWrite(to, WriteMode::kTruncate));
  return copyInto(*target, *source, file.size);
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

Status fillRocksDb(FileSystem& files, const Layout& layout, const CheckpointStore::Options& options,
                   Manifest& manifest) {
  MILLRACE_ASSIGN_OR_RETURN(EntriesFiles opened,
                            openEntriesFiles(files, Layout{options.fromSavepoint}, manifest));
  MergeCursor entries(MergeCursor::Erases::kLeftOut);
  for (const auto& file : opened) {
    MILLRACE_RETURN_IF_ERROR(file->verify());
    entries.add(EntriesFileReader::entries(file, EntrySelection().groups), file->drops());
  }
  manifest.files.clear();
  manifest.baseKind = Manifest::BaseKind::kRocksDb;
  MILLRACE_RETURN_IF_ERROR(RocksBase::make(RocksBase::settingsOf(layout, options), entries, manifest));
  return finalError(files.syncDirectory(layout.root));
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
  // The job the savepoint was taken of finishes its own effects; whoever starts from it has none yet.
  for (TaskSnapshot& task : manifest.summary.epoch.tasks) task.state.prepared.clear();
  MILLRACE_ASSIGN_OR_RETURN(
      const EntriesFile file,
      writeEntriesFile(files, layout, manifest.nextFile++, entries, Drops()));
  manifest.files = {file};
  return writeManifest(files, layout, manifest);
}

StatusOr<SavepointManifest> readSavepoint(FileSystem& files, const std::string& directory) {
  const Layout layout{directory};
  const StatusOr<std::string> bytes = readWhole(files, layout.manifest());
  if (absl::IsNotFound(bytes.status())) {
    return absl::FailedPreconditionError(directory +
                                         " is not a savepoint: it has no MANIFEST (was it finished?)");
  }
  MILLRACE_RETURN_IF_ERROR(bytes.status());
  SavepointManifest read;
  MILLRACE_ASSIGN_OR_RETURN(read.manifest, decodeManifest(*bytes, layout.manifest()));
  read.identity = checksum({*bytes});
  if (read.manifest.kind == Manifest::Kind::kSavepoint) return read;
  return absl::FailedPreconditionError(
      directory + " is the state directory of a job, not a savepoint (take a savepoint of the job)");
}

Status beginFromSavepoint(FileSystem& files, const Layout& layout,
                          const CheckpointStore::Options& options) {
  MILLRACE_ASSIGN_OR_RETURN(SavepointManifest from, readSavepoint(files, options.fromSavepoint));
  Manifest& manifest = from.manifest;
  if (manifest.summary.keyGroups != options.keyGroups) {
    return absl::FailedPreconditionError(
        fmt::format("the savepoint {} has {} key groups, not {} (the number is fixed for the life of "
                    "the state)",
                    options.fromSavepoint, manifest.summary.keyGroups, options.keyGroups));
  }
  const bool isRocksDb = options.backend == StateBackend::kRocksDb;
  MILLRACE_RETURN_IF_ERROR(isRocksDb ? fillRocksDb(files, layout, options, manifest)
                                     : copyFiles(files, layout, options.fromSavepoint, manifest));
  manifest.kind = Manifest::Kind::kCheckpoint;
  manifest.summary.jobName = options.jobName;
  manifest.origin = from.identity;
  return writeManifest(files, layout, manifest);
}

}  // namespace millrace::checkpoint
