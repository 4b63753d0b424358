// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::testing {

/// What may go wrong with a file operation.
enum class FileFault : std::uint8_t {
  kFullDisk,   ///< an append writes a part of its bytes and answers kResourceExhausted
  kSyncFails,  ///< a sync answers kDataLoss; its bytes may have become lasting or not
  kIoError,    ///< any operation answers kDataLoss
  kCrash,      ///< the power goes in the middle of any operation
};

/// A file system in memory that is as unkind as a real one may be, and does the same again for the
/// same seed: bytes that were not synced may be lost or torn by a crash, and so may names whose
/// directory was not synced.
///
/// **Thread safety**: all methods may be called from any thread at once. The order of operations
/// then decides what a seed means.
class SimulatedFiles final : public FileSystem {
 public:
  explicit SimulatedFiles(std::uint64_t seed);
  ~SimulatedFiles() override;

  /// Operations so far, reading ones among them.
  std::uint64_t operations() const;

  /// Lets the operation with this number (of operations(), so 0 is the very first) go wrong, or the
  /// first one after it that can go wrong in this way. Once; may be called for several.
  void failAt(std::uint64_t operation, FileFault fault);

  /// The room for all files; what is over it meets a full disk. No limit unless set.
  void setCapacity(std::uint64_t bytes);

  /// The power goes, or has gone by FileFault::kCrash, and the machine comes up again: of what was
  /// not lasting any part is there. Files, streams and locks of before answer kAborted or are gone.
  void crash();

  /// The process is killed: all it has written is there, though no more lasting than before. Files,
  /// streams and locks of before are gone.
  void kill();

  /// True from FileFault::kCrash to crash(): every operation answers kAborted.
  bool isDown() const;

  /// Files by path; directories are left out.
  std::vector<std::string> paths() const;
  bool exists(const std::string& path) const;
  /// REQUIRES: exists(path).
  std::string contents(const std::string& path) const;
  /// Changes or makes a file behind the program's back, lasting at once.
  void setContents(const std::string& path, std::string bytes);

  StatusOr<std::unique_ptr<RandomAccessFile>> openRead(const std::string& path) override;
  StatusOr<std::unique_ptr<InputStream>> openStream(const std::string& path) override;
  StatusOr<std::unique_ptr<WritableFile>> openWrite(const std::string& path,
                                                    WriteMode mode) override;
  /// At its end at once.
  std::unique_ptr<InputStream> standardInput() override;
  /// Goes to the file "<stdout>".
  std::unique_ptr<WritableFile> standardOutput() override;
  StatusOr<FileInfo> stat(const std::string& path) override;
  StatusOr<std::vector<std::string>> list(const std::string& directory) override;
  Status makeDirs(const std::string& directory) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status syncDirectory(const std::string& directory) override;
  Status truncate(const std::string& path, std::uint64_t size) override;
  StatusOr<std::unique_ptr<FileLock>> lock(const std::string& path,
                                           std::string_view holder) override;

 private:
  class Disk;
  class Reader;
  class Stream;
  class Writer;
  class Lock;

  std::shared_ptr<Disk> disk_;
};

}  // namespace millrace::testing
