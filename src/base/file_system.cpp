// SPDX-License-Identifier: MIT
#include <millrace/base/file_system.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace millrace {
namespace {

struct Reason {
  absl::StatusCode code;
  const char* hint;
};

Reason reasonOf(int error) {
  using absl::StatusCode;
  switch (error) {
    case ENOENT:
      return {StatusCode::kNotFound, "check the path"};
    case ENOTDIR:
      return {StatusCode::kInvalidArgument, "a part of the path is a file"};
    case EISDIR:
      return {StatusCode::kInvalidArgument, "a file is wanted here"};
    case ENOTEMPTY:
      return {StatusCode::kInvalidArgument, nullptr};
    case EEXIST:
      return {StatusCode::kAlreadyExists, nullptr};
    case EACCES:
    case EPERM:
      return {StatusCode::kPermissionDenied, "check who owns it and its mode"};
    case EROFS:
      return {StatusCode::kPermissionDenied, "the file system is mounted read-only"};
    case ENOSPC:
    case EDQUOT:
      return {StatusCode::kResourceExhausted, "free some space"};
    case EFBIG:
      return {StatusCode::kResourceExhausted, "the file is at its largest size"};
    case EMFILE:
    case ENFILE:
      return {StatusCode::kResourceExhausted, "raise the limit of open files, ulimit -n"};
    case EIO:
      return {StatusCode::kDataLoss, "the device failed"};
    case EPIPE:
      return {StatusCode::kFailedPrecondition, "the reader went away"};
    case EBADF:
      return {StatusCode::kFailedPrecondition, "it is closed"};
    default:
      return {StatusCode::kInternal, nullptr};
  }
}

Status failure(const char* doing, const std::string& path, int error) {
  const Reason reason = reasonOf(error);
  std::string message =
      std::string("cannot ") + doing + " " + path + ": " + std::generic_category().message(error);
  if (reason.hint != nullptr) message += std::string(" (") + reason.hint + ")";
  return Status(reason.code, message);
}

template <typename Call>
auto uninterrupted(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

/// Waits until the descriptor is ready for `events`; false when the time is up first.
StatusOr<bool> waitFor(int descriptor, short events, int timeoutMs, const std::string& path) {
  pollfd entry{descriptor, events, 0};
  const int ready = uninterrupted([&] { return ::poll(&entry, 1, timeoutMs); });
  if (ready < 0) return failure("poll", path, errno);
  return ready > 0;
}

class Descriptor {
 public:
  Descriptor(int descriptor, bool owned) : descriptor_(descriptor), owned_(owned) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  int get() const { return descriptor_; }

  /// 0 or the error number. Linux closes the descriptor even when it answers EINTR.
  int close() {
    const int descriptor = std::exchange(descriptor_, -1);
    if (!owned_ || descriptor < 0) return 0;
    return ::close(descriptor) == 0 || errno == EINTR ? 0 : errno;
  }

 private:
  int descriptor_;
  bool owned_;
};

class PosixRandomAccessFile final : public RandomAccessFile {
 public:
  PosixRandomAccessFile(int descriptor, std::string path)
      : descriptor_(descriptor, true), path_(std::move(path)) {}

  StatusOr<std::size_t> readAt(std::uint64_t offset, char* into, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t got = uninterrupted([&] {
        return ::pread(descriptor_.get(), into + done, size - done,
                       static_cast<off_t>(offset + done));
      });
      if (got < 0) return failure("read", path_, errno);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  const std::string& path() const override { return path_; }

 private:
  Descriptor descriptor_;
  std::string path_;
};

class PosixInputStream final : public InputStream {
 public:
  PosixInputStream(int descriptor, bool owned, std::string path)
      : descriptor_(descriptor, owned), path_(std::move(path)) {}

  StatusOr<std::size_t> read(char* into, std::size_t size) override {
    while (true) {
      const ssize_t got = uninterrupted([&] { return ::read(descriptor_.get(), into, size); });
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EAGAIN && errno != EWOULDBLOCK) return failure("read", path_, errno);
      MILLRACE_RETURN_IF_ERROR(waitFor(descriptor_.get(), POLLIN, -1, path_).status());
    }
  }

  StatusOr<bool> waitReadable(std::chrono::milliseconds timeout) override {
    return waitFor(descriptor_.get(), POLLIN, static_cast<int>(timeout.count()), path_);
  }

  int descriptor() const override { return descriptor_.get(); }
  const std::string& path() const override { return path_; }

 private:
  Descriptor descriptor_;
  std::string path_;
};

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(int descriptor, bool owned, std::string path)
      : descriptor_(descriptor, owned), path_(std::move(path)) {}

  Status append(std::string_view bytes) override {
    const std::size_t all = bytes.size();
    while (!bytes.empty()) {
      const ssize_t put =
          uninterrupted([&] { return ::write(descriptor_.get(), bytes.data(), bytes.size()); });
      if (put >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(put));
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        MILLRACE_RETURN_IF_ERROR(waitFor(descriptor_.get(), POLLOUT, -1, path_).status());
        continue;
      }
      const Status cause = failure("write", path_, errno);
      return Status(cause.code(), std::string(cause.message()) + ", " +
                                      std::to_string(all - bytes.size()) + " of " +
                                      std::to_string(all) + " bytes written");
    }
    return absl::OkStatus();
  }

