// SPDX-License-Identifier: MIT
#include <millrace/testing/simulated_files.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include "testing/simulated_disk.hpp"

namespace millrace::testing {
namespace {

Status missing(const std::string& path) {
  return absl::NotFoundError("cannot open " + path +
                             ": No such file or directory (check the path)");
}

Status ofAnEarlierProcess(const std::string& path) {
  return absl::AbortedError(path + " was opened by a process that is no more");
}

}  // namespace

// Files hold their disk and their bytes, whatever becomes of the name.
class SimulatedFiles::Reader final : public RandomAccessFile {
 public:
  Reader(std::shared_ptr<Disk> disk, SimulatedNodePtr node, std::string path)
      : disk_(std::move(disk)),
        node_(std::move(node)),
        path_(std::move(path)),
        generation_(disk_->generation) {}

  StatusOr<std::size_t> readAt(std::uint64_t offset, char* into, std::size_t size) override {
    const std::lock_guard lock(disk_->mutex);
    if (generation_ != disk_->generation) return ofAnEarlierProcess(path_);
    MILLRACE_RETURN_IF_ERROR(disk_->begin(Disk::Kind::kRead, path_).status);
    const std::string& bytes = node_->shown;
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t got = std::min<std::size_t>(size, bytes.size() - offset);
    std::memcpy(into, bytes.data() + offset, got);
    return got;
  }
  const std::string& path() const override { return path_; }

 private:
  std::shared_ptr<Disk> disk_;
  SimulatedNodePtr node_;
  std::string path_;
  std::uint64_t generation_;
};

class SimulatedFiles::Stream final : public InputStream {
 public:
  explicit Stream(std::unique_ptr<RandomAccessFile> file) : file_(std::move(file)) {}

  StatusOr<std::size_t> read(char* into, std::size_t size) override {
    if (file_ == nullptr) return std::size_t{0};
    MILLRACE_ASSIGN_OR_RETURN(const std::size_t got, file_->readAt(at_, into, size));
    at_ += got;
    return got;
  }
  StatusOr<bool> waitReadable(std::chrono::milliseconds) override { return true; }
  const std::string& path() const override { return file_ == nullptr ? kStdin : file_->path(); }

 private:
  inline static const std::string kStdin = "<stdin>";
  std::unique_ptr<RandomAccessFile> file_;
  std::uint64_t at_ = 0;
};

class SimulatedFiles::Writer final : public WritableFile {
 public:
  Writer(std::shared_ptr<Disk> disk, SimulatedNodePtr node, std::string path)
      : disk_(std::move(disk)),
        node_(std::move(node)),
        path_(std::move(path)),
        generation_(disk_->generation) {}

  Status append(std::string_view bytes) override {
    const std::lock_guard lock(disk_->mutex);
    MILLRACE_RETURN_IF_ERROR(check());
    Disk::Course course = disk_->begin(Disk::Kind::kAppend, path_);
    if (course.status.ok() && bytes.size() > disk_->room()) {
      bytes = bytes.substr(0, disk_->room());
      course.status =
          absl::ResourceExhaustedError("cannot write " + path_ + ": No space left on device");
    }
    if (course.isPartial) bytes = bytes.substr(0, disk_->random.below(bytes.size() + 1));
    if (course.happens) node_->shown += bytes;
    return course.status;
  }

  Status sync() override {
    const std::lock_guard lock(disk_->mutex);
    MILLRACE_RETURN_IF_ERROR(check());
    const Disk::Course course = disk_->begin(Disk::Kind::kSync, path_);
    if (course.happens) node_->lasting = node_->shown;
    return course.status;
  }

  Status close() override {
    const std::lock_guard lock(disk_->mutex);
    MILLRACE_RETURN_IF_ERROR(check());
    isClosed_ = true;
    return disk_->begin(Disk::Kind::kOther, path_).status;
  }
  const std::string& path() const override { return path_; }

 private:
  Status check() const {
    if (generation_ != disk_->generation) return ofAnEarlierProcess(path_);
    if (isClosed_) return absl::FailedPreconditionError("cannot write " + path_ + ": it is closed");
    return absl::OkStatus();
  }

