// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace millrace::test {

/// A directory of the test's own, gone afterwards; in memory where there is such a place and the test
/// would rather not wait for a disk.
class Scratch {
 public:
  enum class Place { kDisk, kMemory };

  explicit Scratch(Place place = Place::kDisk) {
    static std::atomic<int> number{0};
    const std::filesystem::path memory = "/dev/shm";
    const bool usesMemory = place == Place::kMemory && ::access(memory.c_str(), W_OK) == 0;
    path_ = (usesMemory ? memory : std::filesystem::temp_directory_path()) /
            ("millrace-recovery-" + std::to_string(::getpid()) + "-" + std::to_string(number++));
    std::filesystem::create_directories(path_);
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// The lines of all part files of a job that is over, sorted.
inline std::vector<std::string> linesWritten(const std::string& directory) {
  std::vector<std::string> lines;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    REQUIRE(file.path().extension() != ".inprogress");
    std::ifstream in(file.path());
    for (std::string line; std::getline(in, line);) lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

template <typename Condition>
void waitFor(Condition condition) {
  while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace millrace::test
