// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <millrace/checkpoint/checkpoint_reader.hpp>

#include "unit/checkpoint/store_model.hpp"

namespace millrace {
namespace {

using namespace test;
using testing::FileFault;
using testing::SimulatedFiles;

const std::vector<CataloguedState> kStates = {stateOf(0, "a"), stateOf(1, "b"), stateOf(2, "c")};
constexpr const char* kSavepoint = "saved/one";

std::unique_ptr<CheckpointStore> opened(SimulatedFiles& files,
                                        const CheckpointStore::Options& options) {
  auto store = CheckpointStore::open(files, options);
  INFO(store.status());
  REQUIRE(store.ok());
  return *std::move(store);
}

Model fill(CheckpointStore& store, std::uint64_t epochs, std::uint64_t seed = 3) {
  Random random(seed);
  Model model;
  REQUIRE(store.begin(kStates).ok());
  for (std::uint64_t number = 1; number <= epochs; ++number) {
    const Epoch epoch = randomEpoch(random, number);
    REQUIRE(store.append(epoch).ok());
    model.apply(epoch);
    REQUIRE(store.bringForward().ok());
  }
  return model;
}

CheckpointStore::Options fromSavepoint(const std::string& directory) {
  CheckpointStore::Options options = optionsOf();
  options.directory = directory;
  options.fromSavepoint = kSavepoint;
  return options;
}

TEST_CASE("A savepoint begins another directory, as often as one likes") {
  SimulatedFiles files(1);
  Model model;
  {
    const auto store = opened(files, optionsOf());
    model = fill(*store, 25);
    REQUIRE(store->writeSavepoint(kSavepoint).ok());
    Random random(1);
    REQUIRE(store->append(randomEpoch(random, 26)).ok());
  }
  for (const std::string directory : {"new", "jobs/second"}) {
    auto store = opened(files, fromSavepoint(directory));
    CHECK(store->found().epoch.number == 25);
    CHECK(store->found().incarnation == 1);
    CHECK(store->found().states == kStates);
    CHECK(store->found().epoch.tasks.at(0).state.position == "at 25");
    CHECK(*entriesOf(*store) == model.entries);
    REQUIRE(store->begin(kStates).ok());
    Random random(2);
    const Epoch next = randomEpoch(random, 26);
    REQUIRE(store->append(next).ok());
    Model later = model;
    later.apply(next);
    store.reset();
    // The same command line goes on where it was.
    store = opened(files, fromSavepoint(directory));
    CHECK(store->found().epoch.number == 26);
    CHECK(*entriesOf(*store) == later.entries);
  }
}

TEST_CASE("A savepoint is refused where state of another origin lies, and the reverse") {
  SimulatedFiles files(1);
  {
    const auto store = opened(files, optionsOf());
    fill(*store, 3);
    REQUIRE(store->writeSavepoint(kSavepoint).ok());
    CHECK(absl::IsFailedPrecondition(store->writeSavepoint(kSavepoint)));
    CHECK(store->writeSavepoint("saved/two").ok());
  }
  CHECK(
      CheckpointStore::open(files, fromSavepoint(kDirectory)).status().message() ==
      "jobs/state holds state that did not begin from savepoint saved/one (to begin from it give a "
      "new or an empty directory; to go on, give no savepoint)");
  CheckpointStore::Options options = fromSavepoint("new");
  options.fromSavepoint = kDirectory;
  CHECK(absl::IsFailedPrecondition(CheckpointStore::open(files, options).status()));
  options.fromSavepoint = "nowhere";
  CHECK(absl::IsFailedPrecondition(CheckpointStore::open(files, options).status()));
  options = optionsOf();
  options.directory = kSavepoint;
  CHECK(CheckpointStore::open(files, options).status().message() ==
        "saved/one is a savepoint (begin from it with a state directory of its own)");
  options = fromSavepoint("other");
  options.keyGroups = 16;
  CHECK(absl::IsFailedPrecondition(CheckpointStore::open(files, options).status()));
}

// Fills a store, then writes a savepoint and begins another directory from it, which may go wrong.
struct Restoring {
  explicit Restoring(SimulatedFiles& disk) : files(disk), store(opened(disk, optionsOf())) {
    model = fill(*store, 10);
    before = files.operations();
  }
  void go() {
    static_cast<void>(store->writeSavepoint(kSavepoint));
    store.reset();
    static_cast<void>(CheckpointStore::open(files, fromSavepoint("new")));
  }

