// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <millrace/checkpoint/checkpoint_reader.hpp>

#include "tools/commands.hpp"
#include "unit/checkpoint/rocks_model.hpp"

namespace millrace {
namespace {

using namespace test;
using testing::FileFault;
using testing::SimulatedFiles;

const std::vector<CataloguedState> kStates = {stateOf(0, "a"), stateOf(1, "b"), stateOf(2, "c")};

CheckpointStore::Options retaining(CheckpointStore::Options options, std::size_t retained,
                                   Duration every) {
  options.retained = retained;
  options.retainEvery = every;
  return options;
}

std::string pathOf(const std::string& directory, std::uint64_t epoch) {
  const std::string number = std::to_string(epoch);
  return directory + "/retained/" + std::string(6 - number.size(), '0') + number;
}

std::vector<std::uint64_t> retainedOf(FileSystem& files, const std::string& directory) {
  const auto reader = CheckpointReader::open(files, directory);
  INFO(reader.status());
  REQUIRE(reader.ok());
  return (*reader)->retained();
}

Epoch epochAt(std::uint64_t number) {
  Random random(number);
  Epoch epoch = anyEpoch(random, number);
  for (TaskSnapshot& task : epoch.tasks) task.state.prepared = "a part file";
  return epoch;
}

Model modelAt(std::uint64_t number) {
  Model model;
  while (model.epoch < number) model.apply(epochAt(model.epoch + 1));
  return model;
}

// Appends epochs up to `last`, and brings each forward.
Status fill(CheckpointStore& store, std::uint64_t last) {
  MILLRACE_RETURN_IF_ERROR(store.begin(kStates));
  for (std::uint64_t number = store.found().epoch.number + 1; number <= last; ++number) {
    MILLRACE_RETURN_IF_ERROR(store.append(epochAt(number)));
    MILLRACE_RETURN_IF_ERROR(store.bringForward());
  }
  return absl::OkStatus();
}

void fill(FileSystem& files, const CheckpointStore::Options& options, std::uint64_t last) {
  const auto store = CheckpointStore::open(files, options);
  INFO(store.status());
  REQUIRE(store.ok());
  const Status filled = fill(**store, last);
  INFO(filled);
  REQUIRE(filled.ok());
}

void checkBeginsFrom(FileSystem& files, CheckpointStore::Options options, const std::string& from,
                     std::uint64_t epoch) {
  options.directory += "-from-" + std::to_string(epoch);
  options.fromSavepoint = from;
  for (int time = 0; time < 2; ++time) {  // the second one just goes on
    const auto store = CheckpointStore::open(files, options);
    INFO(from << ": " << store.status());
    REQUIRE(store.ok());
    const Model model = modelAt(epoch);
    CHECK((*store)->found().epoch.number == epoch);
    CHECK((*store)->found().epoch.tasks.at(0).state.position == model.position);
    CHECK((*store)->found().epoch.tasks.at(0).state.prepared.empty());
    CHECK((*store)->found().states == kStates);
    CHECK(differences(**store, model.entries) == "");
  }
}

TEST_CASE("Of the checkpoints the newest stay, and each begins another directory") {
  SimulatedFiles files(1);
  fill(files, retaining(optionsOf(), 3, Duration(0)), 40);
  REQUIRE(retainedOf(files, kDirectory) == std::vector<std::uint64_t>{38, 39, 40});
  for (const std::uint64_t epoch : {38U, 39U, 40U}) {
    checkBeginsFrom(files, optionsOf(), pathOf(kDirectory, epoch), epoch);
  }
  CheckpointStore::Options other = optionsOf();
  other.directory += "-from-38";
  other.fromSavepoint = pathOf(kDirectory, 39);
  CHECK(absl::IsFailedPrecondition(CheckpointStore::open(files, other).status()));
}

TEST_CASE("Checkpoints are kept over RocksDB too, and begin with either store", "[rocksdb]") {
  Scratch scratch;
  FileSystem& files = posixFileSystem();
  const CheckpointStore::Options options = rocksOptions(scratch / "state");
  fill(files, retaining(options, 2, Duration(0)), 30);
  REQUIRE(retainedOf(files, options.directory) == std::vector<std::uint64_t>{29, 30});
  // They need nothing of the directory that they were taken of.
  std::filesystem::rename(scratch / "state/retained", scratch / "kept");
  std::filesystem::remove_all(scratch / "state");
  CheckpointStore::Options memory = optionsOf();
  memory.directory = scratch / "memory";
  for (const std::uint64_t epoch : {29U, 30U}) {
    const std::string kept = scratch / ("kept/0000" + std::to_string(epoch));
    const auto reader = CheckpointReader::open(files, kept);
    INFO(reader.status());
    REQUIRE(reader.ok());
    CHECK((*reader)->verify().ok());
    checkBeginsFrom(files, options, kept, epoch);
    checkBeginsFrom(files, memory, kept, epoch);
  }
}

TEST_CASE("On a real disk the files of a base are in a retained checkpoint by a second name") {
  Scratch scratch;
  FileSystem& files = posixFileSystem();
  CheckpointStore::Options options = optionsOf();
  options.directory = scratch / "state";
  fill(files, retaining(options, 2, Duration(0)), 30);
  const std::string kept = pathOf(options.directory, 30);
  std::size_t linked = 0;
  for (const auto& file : std::filesystem::directory_iterator(kept + "/base")) {
    linked += std::filesystem::hard_link_count(file.path()) > 1 ? 1 : 0;
  }
  CHECK(linked > 0);
  checkBeginsFrom(files, options, kept, 30);
}

TEST_CASE("Between retained checkpoints is the time that is wanted, over restarts too") {
  SimulatedFiles files(1);
  const CheckpointStore::Options options = retaining(optionsOf(), 5, Duration(10'000));
  fill(files, options, 15);  // an epoch a second
  CHECK(retainedOf(files, kDirectory) == std::vector<std::uint64_t>{1, 11});
  fill(files, options, 20);
  CHECK(retainedOf(files, kDirectory) == std::vector<std::uint64_t>{1, 11});
  fill(files, options, 60);
  CHECK(retainedOf(files, kDirectory) == std::vector<std::uint64_t>{11, 21, 31, 41, 51});
}

TEST_CASE("Retained checkpoints stay when a run does not ask for any") {
  SimulatedFiles files(1);
  fill(files, retaining(optionsOf(), 2, Duration(0)), 5);
  fill(files, optionsOf(), 30);
  CHECK(retainedOf(files, kDirectory) == std::vector<std::uint64_t>{4, 5});
  checkBeginsFrom(files, optionsOf(), pathOf(kDirectory, 4), 4);
  CHECK(absl::IsInvalidArgument(
      CheckpointStore::open(files, retaining(optionsOf(), 0, Duration(0))).status()));
}

TEST_CASE("inspect tells of them") {
  SimulatedFiles files(1);
  fill(files, retaining(optionsOf(), 2, Duration(0)), 4);
  const auto text = tools::runMillrace(files, {"inspect", kDirectory});
  CHECK_THAT(text.out, Catch::EndsWith("retained checkpoints\n"
                                       "  epoch 3: jobs/state/retained/000003\n"
                                       "  epoch 4: jobs/state/retained/000004\n"));
  const auto json = tools::runMillrace(files, {"inspect", "--json", kDirectory});
  CHECK_THAT(json.out, Catch::EndsWith(",\"retained\":[3,4]}\n"));
  CHECK(tools::runMillrace(files, {"verify", pathOf(kDirectory, 3)}).exitCode == 0);
}

// What is called retained is whole, whatever happened.
void checkWhole(SimulatedFiles& files) {
  const auto reader = CheckpointReader::open(files, kDirectory);
  if (absl::IsFailedPrecondition(reader.status())) return;  // it was not even begun
  INFO(reader.status());
  REQUIRE(reader.ok());
  for (const std::uint64_t epoch : (*reader)->retained()) {
    const auto kept = CheckpointReader::open(files, pathOf(kDirectory, epoch));
    INFO("epoch " << epoch << ": " << kept.status());
    REQUIRE(kept.ok());
    CHECK((*kept)->summary().epoch.number == epoch);
    CHECK(entriesOf(**kept) == modelAt(epoch).entries);
  }
}

TEST_CASE("After a fault at any operation what is retained is whole, and the job goes on") {
  constexpr std::uint64_t kLast = 6;
  const CheckpointStore::Options options = retaining(optionsOf(300), 2, Duration(0));
  const std::uint64_t operations = [&] {
    SimulatedFiles files(1);
    fill(files, options, kLast);
    return files.operations();
  }();
  REQUIRE(operations > 100);
  for (const FileFault fault : {FileFault::kCrash, FileFault::kFullDisk, FileFault::kSyncFails}) {
    for (std::uint64_t at = 0; at < operations; ++at) {
      SimulatedFiles files(at);
      files.failAt(at, fault);
      // It may strike in the second life, where the first was shorter for an error.
      for (int life = 0; life < 2; ++life) {
        if (auto store = CheckpointStore::open(files, options); store.ok())
          fill(**store, kLast).IgnoreError();
        at % 2 == 0 ? files.crash() : files.kill();
      }
      INFO("fault at " << at);
      checkWhole(files);
      fill(files, options, kLast + 3);
      REQUIRE(retainedOf(files, kDirectory) == std::vector<std::uint64_t>{kLast + 2, kLast + 3});
      checkWhole(files);
      CHECK(files.list(std::string(kDirectory) + "/retained")->size() == 2);
    }
  }
}

}  // namespace
}  // namespace millrace
