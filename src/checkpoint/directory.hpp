// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millrace::checkpoint {

/// The names in a state directory.
struct Layout {
  std::string root;

  std::string lock() const { return root + "/LOCK"; }
  std::string manifest() const { return root + "/MANIFEST"; }
  std::string newManifest() const { return root + "/MANIFEST.new"; }
  std::string committed() const { return root + "/COMMITTED"; }
  std::string finished() const { return root + "/FINISHED"; }
  std::string log() const { return root + "/log"; }
  std::string base() const { return root + "/base"; }
  std::string rocksDb() const { return root + "/rocksdb"; }
  std::string incoming() const { return root + "/incoming"; }  ///< on its way into RocksDB
  std::string retained() const { return root + "/retained"; }
  Layout retained(std::uint64_t epoch) const;       ///< retained/000012
  std::string segment(std::uint64_t number) const;  ///< log/000001.log
  std::string entries(std::uint64_t number) const;  ///< base/000001.base
};

/// The numbers of the files in a folder with this ending, ascending. Names of another form are left
/// out; a folder that is not there has none.
StatusOr<std::vector<std::uint64_t>> numberedFiles(FileSystem& files, const std::string& folder,
                                                   const std::string& ending);

/// `kNotFound` counts as done.
Status removeIfThere(FileSystem& files, const std::string& path);

/// Removes a directory and what is in it. `kNotFound` counts as done.
Status removeTree(FileSystem& files, const std::string& path);

/// Copies the first `size` bytes of a file into a new one and syncs that. The directory is the
/// caller's to sync.
Status copySynced(FileSystem& files, const std::string& from, const std::string& to,
                  std::uint64_t size);

/// Gives a file that stays as it is another name, or copies it where that cannot be. As above.
Status linkOrCopy(FileSystem& files, const std::string& from, const std::string& to,
                  std::uint64_t size);

/// Writes a file whole and syncs it. The directory is the caller's to sync.
Status writeSynced(FileSystem& files, const std::string& path, std::string_view bytes);

/// Whether an error is one after which a store is as it was before; see CheckpointStore::append().
bool mayBeTriedAgain(const Status& status);

/// A failed sync: whatever the cause, never to be tried again.
Status finalError(const Status& status);

/// Something about the log in a file of its own, which is never synced and so may lag behind.
/// COMMITTED, a tripwire: what was committed at least; a log that ends before it has lost
/// something. FINISHED: up to where the sinks' effects are finished at least, and need not be
/// looked at again.
///   COMMITTED, FINISHED = header { epoch:u64 incarnation:u64 checksum:u64 }
/// Of the records the last good one counts; damage makes it say less, never more.
class CommittedMark {
 public:
  struct Value {
    std::uint64_t epoch = 0;
    std::uint64_t incarnation = 0;
  };

  CommittedMark(FileSystem& files, std::string path) : files_(&files), path_(std::move(path)) {}

  /// Failing is no error: it is a tripwire that is not there.
  void set(Value value);

  static Value read(FileSystem& files, const std::string& path);

 private:
  FileSystem* files_;
  std::string path_;
  std::unique_ptr<WritableFile> file_;
  std::uint64_t size_ = 0;
};

}  // namespace millrace::checkpoint