  std::shared_ptr<Disk> disk_;
  SimulatedNodePtr node_;
  std::string path_;
  std::uint64_t generation_;
  bool isClosed_ = false;
};

class SimulatedFiles::Lock final : public FileLock {
 public:
  Lock(std::shared_ptr<Disk> disk, std::string path)
      : disk_(std::move(disk)), path_(std::move(path)), generation_(disk_->generation) {}
  ~Lock() override {
    const std::lock_guard lock(disk_->mutex);
    if (generation_ == disk_->generation) disk_->locks.erase(path_);
  }

 private:
  std::shared_ptr<Disk> disk_;
  std::string path_;
  std::uint64_t generation_;
};

SimulatedFiles::SimulatedFiles(std::uint64_t seed) : disk_(std::make_shared<Disk>(seed)) {}
SimulatedFiles::~SimulatedFiles() = default;

std::uint64_t SimulatedFiles::operations() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->operations;
}

void SimulatedFiles::failAt(std::uint64_t operation, FileFault fault) {
  const std::lock_guard lock(disk_->mutex);
  disk_->faults.emplace(operation, fault);
}

void SimulatedFiles::setCapacity(std::uint64_t bytes) {
  const std::lock_guard lock(disk_->mutex);
  disk_->capacity = bytes;
}

void SimulatedFiles::crash() {
  const std::lock_guard lock(disk_->mutex);
  disk_->crash();
}

void SimulatedFiles::kill() {
  const std::lock_guard lock(disk_->mutex);
  disk_->endProcess();
}

bool SimulatedFiles::isDown() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->isDown;
}

std::vector<std::string> SimulatedFiles::paths() const {
  const std::lock_guard lock(disk_->mutex);
  std::vector<std::string> paths;
  for (const auto& [path, node] : disk_->names) paths.push_back(path);
  return paths;
}

bool SimulatedFiles::exists(const std::string& path) const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->find(path) != nullptr;
}

std::string SimulatedFiles::contents(const std::string& path) const {
  const std::lock_guard lock(disk_->mutex);
  const SimulatedNodePtr node = disk_->find(path);
  return node == nullptr ? std::string() : node->shown;
}

void SimulatedFiles::setContents(const std::string& path, std::string bytes) {
  const std::lock_guard lock(disk_->mutex);
  auto node = std::make_shared<SimulatedNode>(SimulatedNode{bytes, bytes});
  disk_->addName(path, std::move(node));
  disk_->syncNames(parentOf(path));
}

StatusOr<std::unique_ptr<RandomAccessFile>> SimulatedFiles::openRead(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  MILLRACE_RETURN_IF_ERROR(disk_->begin(Disk::Kind::kRead, path).status);
  SimulatedNodePtr node = disk_->find(path);
  if (node == nullptr) return missing(path);
  return std::make_unique<Reader>(disk_, std::move(node), path);
}

StatusOr<std::unique_ptr<InputStream>> SimulatedFiles::openStream(const std::string& path) {
  MILLRACE_ASSIGN_OR_RETURN(auto file, openRead(path));
  return std::make_unique<Stream>(std::move(file));
}

StatusOr<std::unique_ptr<WritableFile>> SimulatedFiles::openWrite(const std::string& path,
                                                                  WriteMode mode) {
  const std::lock_guard lock(disk_->mutex);
  const Disk::Course course = disk_->begin(Disk::Kind::kOther, path);
  if (!course.happens) return course.status;
  MILLRACE_RETURN_IF_ERROR(disk_->needParent(path));
  SimulatedNodePtr node = disk_->find(path);
  if (node != nullptr && mode == WriteMode::kCreateNew) {
    return absl::AlreadyExistsError("cannot create " + path + ": File exists");
  }
  if (node == nullptr) {
    node = std::make_shared<SimulatedNode>();
    disk_->addName(path, node);
  }
  if (mode == WriteMode::kTruncate) node->shown.clear();
  MILLRACE_RETURN_IF_ERROR(course.status);
  return std::make_unique<Writer>(disk_, std::move(node), path);
}

std::unique_ptr<InputStream> SimulatedFiles::standardInput() {
  return std::make_unique<Stream>(nullptr);
}

std::unique_ptr<WritableFile> SimulatedFiles::standardOutput() {
  const std::lock_guard lock(disk_->mutex);
  SimulatedNodePtr node = disk_->find("<stdout>");
  if (node == nullptr) disk_->addName("<stdout>", node = std::make_shared<SimulatedNode>());
  return std::make_unique<Writer>(disk_, std::move(node), "<stdout>");
}

