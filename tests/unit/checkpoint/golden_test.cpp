// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <millrace/checkpoint/checkpoint_reader.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "unit/checkpoint/golden_content.hpp"
#include "unit/checkpoint/store_model.hpp"

namespace millrace {
namespace {

using namespace test;
using testing::SimulatedFiles;

// A copy, for opening a directory may change it.
void copyTo(SimulatedFiles& files, const std::string& version) {
  const std::filesystem::path root = std::filesystem::path(MILLRACE_GOLDEN_CHECKPOINTS) / version;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const std::string path = version + "/" + std::filesystem::relative(entry.path(), root).string();
    if (entry.is_directory()) {
      REQUIRE(files.makeDirs(path).ok());
      continue;
    }
    std::ifstream file(entry.path(), std::ios::binary);
    REQUIRE(files.makeDirs(path.substr(0, path.find_last_of('/'))).ok());
    files.setContents(path, std::string((std::istreambuf_iterator<char>(file)), {}));
  }
}

Model goldenModel() {
  Model model;
  model.begin(goldenStates());
  for (std::uint64_t number = 1; number <= kGoldenEpochs; ++number)
    model.apply(goldenEpoch(number));
  return model;
}

TEST_CASE("State written by version 1 is read, and goes on") {
  SimulatedFiles files(1);
  copyTo(files, "v1");
  const Model model = goldenModel();
  const auto store = CheckpointStore::open(files, goldenOptions("v1/state"));
  INFO(store.status());
  REQUIRE(store.ok());
  CHECK((*store)->found().states == goldenStates());
  CHECK((*store)->found().incarnation == 1);
  CHECK((*store)->found().epoch.number == kGoldenEpochs);
  CHECK((*store)->found().epoch.completedAt == 1'765'535'408'000);
  CHECK((*store)->found().epoch.tasks.at(0).state.position == "offset 800");
  CHECK((*store)->baseBytes() > 0);
  CHECK((*store)->logBytes() > 0);
  CHECK(*entriesOf(**store) == model.entries);
  REQUIRE((*store)->begin(goldenStates()).ok());
  CHECK((*store)->append(goldenEpoch(kGoldenEpochs + 1)).ok());
}

TEST_CASE("A savepoint written by version 1 begins a new directory") {
  SimulatedFiles files(1);
  copyTo(files, "v1");
  const auto reader = CheckpointReader::open(files, "v1/savepoint");
  REQUIRE(reader.ok());
  CHECK((*reader)->isSavepoint());
  CHECK((*reader)->verify().ok());
  CheckpointStore::Options options = goldenOptions("new");
  options.fromSavepoint = "v1/savepoint";
  const auto store = CheckpointStore::open(files, options);
  REQUIRE(store.ok());
  CHECK(*entriesOf(**store) == goldenModel().entries);
}

}  // namespace
}  // namespace millrace
