// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "scratch.hpp"

namespace millrace::test {

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
