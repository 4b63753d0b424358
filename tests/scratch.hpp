// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

namespace millrace::test {

/// A directory of the test's own, gone afterwards; in memory where there is such a place, unless
/// the test is about disks.
class Scratch {
 public:
  enum class Place { kDisk, kMemory };

  explicit Scratch(Place place = Place::kMemory) {
    static std::atomic<int> number{0};
    const std::filesystem::path memory = "/dev/shm";
    const bool usesMemory = place == Place::kMemory && ::access(memory.c_str(), W_OK) == 0;
    path_ = (usesMemory ? memory : std::filesystem::temp_directory_path()) /
            ("millrace-test-" + std::to_string(::getpid()) + "-" + std::to_string(number++));
    std::filesystem::create_directories(path_);
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string path() const { return path_.string(); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace millrace::test
