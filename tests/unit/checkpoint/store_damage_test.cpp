// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <millrace/base/hash.hpp>

#include <algorithm>

#include "unit/checkpoint/store_model.hpp"

namespace millrace {
namespace {

using namespace test;
using testing::SimulatedFiles;

constexpr std::uint64_t kSegmentBytes = 3000;
const std::vector<CataloguedState> kStates = {stateOf(0, "a"), stateOf(1, "b"), stateOf(2, "c")};

/// A directory with a base of two files, a full segment and one that is written to; its process is
/// gone.
class Directory {
 public:
  Directory() {
    Random random(11);
    auto store = CheckpointStore::open(files, optionsOf(kSegmentBytes));
    REQUIRE(store.ok());
    REQUIRE((*store)->begin(kStates).ok());
    for (std::uint64_t number = 1; number <= 34; ++number) {
      const Epoch epoch = number == 1 ? manyEntries() : randomEpoch(random, number);
      REQUIRE((*store)->append(epoch).ok());
      model.apply(epoch);
      if (number <= 24) REQUIRE((*store)->bringForward().ok());
    }
    store->reset();
    for (const std::string& path : files.paths()) original_[path] = files.contents(path);
  }

  // So that the base has something that is not merged with every segment.
  static Epoch manyEntries() {
    Epoch epoch;
    epoch.number = 1;
    epoch.tasks.push_back({"counts", 0, {"at 1", ""}, {}});
    for (std::uint16_t i = 0; i < 200; ++i) {
      epoch.tasks[0].changes.put(
          StateId{1}, KeyGroup{static_cast<std::uint16_t>(i % kGroups)},
          [&](ByteWriter& out) { out.bytes("many " + std::to_string(i)); },
          [](ByteWriter& out) { out.bytes("value"); });
    }
    return epoch;
  }

  // Undoes damage and what an opening has changed.
  void restore() {
    for (const std::string& path : files.paths()) REQUIRE(files.remove(path).ok());
    for (const auto& [path, bytes] : original_) files.setContents(path, bytes);
  }

  const std::map<std::string, std::string>& original() const { return original_; }
  std::string lastSegment() const {
    std::string last;
    for (const auto& [path, bytes] : original_) {
      if (path.find("/log/") != std::string::npos) last = path;
    }
    return last;
  }

  // Opens the store and reads it all.
  StatusOr<Entries> read() {
    MILLRACE_ASSIGN_OR_RETURN(const auto store,
                              CheckpointStore::open(files, optionsOf(kSegmentBytes)));
    if (store->found().epoch.number != model.epoch)
      return absl::OutOfRangeError("an earlier epoch");
    return entriesOf(*store);
  }

  std::map<std::string, std::string> now() const {
    std::map<std::string, std::string> contents;
    for (const std::string& path : files.paths()) {
      if (path != "jobs/state/LOCK") contents[path] = files.contents(path);
    }
    return contents;
  }

  SimulatedFiles files{1};
  Model model;

 private:
  std::map<std::string, std::string> original_;
};

bool isRefusal(const Status& status) {
  return absl::IsDataLoss(status) || absl::IsFailedPrecondition(status);
}

TEST_CASE("The directory of the tests of damage has all kinds of files") {
  Directory directory;
  std::vector<std::string> names;
  for (const auto& [path, bytes] : directory.original()) names.push_back(path);
  const auto count = [&](const std::string& part) {
    return std::count_if(names.begin(), names.end(), [&](const std::string& name) {
      return name.find(part) != std::string::npos;
    });
  };
  CHECK(count("/base/") >= 2);
  CHECK(count("/log/") >= 2);
  CHECK(count("MANIFEST") == 1);
  CHECK(count("COMMITTED") == 1);
  CHECK(*directory.read() == directory.model.entries);
}

TEST_CASE("A flipped bit anywhere in any file is found, or does no harm") {
  Directory directory;
  Random random(5);
  for (const auto& [path, bytes] : directory.original()) {
    std::size_t found = 0;
    std::size_t tried = 0;
    for (std::size_t at = random.below(4); at < bytes.size(); at += 1 + random.below(7)) {
      ++tried;
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(8)));
      directory.files.setContents(path, damaged);
      const auto before = directory.now();
      const StatusOr<Entries> read = directory.read();
      INFO(path << " at " << at << ": " << read.status());
      if (read.ok()) {
        REQUIRE(*read == directory.model.entries);
        directory.restore();
      } else {
        REQUIRE(isRefusal(read.status()));
        REQUIRE(read.status().message().find(path) != absl::string_view::npos);
        ++found;
        if (directory.now() != before) directory.restore();
      }
      directory.files.setContents(path, bytes);
    }
    const bool mayBeHarmless = path.ends_with("LOCK") || path.ends_with("COMMITTED");
    CHECK(found == (mayBeHarmless ? 0 : tried));
  }
}

