// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/random.hpp>
#include <millrace/testing/simulated_files.hpp>

#include <cstddef>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace millrace::testing {

/// The bytes of one file: what the system shows, and what is on the disk for sure.
struct SimulatedNode {
  std::string shown;
  std::string lasting;
};
using SimulatedNodePtr = std::shared_ptr<SimulatedNode>;

/// Names and bytes, with the faults to come. Its users hold `mutex` and ask begin() first.
class SimulatedFiles::Disk {
 public:
  enum class Kind : std::uint8_t { kRead, kAppend, kSync, kOther };
  /// How an operation goes: `status` is its answer, after it has happened or not.
  struct Course {
    Status status;
    bool happens = true;
    bool isPartial = false;  // of an append any part may happen
  };

  explicit Disk(std::uint64_t seed) : random(seed) {
    directories = lastingDirectories = {".", "/"};
  }

  Course begin(Kind kind, const std::string& path);
  std::uint64_t room() const;

  SimulatedNodePtr find(const std::string& path) const;
  Status needParent(const std::string& path) const;
  bool isDirectory(const std::string& path) const { return directories.contains(path); }

  bool holdsNames(const std::string& directory) const;

  void addName(const std::string& path, SimulatedNodePtr node);
  void removeName(const std::string& path);
  void renameName(const std::string& from, const std::string& to);
  void addDirectory(const std::string& path);
  void syncNames(const std::string& directory);

  void crash();
  void endProcess();

  std::mutex mutex;
  Random random;
  std::uint64_t operations = 0;
  std::uint64_t generation = 0;  // of processes: files of an earlier one are dead
  std::uint64_t capacity = std::numeric_limits<std::uint64_t>::max();
  bool isDown = false;
  std::multimap<std::uint64_t, FileFault> faults;
  std::map<std::string, SimulatedNodePtr> names;
  std::set<std::string> directories;
  std::map<std::string, std::string> locks;  // path to holder

 private:
  /// A change of names that its directory's sync makes lasting.
  struct Change {
    enum class Kind : std::uint8_t { kAdd, kRemove, kRename, kAddDirectory };
    Kind kind;
    std::string from;
    std::string to;
    SimulatedNodePtr node;
  };

  Course failing(FileFault fault, const std::string& path);
  void makeLasting(const Change& change);
  void keepSomeNames();
  std::string survivorOf(const SimulatedNode& node);

  std::map<std::string, SimulatedNodePtr> lastingNames;
  std::set<std::string> lastingDirectories;
  std::vector<Change> changes;
};

std::string parentOf(const std::string& path);

}  // namespace millrace::testing