  Status sync() override {
    const int done = uninterrupted([&] { return ::fdatasync(descriptor_.get()); });
    const bool cannotSync = errno == EINVAL || errno == EROFS;
    if (done == 0 || cannotSync) return absl::OkStatus();
    return failure("sync", path_, errno);
  }

  Status close() override {
    const int error = descriptor_.close();
    return error == 0 ? absl::OkStatus() : failure("close", path_, error);
  }

  const std::string& path() const override { return path_; }

 private:
  Descriptor descriptor_;
  std::string path_;
};

// The kernel lets go of the lock when the last descriptor of this opening is closed.
class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(int descriptor) : descriptor_(descriptor, true) {}

 private:
  Descriptor descriptor_;
};

Status lockedBy(int descriptor, const std::string& path) {
  constexpr std::size_t kLongestText = 512;
  std::string text(kLongestText, '\0');
  const ssize_t got =
      uninterrupted([&] { return ::pread(descriptor, text.data(), text.size(), 0); });
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return absl::FailedPreconditionError(path + " is locked" + (text.empty() ? "" : " by " + text));
}

// Without the text the lock is as good: a full disk does not matter here.
void leaveText(int descriptor, std::string_view text) {
  if (::ftruncate(descriptor, 0) != 0) return;
  static_cast<void>(
      uninterrupted([&] { return ::pwrite(descriptor, text.data(), text.size(), 0); }));
}

int openDescriptor(const std::string& path, int flags) {
  return uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0644); });
}

int flagsOf(WriteMode mode) {
  switch (mode) {
    case WriteMode::kCreateNew:
      return O_WRONLY | O_CREAT | O_EXCL;
    case WriteMode::kTruncate:
      return O_WRONLY | O_CREAT | O_TRUNC;
    case WriteMode::kAppend:
      break;
  }
  return O_WRONLY | O_CREAT | O_APPEND;
}

class PosixFileSystem final : public FileSystem {
 public:
  StatusOr<std::unique_ptr<RandomAccessFile>> openRead(const std::string& path) override {
    const int descriptor = openDescriptor(path, O_RDONLY);
    if (descriptor < 0) return failure("open", path, errno);
    ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
    return std::make_unique<PosixRandomAccessFile>(descriptor, path);
  }

  StatusOr<std::unique_ptr<InputStream>> openStream(const std::string& path) override {
    const int descriptor = openDescriptor(path, O_RDONLY | O_NONBLOCK);
    if (descriptor < 0) return failure("open", path, errno);
    return std::make_unique<PosixInputStream>(descriptor, true, path);
  }

  StatusOr<std::unique_ptr<WritableFile>> openWrite(const std::string& path,
                                                    WriteMode mode) override {
    const int descriptor = openDescriptor(path, flagsOf(mode));
    if (descriptor < 0) return failure("create", path, errno);
    return std::make_unique<PosixWritableFile>(descriptor, true, path);
  }

  std::unique_ptr<InputStream> standardInput() override {
    return inputFromDescriptor(STDIN_FILENO, "<stdin>");
  }

  std::unique_ptr<WritableFile> standardOutput() override {
    return outputToDescriptor(STDOUT_FILENO, "<stdout>");
  }