TEST_CASE("A file that is missing is found, unless it says nothing that others do not say") {
  Directory directory;
  for (const auto& [path, bytes] : directory.original()) {
    REQUIRE(directory.files.remove(path).ok());
    const auto before = directory.now();
    const StatusOr<Entries> read = directory.read();
    INFO(path << ": " << read.status());
    if (path.ends_with("LOCK") || path.ends_with("COMMITTED")) {
      CHECK(read.ok());
    } else {
      CHECK(absl::IsDataLoss(read.status()));
      // Of a log's last segment nothing is known but that there was more.
      const std::string told = path == directory.lastSegment() ? "a later segment is lost" : path;
      CHECK(read.status().message().find(told) != absl::string_view::npos);
      CHECK(directory.now() == before);
    }
    directory.restore();
  }
}

TEST_CASE("A log that was shortened after its epochs were committed is refused") {
  Directory directory;
  const std::string path = directory.lastSegment();
  const std::string bytes = directory.original().at(path);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    directory.files.setContents(path, bytes.substr(0, size));
    const Status status = directory.read().status();
    INFO(size << ": " << status);
    REQUIRE(absl::IsDataLoss(status));
    REQUIRE(directory.files.contents(path).size() == size);
  }
}

TEST_CASE("A log torn at any byte ends with the last epoch that is whole") {
  Directory directory;
  const std::string path = directory.lastSegment();
  const std::string bytes = directory.original().at(path);
  std::uint64_t last = 0;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    directory.restore();
    // As after a loss of power: the mark is never synced.
    REQUIRE(directory.files.remove("jobs/state/COMMITTED").ok());
    directory.files.setContents(path, bytes.substr(0, size));
    auto store = CheckpointStore::open(directory.files, optionsOf(kSegmentBytes));
    INFO(size << ": " << store.status());
    REQUIRE(store.ok());
    const std::uint64_t epoch = (*store)->found().epoch.number;
    REQUIRE((epoch == last || epoch == last + 1 || last == 0));
    last = epoch;
    if (size % 16 != 0) continue;
    REQUIRE((*store)->begin(kStates).ok());
    Random random(size);
    REQUIRE((*store)->append(randomEpoch(random, epoch + 1)).ok());
    store->reset();
    store = CheckpointStore::open(directory.files, optionsOf(kSegmentBytes));
    REQUIRE(store.ok());
    REQUIRE((*store)->found().epoch.number == epoch + 1);
  }
  CHECK(last == directory.model.epoch);
}

TEST_CASE("An epoch before the last is not taken for a torn tail, though the mark is lost") {
  SimulatedFiles files(1);
  Random random(17);
  std::uint64_t end = 0;
  {
    const auto store = CheckpointStore::open(files, optionsOf(1 << 20));
    REQUIRE((*store)->begin(kStates).ok());
    for (std::uint64_t number = 1; number <= 5; ++number) {
      end = (*store)->logBytes();
      REQUIRE((*store)->append(randomEpoch(random, number)).ok());
    }
  }
  REQUIRE(files.remove("jobs/state/COMMITTED").ok());
  const std::string path = "jobs/state/log/000001.log";
  const std::string bytes = files.contents(path);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    files.setContents(path, damaged);
    const auto store = CheckpointStore::open(files, optionsOf(1 << 20));
    INFO(at << ": " << store.status());
    if (at < end) {
      REQUIRE(absl::IsDataLoss(store.status()));
      REQUIRE(files.contents(path) == damaged);
    } else {
      REQUIRE(store.ok());
      REQUIRE((*store)->found().epoch.number == 4);
    }
  }
}

TEST_CASE("Bytes behind the last epoch are cut off") {
  Directory directory;
  const std::string path = directory.lastSegment();
  directory.files.setContents(path, directory.original().at(path) + "MRecMRec and more of it");
  CHECK(*directory.read() == directory.model.entries);
  CHECK(directory.files.contents(path) == directory.original().at(path));
}

TEST_CASE("A newer version is refused by its number") {
  Directory directory;
  for (const auto& [path, original] : directory.original()) {
    if (path.ends_with("LOCK") || path.ends_with("COMMITTED")) continue;
    // Version 9 with the check that belongs to it.
    std::string bytes = original;
    bytes[10] = 9;
    const std::uint64_t hash = hashBytes(bytes.data(), 12);
    for (std::size_t i = 0; i < 4; ++i) bytes[12 + i] = static_cast<char>(hash >> (8 * i));
    directory.files.setContents(path, bytes);
    const Status status = directory.read().status();
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(status.message() ==
          path +
              " has format version 9, and this program reads versions up to 1 (use "
              "the version of the program that wrote it, or a newer one)");
    directory.files.setContents(path, original);
  }
}

TEST_CASE("A file of an earlier time in the place of a later one is found") {
  Directory directory;
  std::vector<std::string> bases;
  for (const auto& [path, bytes] : directory.original()) {
    if (path.find("/base/") != std::string::npos) bases.push_back(path);
  }
  REQUIRE(bases.size() >= 2);
  directory.files.setContents(bases[1], directory.original().at(bases[0]));
  CHECK(absl::IsDataLoss(directory.read().status()));
}

}  // namespace
}  // namespace millrace