StatusOr<FileInfo> SimulatedFiles::stat(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  MILLRACE_RETURN_IF_ERROR(disk_->begin(Disk::Kind::kRead, path).status);
  if (disk_->isDirectory(path)) return FileInfo{FileKind::kDirectory, 0};
  const SimulatedNodePtr node = disk_->find(path);
  if (node == nullptr) return missing(path);
  return FileInfo{FileKind::kRegular, node->shown.size()};
}

StatusOr<std::vector<std::string>> SimulatedFiles::list(const std::string& directory) {
  const std::lock_guard lock(disk_->mutex);
  MILLRACE_RETURN_IF_ERROR(disk_->begin(Disk::Kind::kRead, directory).status);
  if (!disk_->isDirectory(directory)) return missing(directory);
  std::set<std::string> found;
  const auto take = [&](const std::string& path) {
    if (path == directory || path == "." || path == "/" || parentOf(path) != directory) return;
    found.insert(path.substr(path.find_last_of('/') + 1));
  };
  for (const auto& [path, node] : disk_->names) take(path);
  for (const std::string& path : disk_->directories) take(path);
  return std::vector<std::string>(found.begin(), found.end());
}

Status SimulatedFiles::makeDirs(const std::string& directory) {
  const std::lock_guard lock(disk_->mutex);
  const Disk::Course course = disk_->begin(Disk::Kind::kOther, directory);
  if (!course.happens) return course.status;
  for (std::size_t end = directory.find('/', 1);; end = directory.find('/', end + 1)) {
    const std::string upTo = directory.substr(0, end);
    if (disk_->find(upTo) != nullptr) {
      return absl::InvalidArgumentError("cannot create directory " + upTo +
                                        ": a file of that name exists");
    }
    if (!disk_->isDirectory(upTo)) disk_->addDirectory(upTo);
    if (end == std::string::npos) return course.status;
  }
}

Status SimulatedFiles::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(disk_->mutex);
  const Disk::Course course = disk_->begin(Disk::Kind::kOther, from);
  if (!course.happens) return course.status;
  if (disk_->find(from) == nullptr) return missing(from);
  MILLRACE_RETURN_IF_ERROR(disk_->needParent(to));
  disk_->renameName(from, to);
  return course.status;
}

Status SimulatedFiles::remove(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  const Disk::Course course = disk_->begin(Disk::Kind::kOther, path);
  if (!course.happens) return course.status;
  if (disk_->find(path) == nullptr && !disk_->isDirectory(path)) return missing(path);
  if (disk_->holdsNames(path)) {
    return absl::InvalidArgumentError("cannot remove " + path + ": Directory not empty");
  }
  disk_->removeName(path);
  return course.status;
}

Status SimulatedFiles::syncDirectory(const std::string& directory) {
  const std::lock_guard lock(disk_->mutex);
  const Disk::Course course = disk_->begin(Disk::Kind::kSync, directory);
  if (!course.happens) return course.status;
  if (!disk_->isDirectory(directory)) return missing(directory);
  disk_->syncNames(directory);
  return course.status;
}

Status SimulatedFiles::truncate(const std::string& path, std::uint64_t size) {
  const std::lock_guard lock(disk_->mutex);
  const Disk::Course course = disk_->begin(Disk::Kind::kOther, path);
  if (!course.happens) return course.status;
  const SimulatedNodePtr node = disk_->find(path);
  if (node == nullptr) return missing(path);
  node->shown.resize(size, '\0');
  return course.status;
}

StatusOr<std::unique_ptr<FileLock>> SimulatedFiles::lock(const std::string& path,
                                                         std::string_view holder) {
  const std::lock_guard guard(disk_->mutex);
  MILLRACE_RETURN_IF_ERROR(disk_->begin(Disk::Kind::kOther, path).status);
  MILLRACE_RETURN_IF_ERROR(disk_->needParent(path));
  const auto [held, isFree] = disk_->locks.try_emplace(path, holder);
  if (!isFree) return absl::FailedPreconditionError(path + " is locked by " + held->second);
  SimulatedNodePtr node = disk_->find(path);
  if (node == nullptr) disk_->addName(path, node = std::make_shared<SimulatedNode>());
  node->shown = holder;
  return std::make_unique<Lock>(disk_, path);
}

}  // namespace millrace::testing