  SimulatedFiles& files;
  std::unique_ptr<CheckpointStore> store;
  Model model;
  std::uint64_t before = 0;
};

TEST_CASE("A savepoint is whole or none, and so is a directory that begins from it") {
  SimulatedFiles peaceful(0);
  Restoring all(peaceful);
  all.go();
  const std::uint64_t operations = peaceful.operations() - all.before;
  CHECK(operations > 50);
  for (std::uint64_t at = 0; at < operations; ++at) {
    SimulatedFiles files(at);
    Restoring restoring(files);
    files.failAt(restoring.before + at, FileFault::kCrash);
    restoring.go();
    files.crash();
    const Status found = CheckpointReader::open(files, kSavepoint).status();
    INFO(at << ": " << found);
    if (!found.ok()) {
      REQUIRE(absl::IsFailedPrecondition(found));
      REQUIRE(opened(files, optionsOf())->writeSavepoint(kSavepoint).ok());
    }
    const auto store = opened(files, fromSavepoint("new"));
    REQUIRE(*entriesOf(*store) == restoring.model.entries);
  }
}

TEST_CASE("Reading from outside shows what is committed, also while a store is open") {
  SimulatedFiles files(1);
  const auto store = opened(files, optionsOf(20'000));
  const Model model = fill(*store, 12);
  const auto reader = CheckpointReader::open(files, kDirectory);
  REQUIRE(reader.ok());
  CHECK_FALSE((*reader)->isSavepoint());
  CHECK((*reader)->summary().epoch.number == 12);
  CHECK((*reader)->epochs().size() == 12);
  CHECK((*reader)->logBytes() == store->logBytes());
  CHECK((*reader)->verify().ok());
  const auto sizes = (*reader)->sizes();
  REQUIRE(sizes.ok());
  std::uint64_t entries = 0;
  std::uint64_t valueBytes = 0;
  for (const auto& size : *sizes) {
    entries += size.entries;
    valueBytes += size.valueBytes;
  }
  CHECK(entries == model.entries.size());
  std::uint64_t expected = 0;
  for (const auto& [id, value] : model.entries) expected += value.size();
  CHECK(valueBytes == expected);
  const Status missing = CheckpointReader::open(files, "jobs").status();
  CHECK(missing.message() == "jobs is no state directory or savepoint: it has no MANIFEST");
}

TEST_CASE("Comparing tells what changed, state by state and whatever the ids") {
  SimulatedFiles files(1);
  const auto put = [](StateChanges& out, std::uint16_t state, const std::string& key,
                      const std::string& value) {
    out.put(
        StateId{state}, KeyGroup{2}, [&](ByteWriter& to) { to.bytes(key); },
        [&](ByteWriter& to) { to.bytes(value); });
  };
  const auto make = [&](const std::string& directory, const std::vector<CataloguedState>& states,
                        auto fill) {
    CheckpointStore::Options options = optionsOf();
    options.directory = directory;
    const auto store = opened(files, options);
    REQUIRE(store->begin(states).ok());
    Epoch epoch;
    epoch.number = 1;
    epoch.tasks.push_back({"counts", 0, {}, {}});
    fill(epoch.tasks[0].changes);
    REQUIRE(store->append(epoch).ok());
  };
  make("a", {stateOf(0, "x"), stateOf(1, "y")}, [&](StateChanges& out) {
    put(out, 0, "same", "1");
    put(out, 0, "changed", "1");
    put(out, 0, "gone", "1");
    put(out, 1, "of y", "1");
  });
  make("b", {stateOf(0, "z"), stateOf(5, "x")}, [&](StateChanges& out) {
    put(out, 5, "same", "1");
    put(out, 5, "changed", "2");
    put(out, 5, "new", "1");
    put(out, 5, "newer", "1");
    put(out, 0, "of z", "1");
  });
  const auto a = CheckpointReader::open(files, "a");
  const auto b = CheckpointReader::open(files, "b");
  const auto found = compareCheckpoints(**a, **b);
  REQUIRE(found.ok());
  REQUIRE(found->size() == 3);
  const StateDifference& x = found->at(0);
  CHECK((x.stateName == "x" && x.same == 1 && x.changed == 1 && x.onlyInFirst == 1 &&
         x.onlyInSecond == 2));
  CHECK((found->at(1).stateName == "y" && found->at(1).onlyInFirst == 1));
  CHECK((found->at(2).stateName == "z" && found->at(2).onlyInSecond == 1));
  const auto alike = compareCheckpoints(**a, **a);
  for (const StateDifference& state : *alike) CHECK(state.isEmpty());
}

}  // namespace
}  // namespace millrace
