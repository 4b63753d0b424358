// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>
#include <millrace/checkpoint/checkpoint_store.hpp>

#include <string>

#include "checkpoint/directory.hpp"
#include "checkpoint/manifest.hpp"
#include "checkpoint/sorted_cursor.hpp"

namespace millrace::checkpoint {

/// Writes a savepoint: a state directory without a log. The rename of its manifest finishes it.
/// kFailedPrecondition: the directory holds something else than an unfinished savepoint.
Status writeSavepoint(FileSystem& files, const std::string& directory,
                      const CheckpointSummary& summary, SortedCursor& entries);

/// A savepoint's manifest, and the checksum it is known by. A retained checkpoint is one too, with
/// a log.
struct SavepointManifest {
  Manifest manifest;
  bool hasLog = false;
  std::uint64_t identity = 0;
};
/// kFailedPrecondition: the directory is no savepoint.
StatusOr<SavepointManifest> readSavepoint(FileSystem& files, const std::string& directory);

/// Makes a new state directory of a savepoint: its files, then its manifest.
/// REQUIRES: the directory is locked, its folders are there, and it has no manifest.
Status beginFromSavepoint(FileSystem& files, const Layout& layout,
                          const CheckpointStore::Options& options);

}  // namespace millrace::checkpoint
