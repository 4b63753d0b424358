// SPDX-License-Identifier: MIT
#include "testing/simulated_disk.hpp"

#include <algorithm>
#include <utility>

namespace millrace::testing {
namespace {

constexpr std::size_t kSectorBytes = 512;
constexpr double kLostSectors = 0.2;

}  // namespace

std::string parentOf(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

SimulatedFiles::Disk::Course SimulatedFiles::Disk::begin(Kind kind, const std::string& path) {
  if (isDown) return {absl::AbortedError("the machine is down"), false, false};
  const std::uint64_t now = operations++;
  for (auto fault = faults.begin(); fault != faults.end() && fault->first <= now; ++fault) {
    const FileFault what = fault->second;
    if (what == FileFault::kFullDisk && kind != Kind::kAppend) continue;
    if (what == FileFault::kSyncFails && kind != Kind::kSync) continue;
    faults.erase(fault);
    return failing(what, path);
  }
  return {};
}

SimulatedFiles::Disk::Course SimulatedFiles::Disk::failing(FileFault fault,
                                                           const std::string& path) {
  switch (fault) {
    case FileFault::kFullDisk:
      return {absl::ResourceExhaustedError("cannot write " + path +
                                           ": No space left on device (free some space)"),
              true, true};
    case FileFault::kSyncFails:
    case FileFault::kIoError:
      return {
          absl::DataLossError("cannot use " + path + ": Input/output error (the device failed)"),
          random.chance(0.5), true};
    case FileFault::kCrash:
      break;
  }
  isDown = true;
  return {absl::AbortedError("the machine went down at " + path), random.chance(0.5), true};
}

std::uint64_t SimulatedFiles::Disk::room() const {
  std::uint64_t used = 0;
  for (const auto& [path, node] : names) used += node->shown.size();
  return used < capacity ? capacity - used : 0;
}

SimulatedNodePtr SimulatedFiles::Disk::find(const std::string& path) const {
  const auto found = names.find(path);
  return found == names.end() ? nullptr : found->second;
}

Status SimulatedFiles::Disk::needParent(const std::string& path) const {
  if (isDirectory(parentOf(path))) return absl::OkStatus();
  return absl::NotFoundError("cannot use " + path + ": No such file or directory (check the path)");
}

bool SimulatedFiles::Disk::holdsNames(const std::string& directory) const {
  const auto isIn = [&](const std::string& path) {
    return path != directory && parentOf(path) == directory;
  };
  return std::any_of(directories.begin(), directories.end(), isIn) ||
         std::any_of(names.begin(), names.end(),
                     [&](const auto& name) { return isIn(name.first); });
}

void SimulatedFiles::Disk::addName(const std::string& path, SimulatedNodePtr node) {
  names[path] = node;
  changes.push_back({Change::Kind::kAdd, path, path, std::move(node)});
}

void SimulatedFiles::Disk::removeName(const std::string& path) {
  names.erase(path);
  directories.erase(path);
  changes.push_back({Change::Kind::kRemove, path, path, nullptr});
}

void SimulatedFiles::Disk::renameName(const std::string& from, const std::string& to) {
  const SimulatedNodePtr node = find(from);
  names.erase(from);
  names[to] = node;
  changes.push_back({Change::Kind::kRename, from, to, node});
}

void SimulatedFiles::Disk::addDirectory(const std::string& path) {
  directories.insert(path);
  changes.push_back({Change::Kind::kAddDirectory, path, path, nullptr});
}

void SimulatedFiles::Disk::makeLasting(const Change& change) {
  switch (change.kind) {
    case Change::Kind::kAdd:
      lastingNames[change.to] = change.node;
      return;
    case Change::Kind::kRemove:
      lastingNames.erase(change.from);
      lastingDirectories.erase(change.from);
      return;
    case Change::Kind::kRename:
      lastingNames.erase(change.from);
      lastingNames[change.to] = change.node;
      return;
    case Change::Kind::kAddDirectory:
      lastingDirectories.insert(change.to);
      return;
  }
}

void SimulatedFiles::Disk::syncNames(const std::string& directory) {
  std::vector<Change> rest;
  for (Change& change : changes) {
    if (parentOf(change.from) == directory || parentOf(change.to) == directory) {
      makeLasting(change);
    } else {
      rest.push_back(std::move(change));
    }
  }
  changes = std::move(rest);
}

// A journal keeps the changes up to some moment; without one any of them may be kept.
void SimulatedFiles::Disk::keepSomeNames() {
  const bool inOrder = random.chance(0.5);
  const double kept = random.unit() * 1.5 - 0.25;
  std::size_t count = 0;
  for (const Change& change : changes) {
    const double place = (static_cast<double>(count++) + 0.5) / static_cast<double>(changes.size());
    if (inOrder ? place < kept : random.chance(kept)) makeLasting(change);
  }
  changes.clear();
}

std::string SimulatedFiles::Disk::survivorOf(const SimulatedNode& node) {
  const std::string& shown = node.shown;
  const std::string& lasting = node.lasting;
  if (shown == lasting || random.chance(0.25)) return lasting;
  if (random.chance(0.25)) return shown;
  if (!shown.starts_with(lasting)) {
    // The new bytes came to the disk, the new size did not.
    return shown.size() < lasting.size() ? shown + lasting.substr(shown.size()) : shown;
  }
  std::string torn =
      shown.substr(0, lasting.size() + random.below(shown.size() - lasting.size() + 1));
  if (random.chance(0.5)) torn.resize(shown.size(), '\0');
  for (std::size_t at = lasting.size(); at < torn.size();) {
    const std::size_t end = std::min(torn.size(), (at / kSectorBytes + 1) * kSectorBytes);
    if (random.chance(kLostSectors))
      std::fill(torn.begin() + static_cast<std::ptrdiff_t>(at),
                torn.begin() + static_cast<std::ptrdiff_t>(end), '\0');
    at = end;
  }
  return torn;
}

void SimulatedFiles::Disk::crash() {
  keepSomeNames();
  const auto isLost = [&](const std::string& path) {
    for (std::string above = parentOf(path); above != "." && above != "/";
         above = parentOf(above)) {
      if (!lastingDirectories.contains(above)) return true;
    }
    return false;
  };
  std::erase_if(lastingDirectories, isLost);
  std::erase_if(lastingNames, [&](const auto& entry) { return isLost(entry.first); });
  names = lastingNames;
  directories = lastingDirectories;
  for (const auto& [path, node] : names) node->shown = node->lasting = survivorOf(*node);
  endProcess();
}

void SimulatedFiles::Disk::endProcess() {
  ++generation;
  locks.clear();
  isDown = false;
}

}  // namespace millrace::testing