  StatusOr<FileInfo> stat(const std::string& path) override {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) return failure("open", path, errno);
    if (S_ISDIR(found.st_mode)) return FileInfo{FileKind::kDirectory, 0};
    if (!S_ISREG(found.st_mode)) return FileInfo{FileKind::kStream, 0};
    return FileInfo{FileKind::kRegular, static_cast<std::uint64_t>(found.st_size)};
  }

  StatusOr<std::vector<std::string>> list(const std::string& directory) override {
    DIR* opened = ::opendir(directory.c_str());
    if (opened == nullptr) return failure("list", directory, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(opened)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    const int error = errno;
    ::closedir(opened);
    if (error != 0) return failure("list", directory, error);
    std::sort(names.begin(), names.end());
    return names;
  }

  Status makeDirs(const std::string& directory) override {
    for (std::size_t end = directory.find('/', 1);; end = directory.find('/', end + 1)) {
      const std::string upTo = directory.substr(0, end);
      if (::mkdir(upTo.c_str(), 0755) != 0 && errno != EEXIST) {
        return failure("create directory", upTo, errno);
      }
      if (end == std::string::npos) break;
    }
    MILLRACE_ASSIGN_OR_RETURN(const FileInfo info, stat(directory));
    if (info.kind == FileKind::kDirectory) return absl::OkStatus();
    return absl::InvalidArgumentError("cannot create directory " + directory +
                                      ": a file of that name exists");
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    return failure("rename", from + " to " + to, errno);
  }

  Status link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    const bool cannot = errno == EPERM || errno == EXDEV || errno == EMLINK || errno == EOPNOTSUPP;
    return cannot ? FileSystem::link(from, to) : failure("link", from + " to " + to, errno);
  }

  Status remove(const std::string& path) override {
    if (std::remove(path.c_str()) == 0) return absl::OkStatus();
    return failure("remove", path, errno);
  }

  Status syncDirectory(const std::string& directory) override {
    const Descriptor opened(openDescriptor(directory, O_RDONLY | O_DIRECTORY), true);
    if (opened.get() < 0) return failure("open", directory, errno);
    if (::fsync(opened.get()) != 0 && errno != EINVAL) {
      return failure("sync", directory, errno);
    }
    return absl::OkStatus();
  }

  Status truncate(const std::string& path, std::uint64_t size) override {
    if (uninterrupted([&] { return ::truncate(path.c_str(), static_cast<off_t>(size)); }) == 0) {
      return absl::OkStatus();
    }
    return failure("truncate", path, errno);
  }

  StatusOr<std::unique_ptr<FileLock>> lock(const std::string& path,
                                           std::string_view holder) override {
    const int descriptor = openDescriptor(path, O_RDWR | O_CREAT);
    if (descriptor < 0) return failure("open", path, errno);
    auto held = std::make_unique<PosixFileLock>(descriptor);
    if (uninterrupted([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) != 0) {
      return errno == EWOULDBLOCK ? lockedBy(descriptor, path) : failure("lock", path, errno);
    }
    leaveText(descriptor, holder);
    return held;
  }
};

}  // namespace

Status makeLastingDirs(FileSystem& files, const std::string& directory) {
  MILLRACE_RETURN_IF_ERROR(files.makeDirs(directory));
  std::string path = directory;
  while (true) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (path == "/" || path == ".") return absl::OkStatus();
    const std::size_t slash = path.rfind('/');
    path = slash == path.npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
    const Status synced = files.syncDirectory(path);
    if (absl::IsPermissionDenied(synced)) return absl::OkStatus();
    MILLRACE_RETURN_IF_ERROR(synced);
  }
}

Status FileSystem::link(const std::string& from, const std::string& to) {
  return absl::UnimplementedError("cannot link " + from + " to " + to + " on this file system");
}

Status FileSystem::truncate(const std::string& path, std::uint64_t) {
  return absl::UnimplementedError("cannot truncate " + path + " on this file system");
}

StatusOr<std::unique_ptr<FileLock>> FileSystem::lock(const std::string& path, std::string_view) {
  return absl::UnimplementedError("cannot lock " + path + ": this file system has no locks");
}

FileSystem& posixFileSystem() {
  static PosixFileSystem files;
  return files;
}

std::unique_ptr<InputStream> inputFromDescriptor(int descriptor, std::string name) {
  return std::make_unique<PosixInputStream>(descriptor, false, std::move(name));
}

std::unique_ptr<WritableFile> outputToDescriptor(int descriptor, std::string name) {
  return std::make_unique<PosixWritableFile>(descriptor, false, std::move(name));
}

}  // namespace millrace
