// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/base/status.hpp>

namespace millrace {

/// The seam for everything that touches files. Library code opens, writes, syncs
/// and renames through a `FileSystem`, never by system calls of its own, so that a
/// simulated one can lose unsynced bytes, fill up or refuse.
///
/// Errors name the path and the reason, with a hint where there is one:
/// "cannot open /x: Permission denied (check who owns the file and its mode)".
/// Codes: kNotFound, kPermissionDenied, kAlreadyExists, kResourceExhausted (disk
/// full, too many open files), kDataLoss (the device failed), kFailedPrecondition
/// (the reader of a pipe went away, a stream is closed), kInvalidArgument (a
/// directory where a file is wanted or the reverse), kInternal for the rest.

enum class FileKind : std::uint8_t {
  kRegular,
  kDirectory,
  kStream,  ///< a pipe, socket, terminal or device: no size, read once in order
};

struct FileInfo {
  FileKind kind = FileKind::kRegular;
  std::uint64_t size = 0;  ///< bytes; 0 unless kRegular
};

/// A file open for reading at any position.
/// Thread safety: all methods may be called from any thread at once.
class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;

  /// Reads `size` bytes at `offset`. Returns how many were read, which is fewer
  /// than asked for only where the file ends.
  virtual StatusOr<std::size_t> readAt(std::uint64_t offset, char* into, std::size_t size) = 0;

  virtual const std::string& path() const = 0;
};

/// Bytes that come once, in order: standard input, a pipe, a file read through.
/// Thread safety: one thread at a time.
class InputStream {
 public:
  virtual ~InputStream() = default;

  /// Waits for at least one byte and returns how many were read; 0 is the end of
  /// the stream. REQUIRES: size > 0.
  virtual StatusOr<std::size_t> read(char* into, std::size_t size) = 0;

  /// Waits at most `timeout` (0: not at all) and tells whether `read` would answer
  /// at once, with bytes, the end or an error.
  virtual StatusOr<bool> waitReadable(std::chrono::milliseconds timeout) = 0;

  /// The descriptor to poll for readiness, or -1 when there is none.
  virtual int descriptor() const { return -1; }

  virtual const std::string& path() const = 0;
};

/// A file or stream open for appending.
/// Thread safety: one thread at a time.
class WritableFile {
 public:
  /// Closes without a word; call `close` to learn of errors.
  virtual ~WritableFile() = default;

  /// Appends all of `bytes`, waiting where a pipe is full. After an error it is not
  /// known how many of these bytes arrived (the message says how many were taken).
  virtual Status append(std::string_view bytes) = 0;

  /// Returns once everything appended has reached the device. Does nothing for a
  /// stream that cannot be synced (a pipe, a terminal).
  virtual Status sync() = 0;

  /// REQUIRES: not closed yet. Whatever the answer, the file is closed after it.
  virtual Status close() = 0;

  virtual const std::string& path() const = 0;
};

enum class WriteMode : std::uint8_t {
  kCreateNew,  ///< kAlreadyExists when the path exists
  kTruncate,   ///< empties a file that exists
  kAppend,     ///< goes on at the end of a file that exists
};

/// A lock on a file, held until the object is destroyed or the process ends, however it ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

/// Thread safety: all methods may be called from any thread at once.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual StatusOr<std::unique_ptr<RandomAccessFile>> openRead(const std::string& path) = 0;

  /// Opens for reading once in order. Never waits, not even for a named pipe that
  /// nobody writes to yet.
  virtual StatusOr<std::unique_ptr<InputStream>> openStream(const std::string& path) = 0;

  virtual StatusOr<std::unique_ptr<WritableFile>> openWrite(const std::string& path,
                                                            WriteMode mode) = 0;

  /// The process's own streams, under the names "<stdin>" and "<stdout>". They are
  /// shared with the host: their flags are left alone and they are not closed.
  virtual std::unique_ptr<InputStream> standardInput() = 0;
  virtual std::unique_ptr<WritableFile> standardOutput() = 0;

  /// Follows symbolic links.
  virtual StatusOr<FileInfo> stat(const std::string& path) = 0;

  /// The names (not paths) in a directory, in byte order, without "." and "..".
  virtual StatusOr<std::vector<std::string>> list(const std::string& directory) = 0;

  /// Creates the directory and those above it; one that exists is fine.
  virtual Status makeDirs(const std::string& directory) = 0;

  /// Replaces `to` when it exists. Lasting only after `syncDirectory`.
  virtual Status rename(const std::string& from, const std::string& to) = 0;

  /// Gives a file a second name. kAlreadyExists: that name is taken; kUnimplemented where a file
  /// system cannot, or not between these two places. Lasting only after `syncDirectory`.
  virtual Status link(const std::string& from, const std::string& to);

  /// Removes a file or an empty directory. kNotFound when there is none.
  virtual Status remove(const std::string& path) = 0;

  /// Makes creations, renames and removals in `directory` lasting.
  virtual Status syncDirectory(const std::string& directory) = 0;

  /// Cuts a file to its first `size` bytes, or fills it up with zeros. Lasting only after the file
  /// is synced. kUnimplemented where a file system cannot.
  virtual Status truncate(const std::string& path, std::uint64_t size);

  /// Locks the file, which is made when there is none and stays, for this caller alone, and leaves
  /// `holder` in it for whoever comes next. kFailedPrecondition: locked already, by this process or
  /// another; the message ends in what the holder left there. kUnimplemented where a file system
  /// has no locks.
  virtual StatusOr<std::unique_ptr<FileLock>> lock(const std::string& path,
                                                   std::string_view holder);
};

/// Makes a directory and those above it, and lets the whole way to it last: parts of it may have
/// been made just before a crash. Directories of others, which may not be synced, are taken to be
/// older.
Status makeLastingDirs(FileSystem& files, const std::string& directory);

/// The machine's files. Lives as long as the process.
///
/// A write to a pipe whose reader went away is an error here, but the kernel also
/// raises SIGPIPE, whose default kills the process: a program that writes to
/// standard output ignores that signal (`signal(SIGPIPE, SIG_IGN)`). A library may
/// not do it behind its host's back.
FileSystem& posixFileSystem();

/// Streams over a descriptor the caller owns and keeps open; `name` stands in errors.
std::unique_ptr<InputStream> inputFromDescriptor(int descriptor, std::string name);
std::unique_ptr<WritableFile> outputToDescriptor(int descriptor, std::string name);

}  // namespace millrace
