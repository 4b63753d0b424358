// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/base/file_system.hpp>

namespace millrace::test {

/// Input files held in memory, some of which refuse to be opened or read.
class MemoryFiles final : public FileSystem {
 public:
  std::map<std::string, std::string> contents;
  std::map<std::string, Status> refusedOpen;
  std::map<std::string, std::uint64_t> brokenFrom;  // reads past this byte fail
  std::size_t openNow = 0;
  std::size_t openMost = 0;

  StatusOr<std::unique_ptr<RandomAccessFile>> openRead(const std::string& path) override {
    if (const auto refused = refusedOpen.find(path); refused != refusedOpen.end()) {
      return refused->second;
    }
    const auto found = contents.find(path);
    if (found == contents.end()) return absl::NotFoundError("cannot open " + path);
    openMost = std::max(openMost, ++openNow);
    return std::make_unique<File>(*this, path, found->second);
  }
  StatusOr<FileInfo> stat(const std::string& path) override {
    if (const auto found = contents.find(path); found != contents.end()) {
      return FileInfo{FileKind::kRegular, found->second.size()};
    }
    const std::string prefix = path == "/" ? path : path + "/";
    for (const auto& [name, bytes] : contents) {
      if (name.starts_with(prefix)) return FileInfo{FileKind::kDirectory, 0};
    }
    return absl::NotFoundError("cannot open " + path);
  }
  StatusOr<std::vector<std::string>> list(const std::string& directory) override {
    const std::string prefix = directory.ends_with('/') ? directory : directory + "/";
    std::vector<std::string> names;
    for (const auto& [path, bytes] : contents) {
      if (!path.starts_with(prefix)) continue;
      const std::string rest = path.substr(prefix.size());
      names.push_back(rest.substr(0, rest.find('/')));
    }
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }

  StatusOr<std::unique_ptr<InputStream>> openStream(const std::string&) override {
    return unsupported();
  }
  StatusOr<std::unique_ptr<WritableFile>> openWrite(const std::string&, WriteMode) override {
    return unsupported();
  }
  std::unique_ptr<InputStream> standardInput() override { return nullptr; }
  std::unique_ptr<WritableFile> standardOutput() override { return nullptr; }
  Status makeDirs(const std::string&) override { return unsupported(); }
  Status rename(const std::string&, const std::string&) override { return unsupported(); }
  Status remove(const std::string&) override { return unsupported(); }
  Status syncDirectory(const std::string&) override { return unsupported(); }

 private:
  static Status unsupported() { return absl::UnimplementedError("input only"); }

  class File final : public RandomAccessFile {
   public:
    File(MemoryFiles& owner, std::string path, const std::string& bytes)
        : owner_(owner), path_(std::move(path)), bytes_(bytes) {}
    ~File() override { --owner_.openNow; }

    StatusOr<std::size_t> readAt(std::uint64_t offset, char* into, std::size_t size) override {
      const auto broken = owner_.brokenFrom.find(path_);
      if (broken != owner_.brokenFrom.end() && offset + size > broken->second) {
        return absl::DataLossError("cannot read " + path_ + ": Input/output error");
      }
      if (offset >= bytes_.size()) return std::size_t{0};
      const std::size_t got = std::min<std::size_t>(size, bytes_.size() - offset);
      std::memcpy(into, bytes_.data() + offset, got);
      return got;
    }
    const std::string& path() const override { return path_; }

   private:
    MemoryFiles& owner_;
    std::string path_;
    const std::string& bytes_;
  };
};

}  // namespace millrace::test
