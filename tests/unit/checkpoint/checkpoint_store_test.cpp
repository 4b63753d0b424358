// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include "unit/checkpoint/store_model.hpp"

namespace millrace {
namespace {

using namespace test;
using testing::FileFault;
using testing::SimulatedFiles;

const std::vector<CataloguedState> kStates = {stateOf(0, "a"), stateOf(1, "b"), stateOf(2, "c")};

Epoch puts(std::uint64_t number, const std::string& value, std::uint16_t state = 0) {
  Epoch epoch;
  epoch.number = number;
  epoch.completedAt = 5;
  TaskSnapshot task{"counts", 0, {"here", "this"}, {}};
  task.changes.put(
      StateId{state}, KeyGroup{1}, [](ByteWriter& out) { out.bytes("key"); },
      [&](ByteWriter& out) { out.bytes(value); });
  epoch.tasks.push_back(std::move(task));
  return epoch;
}

std::unique_ptr<CheckpointStore> opened(SimulatedFiles& files,
                                        const CheckpointStore::Options& options = optionsOf()) {
  auto store = CheckpointStore::open(files, options);
  INFO(store.status());
  REQUIRE(store.ok());
  return *std::move(store);
}

TEST_CASE("A new directory holds nothing, and then what was committed") {
  SimulatedFiles files(1);
  {
    const auto store = opened(files);
    CHECK(store->found().incarnation == 0);
    CHECK(store->found().epoch.number == 0);
    CHECK(entriesOf(*store)->empty());
    REQUIRE(store->begin(kStates).ok());
    Epoch epoch = puts(1, "one");
    epoch.isFinal = epoch.isDrained = true;
    REQUIRE(store->append(epoch).ok());
  }
  const auto store = opened(files);
  const CheckpointSummary& found = store->found();
  CHECK(found.jobName == "counting");
  CHECK(found.keyGroups == kGroups);
  CHECK(found.incarnation == 1);
  CHECK(found.states == kStates);
  CHECK(found.epoch.number == 1);
  CHECK(found.epoch.incarnation == 1);
  CHECK(found.epoch.isFinal);
  CHECK(found.epoch.isDrained);
  CHECK(found.epoch.completedAt == 5);
  REQUIRE(found.epoch.tasks.size() == 1);
  CHECK(found.epoch.tasks[0].operatorName == "counts");
  CHECK(found.epoch.tasks[0].state.position == "here");
  CHECK(found.epoch.tasks[0].state.prepared == "this");
  CHECK(*entriesOf(*store) == Entries{{{1, 0, "key"}, "one"}});
}

TEST_CASE(
    "A run that begins without a state drops its entries, and an id may then mean another state") {
  SimulatedFiles files(1);
  {
    const auto store = opened(files);
    REQUIRE(store->begin(kStates).ok());
    REQUIRE(store->append(puts(1, "one", 0)).ok());
    REQUIRE(store->append(puts(2, "two", 2)).ok());
  }
  {
    const auto store = opened(files);
    REQUIRE(store->begin({stateOf(0, "a"), stateOf(2, "another")}).ok());
    CHECK(*entriesOf(*store) == Entries{{{1, 0, "key"}, "one"}});
    REQUIRE(store->append(puts(3, "new", 2)).ok());
  }
  const auto store = opened(files);
  CHECK(*entriesOf(*store) == Entries{{{1, 0, "key"}, "one"}, {{1, 2, "key"}, "new"}});
}

TEST_CASE("Entries are read by ranges of key groups") {
  SimulatedFiles files(1);
  Random random(3);
  Model model;
  const auto store = opened(files, optionsOf(2000));
  REQUIRE(store->begin(kStates).ok());
  for (std::uint64_t number = 1; number <= 40; ++number) {
    const Epoch epoch = randomEpoch(random, number);
    REQUIRE(store->append(epoch).ok());
    model.apply(epoch);
    REQUIRE(store->bringForward().ok());
  }
  Entries all;
  for (const KeyGroupRange range :
       {KeyGroupRange{0, 3}, KeyGroupRange{3, 4}, KeyGroupRange{4, 8}}) {
    REQUIRE(store
                ->forEachEntry(range,
                               [&](StateId state, KeyGroup group, std::string_view key,
                                   std::string_view value) {
                                 CHECK(range.contains(group));
                                 all.emplace(EntryId{group.value, static_cast<std::uint16_t>(state),
                                                     std::string(key)},
                                             value);
                                 return absl::OkStatus();
                               })
                .ok());
  }
  CHECK(all == model.entries);
}

TEST_CASE("A visitor's error ends the walk") {
  SimulatedFiles files(1);
  const auto store = opened(files);
  REQUIRE(store->begin(kStates).ok());
  REQUIRE(store->append(puts(1, "one")).ok());
  CHECK(store->forEachEntry([](StateId, KeyGroup, std::string_view, std::string_view) {
    return absl::CancelledError("enough");
  }) == absl::CancelledError("enough"));
}

TEST_CASE("Bringing forward keeps the log and the base small") {
  SimulatedFiles files(1);
  Random random(7);
  const auto store = opened(files, optionsOf(5000));
  REQUIRE(store->begin(kStates).ok());
  std::uint64_t appended = 0;
  for (std::uint64_t number = 1; number <= 500; ++number) {
    const Epoch epoch = randomEpoch(random, number);
    for (const TaskSnapshot& task : epoch.tasks) appended += task.changes.size();
    REQUIRE(store->append(epoch).ok());
    REQUIRE(store->bringForward().ok());
    CHECK(store->logBytes() < 8000);
  }
  CHECK(appended > 100'000);
  CHECK(store->baseBytes() < 40'000);
}

TEST_CASE("A directory in use is refused, with the name of the job and since when") {
  SimulatedFiles files(1);
  CheckpointStore::Options options = optionsOf();
  options.openedAt = 1'765'535'400'000;
  auto store = opened(files, options);
  const Status second = CheckpointStore::open(files, optionsOf()).status();
  CHECK(absl::IsFailedPrecondition(second));
  CHECK(
      second.message() ==
      "the state directory jobs/state is in use: jobs/state/LOCK is locked by job 'counting' since "
      "2025-12-12T10:30:00.000Z (stop that job, or give this one a directory of its own)");
  store.reset();
  opened(files);
}

TEST_CASE("Directories that are not this job's are refused and left alone") {
  SimulatedFiles files(1);
  const auto refusal = [&](const CheckpointStore::Options& options) {
    std::vector<std::string> before;
    for (const std::string& path : files.paths()) before.push_back(files.contents(path));
    const Status status = CheckpointStore::open(files, options).status();
    CHECK(absl::IsFailedPrecondition(status));
    std::vector<std::string> after;
    for (const std::string& path : files.paths()) after.push_back(files.contents(path));
    return before == after ? std::string(status.message()) : "something was changed";
  };
  {
    const auto store = opened(files);
    REQUIRE(store->begin(kStates).ok());
  }
  CheckpointStore::Options options = optionsOf();
  options.jobName = "other";
  files.setContents("jobs/state/LOCK", "job 'other'");  // only the text of the lock may change
  CHECK(refusal(options) ==
        "jobs/state is the state directory of job 'counting', not of 'other' (give each job its "
        "own)");
  options = optionsOf();
  options.keyGroups = 16;
  files.setContents("jobs/state/LOCK", "job 'counting'");
  CHECK(refusal(options) ==
        "the state in jobs/state has 8 key groups, not 16 (the number is fixed for the life of the "
        "state)");
  options = optionsOf();
  options.directory = "jobs";
  files.setContents("jobs/notes.txt", "mine");
  CHECK(refusal(options) ==
        "jobs is not a state directory: it holds notes.txt and no MANIFEST (give a new or an empty "
        "directory)");
}

TEST_CASE("An epoch that met a full disk is not there, and may be tried again") {
  SimulatedFiles files(1);
  const auto store = opened(files);
  REQUIRE(store->begin(kStates).ok());
  REQUIRE(store->append(puts(1, "one")).ok());
  for (int attempt = 0; attempt < 3; ++attempt) {
    files.failAt(files.operations(), FileFault::kFullDisk);
    CHECK(absl::IsResourceExhausted(store->append(puts(2, "lost"))));
    CHECK(*entriesOf(*store) == Entries{{{1, 0, "key"}, "one"}});
  }
  REQUIRE(store->append(puts(2, "two")).ok());
  files.crash();
  const auto again = opened(files);
  CHECK(again->found().epoch.number == 2);
  CHECK(*entriesOf(*again) == Entries{{{1, 0, "key"}, "two"}});
}

TEST_CASE("A disk that is full for a time keeps the log and the base from nothing but growing") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    SimulatedFiles files(seed);
    Random random(seed);
    Model model;
    const auto store = opened(files, optionsOf(1000));
    REQUIRE(store->begin(kStates).ok());
    for (std::uint64_t number = 1; number <= 60; ++number) {
      const Epoch epoch = randomEpoch(random, number);
      const bool isFull = random.chance(0.3);
      if (isFull) files.setCapacity(random.below(10'000));
      Status appended = store->append(epoch);
      const Status forwarded = store->bringForward();
      CHECK((forwarded.ok() || absl::IsResourceExhausted(forwarded)));
      files.setCapacity(1 << 30);
      if (!appended.ok()) {
        CHECK(absl::IsResourceExhausted(appended));
        appended = store->append(epoch);
      }
      REQUIRE(appended.ok());
      model.apply(epoch);
      REQUIRE(*entriesOf(*store) == model.entries);
    }
  }
}

TEST_CASE("A failed sync is final: nothing is written after it") {
  SimulatedFiles files(1);
  const auto store = opened(files);
  REQUIRE(store->begin(kStates).ok());
  REQUIRE(store->append(puts(1, "one")).ok());
  files.failAt(files.operations(), FileFault::kSyncFails);
  const Status failed = store->append(puts(2, "two"));
  CHECK(absl::IsDataLoss(failed));
  const std::uint64_t operations = files.operations();
  CHECK(store->append(puts(2, "two")) == failed);
  CHECK(store->bringForward() == failed);
  CHECK(files.operations() == operations);
}

TEST_CASE("Epochs are appended and read while others are brought forward") {
  SimulatedFiles files(1);
  Random random(5);
  Model model;
  const auto store = opened(files, optionsOf(1000));
  REQUIRE(store->begin(kStates).ok());
  std::atomic<bool> isOver = false;
  Status forwarded;
  Status read;
  std::thread background([&] {
    while (!isOver && forwarded.ok()) forwarded = store->bringForward();
  });
  std::thread reader([&] {
    while (!isOver && read.ok()) read = entriesOf(*store).status();
  });
  bool isAppended = true;
  for (std::uint64_t number = 1; number <= 300 && isAppended; ++number) {
    const Epoch epoch = randomEpoch(random, number);
    isAppended = store->append(epoch).ok();
    model.apply(epoch);
  }
  isOver = true;
  background.join();
  reader.join();
  CHECK(isAppended);
  CHECK(forwarded.ok());
  CHECK(read.ok());
  CHECK(*entriesOf(*store) == model.entries);
}

TEST_CASE("Epochs come without holes, after begin") {
  SimulatedFiles files(1);
  const auto store = opened(files);
  CHECK(absl::IsInternal(store->append(puts(1, "one"))));
  REQUIRE(store->begin(kStates).ok());
  CHECK(absl::IsInternal(store->begin(kStates)));
  CHECK(absl::IsInternal(store->append(puts(2, "two"))));
  CHECK(store->append(puts(1, "one")).ok());
}

}  // namespace
}  // namespace millrace
