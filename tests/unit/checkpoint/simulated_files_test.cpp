// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <millrace/testing/simulated_files.hpp>

#include <set>

namespace millrace::testing {
namespace {

std::unique_ptr<WritableFile> create(SimulatedFiles& files, const std::string& path) {
  auto file = files.openWrite(path, WriteMode::kCreateNew);
  REQUIRE(file.ok());
  return *std::move(file);
}

TEST_CASE("What was synced, in a directory that was synced, is there after every crash") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimulatedFiles files(seed);
    REQUIRE(files.makeDirs("d").ok());
    REQUIRE(files.syncDirectory(".").ok());
    const auto file = create(files, "d/a");
    REQUIRE(file->append("lasting").ok());
    REQUIRE(file->sync().ok());
    REQUIRE(files.syncDirectory("d").ok());
    REQUIRE(file->append(" and not").ok());
    files.crash();
    REQUIRE(files.exists("d/a"));
    CHECK(files.contents("d/a").starts_with("lasting"));
    CHECK(files.contents("d/a").size() <= 15);
  }
}

TEST_CASE("What was not synced may be lost, torn or kept") {
  std::set<std::string> found;
  std::set<std::string> names;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SimulatedFiles files(seed);
    const auto file = create(files, "a");
    REQUIRE(file->sync().ok());
    REQUIRE(files.syncDirectory(".").ok());
    REQUIRE(file->append("1234").ok());
    create(files, "b");
    REQUIRE(files.rename("b", "c").ok());
    files.crash();
    found.insert(files.contents("a"));
    names.insert(std::string(files.exists("b") ? "b" : "") + (files.exists("c") ? "c" : ""));
  }
  CHECK(found.contains(""));
  CHECK(found.contains("12"));
  CHECK(found.contains("1234"));
  CHECK(found.contains(std::string(4, '\0')));
  CHECK(names == std::set<std::string>{"", "b", "c"});
}

TEST_CASE("The same seed does the same again") {
  std::vector<std::string> first;
  for (int round = 0; round < 2; ++round) {
    SimulatedFiles files(42);
    std::vector<std::string> found;
    for (int i = 0; i < 20; ++i) {
      const std::string name = "file" + std::to_string(i);
      REQUIRE(create(files, name)->append(std::string(2000, 'x')).ok());
    }
    files.crash();
    for (const std::string& path : files.paths()) found.push_back(path + files.contents(path));
    if (round == 0) first = found;
    CHECK(found == first);
  }
}

TEST_CASE("A kill loses no bytes, but makes none lasting, and ends files and locks") {
  SimulatedFiles files(1);
  const auto lock = files.lock("LOCK", "me");
  REQUIRE(lock.ok());
  CHECK(files.lock("LOCK", "other").status().message() == "LOCK is locked by me");
  const auto file = create(files, "a");
  REQUIRE(file->append("1234").ok());
  files.kill();
  CHECK(files.contents("a") == "1234");
  CHECK(absl::IsAborted(file->append("5")));
  CHECK(files.lock("LOCK", "other").ok());
}

TEST_CASE("Faults come at their operation, or at the next that can meet them") {
  SimulatedFiles files(1);
  files.failAt(1, FileFault::kFullDisk);
  const auto file = create(files, "a");
  REQUIRE(file->sync().ok());
  CHECK(absl::IsResourceExhausted(file->append("12345678")));
  CHECK(files.contents("a").size() <= 8);
  CHECK(file->append("9").ok());
  files.failAt(files.operations(), FileFault::kSyncFails);
  CHECK(file->append("0").ok());
  CHECK(absl::IsDataLoss(file->sync()));
  files.failAt(files.operations(), FileFault::kCrash);
  CHECK(absl::IsAborted(files.stat("a").status()));
  CHECK(files.isDown());
  CHECK(absl::IsAborted(files.list(".").status()));
  files.crash();
  CHECK(files.list(".").ok());
  files.setCapacity(10);
  CHECK(absl::IsResourceExhausted(create(files, "b")->append(std::string(11, 'x'))));
}

TEST_CASE("Directories list what is in them and go when they are empty") {
  SimulatedFiles files(1);
  REQUIRE(files.makeDirs("a/b").ok());
  create(files, "a/file");
  CHECK(*files.list("a") == std::vector<std::string>{"b", "file"});
  CHECK(files.stat("a/b")->kind == FileKind::kDirectory);
  CHECK_FALSE(files.remove("a").ok());
  CHECK(files.remove("a/b").ok());
  CHECK(*files.list("a") == std::vector<std::string>{"file"});
  CHECK(absl::IsNotFound(files.openWrite("none/file", WriteMode::kAppend).status()));
}

}  // namespace
}  // namespace millrace::testing
