// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <fstream>

#include "tools/commands.hpp"
#include "unit/checkpoint/golden_content.hpp"
#include "unit/checkpoint/rocks_model.hpp"

namespace millrace {
namespace {

using namespace test;
using tools::Outcome;
using tools::runMillrace;

// The entries of two epochs in the base and of one in the log, or all of them in the log of a store
// in memory.
void fill(const std::string& directory, StateBackend backend, std::uint64_t epochs,
          const std::string& savepoint = "") {
  CheckpointStore::Options options = goldenOptions(directory);
  options.backend = backend;
  auto store = CheckpointStore::open(posixFileSystem(), options);
  REQUIRE(store.ok());
  REQUIRE((*store)->begin(goldenStates()).ok());
  for (std::uint64_t number = 1; number <= epochs; ++number) {
    REQUIRE((*store)->append(goldenEpoch(number)).ok());
    if (number < epochs) REQUIRE((*store)->bringForward().ok());
  }
  if (!savepoint.empty()) REQUIRE((*store)->writeSavepoint(savepoint).ok());
}

Outcome run(std::vector<std::string> arguments) {
  return runMillrace(posixFileSystem(), std::move(arguments));
}

TEST_CASE("inspect shows a directory over RocksDB as one in memory, but for where things are",
          "[rocksdb]") {
  Scratch scratch;
  fill(scratch / "rocks", StateBackend::kRocksDb, 3);
  fill(scratch / "memory", StateBackend::kMemory, 3);
  const Outcome rocks = run({"inspect", scratch / "rocks"});
  const Outcome memory = run({"inspect", scratch / "memory"});
  INFO(rocks.error);
  REQUIRE(rocks.exitCode == 0);
  REQUIRE(memory.exitCode == 0);
  const auto statesOf = [](const Outcome& outcome) {
    const std::size_t from = outcome.out.find("states\n");
    return outcome.out.substr(from, outcome.out.find("epochs in the log") - from);
  };
  CHECK(statesOf(rocks) == statesOf(memory));
  CHECK_THAT(rocks.out, Catch::Contains("epoch 3 of run 1") && !Catch::Contains("base 0 B"));
}

TEST_CASE("verify and diff work on directories over RocksDB, also against others", "[rocksdb]") {
  Scratch scratch;
  fill(scratch / "rocks", StateBackend::kRocksDb, 3, scratch / "saved");
  fill(scratch / "memory", StateBackend::kMemory, 3);
  fill(scratch / "later", StateBackend::kRocksDb, 4);
  CHECK(run({"verify", scratch / "rocks"}).exitCode == 0);
  CHECK(run({"diff", scratch / "rocks", scratch / "memory"}).exitCode == 0);
  CHECK(run({"diff", scratch / "saved", scratch / "rocks"}).exitCode == 0);
  CHECK(run({"diff", scratch / "rocks", scratch / "later"}).exitCode == 1);
  bool isSpoilt = false;
  for (const auto& file : std::filesystem::directory_iterator(scratch / "rocks/rocksdb")) {
    if (file.path().extension() != ".sst") continue;
    std::fstream table(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    table.seekp(10);
    table.put('\x7f');
    isSpoilt = true;
  }
  REQUIRE(isSpoilt);
  const Outcome damaged = run({"verify", scratch / "rocks"});
  CHECK(damaged.exitCode == 1);
  CHECK_THAT(damaged.error,
             Catch::Contains("begin from a savepoint") && Catch::Contains(scratch.path()));
}

}  // namespace
}  // namespace millrace
