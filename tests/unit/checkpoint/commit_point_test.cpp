// SPDX-License-Identifier: MIT
// A state directory whose epochs are committed elsewhere: what it does with the word it gets.
#include <catch2/catch.hpp>

#include "unit/checkpoint/store_model.hpp"

namespace millrace {
namespace {

using namespace test;
using testing::SimulatedFiles;

const std::vector<CataloguedState> kStates = {stateOf(0, "a")};

// Says what the test wants it to say.
class Oracle final : public CommitPoint {
 public:
  std::string describe() const override { return "the oracle"; }
  bool hasLastWord() const override { return decides; }
  StatusOr<EpochMark> takeOver(const RecordedEpochs& found) override {
    recorded = found;
    return answer;
  }
  void prepare(const EpochMark&) override {}
  Status commit(const EpochMark&) override { return okStatus(); }

  EpochMark answer;
  bool decides = true;
  RecordedEpochs recorded;
};

Epoch epochOf(std::uint64_t number, std::uint64_t incarnation = 1) {
  Epoch epoch;
  epoch.number = number;
  epoch.incarnation = incarnation;
  epoch.isCommittedElsewhere = true;
  TaskSnapshot task{"counts", 0, {"position " + std::to_string(number), ""}, {}};
  task.changes.put(
      StateId{0}, KeyGroup{1}, [](ByteWriter& out) { out.bytes("key"); },
      [&](ByteWriter& out) { out.bytes(std::to_string(number)); });
  epoch.tasks.push_back(std::move(task));
  return epoch;
}

StatusOr<std::unique_ptr<CheckpointStore>> open(SimulatedFiles& files, CommitPoint* point) {
  CheckpointStore::Options options = optionsOf();
  options.commitPoint = point;
  return CheckpointStore::open(files, options);
}

// A directory with epochs up to `confirmed` that count, and one more that is sealed alone.
void write(SimulatedFiles& files, std::uint64_t confirmed, bool sealsOneMore) {
  Oracle oracle;
  const auto store = open(files, &oracle);
  REQUIRE(store.ok());
  REQUIRE((*store)->begin(kStates).ok());
  for (std::uint64_t number = 1; number <= confirmed; ++number)
    REQUIRE((*store)->append(epochOf(number)).ok());
  if (sealsOneMore) REQUIRE((*store)->seal(epochOf(confirmed + 1)).ok());
  CHECK((*store)->found().epoch.number == 0);
}

std::string valueIn(CheckpointStore& store) {
  std::string value;
  REQUIRE(store
              .forEachEntry([&](StateId, KeyGroup, std::string_view, std::string_view bytes) {
                value = bytes;
                return okStatus();
              })
              .ok());
  return value;
}

std::string refusal(SimulatedFiles& files, CommitPoint* point) {
  const auto store = open(files, point);
  REQUIRE(absl::IsFailedPrecondition(store.status()));
  return std::string(store.status().message());
}

TEST_CASE("what is sealed counts when the commit point says so") {
  SimulatedFiles files(1);
  write(files, 2, true);
  Oracle oracle;
  oracle.answer = CheckpointStore::markOf(epochOf(3));
  const auto store = open(files, &oracle);
  REQUIRE(store.ok());
  CHECK(oracle.recorded.durable == 3);
  CHECK(oracle.recorded.acknowledged == 2);
  CHECK(oracle.recorded.incarnation == 1);
  CHECK((*store)->found().epoch.number == 3);
  CHECK(valueIn(**store) == "3");
}

TEST_CASE(
    "what is sealed is cut off when the commit point does not know it, and its number comes "
    "again") {
  SimulatedFiles files(1);
  write(files, 2, true);
  {
    Oracle oracle;
    oracle.answer = CheckpointStore::markOf(epochOf(2));
    const auto store = open(files, &oracle);
    REQUIRE(store.ok());
    CHECK((*store)->found().epoch.number == 2);
    CHECK((*store)->found().epoch.tasks[0].state.position == "position 2");
    CHECK(valueIn(**store) == "2");
    REQUIRE((*store)->begin(kStates).ok());
    REQUIRE((*store)->append(epochOf(3, 2)).ok());
    CHECK(valueIn(**store) == "3");
  }
  Oracle oracle;
  oracle.answer = CheckpointStore::markOf(epochOf(3, 2));
  CHECK((*open(files, &oracle))->found().epoch.incarnation == 2);
}

TEST_CASE("an epoch that is sealed alone is neither seen nor brought forward") {
  SimulatedFiles files(1);
  Oracle oracle;
  const auto store = *open(files, &oracle);
  REQUIRE(store->begin(kStates).ok());
  REQUIRE(store->append(epochOf(1)).ok());
  REQUIRE(store->seal(epochOf(2)).ok());
  REQUIRE(store->bringForward().ok());
  CHECK(valueIn(*store) == "1");
  CHECK(absl::IsInternal(store->seal(epochOf(3))));
  REQUIRE(store->confirm().ok());
  CHECK(valueIn(*store) == "2");
  CHECK(absl::IsInternal(store->confirm()));
}

TEST_CASE("a first epoch that was not committed leaves an empty state") {
  SimulatedFiles files(1);
  write(files, 0, true);
  Oracle oracle;
  const auto store = open(files, &oracle);
  REQUIRE(store.ok());
  CHECK((*store)->found().epoch.number == 0);
  CHECK(valueIn(**store).empty());
}

TEST_CASE("a commit point that remembers less than is known to be committed is refused") {
  SimulatedFiles files(1);
  write(files, 2, false);
  Oracle oracle;
  CHECK(refusal(files, &oracle).find("the oracle remembers nothing of this job") !=
        std::string::npos);
  oracle.answer = CheckpointStore::markOf(epochOf(1));
  CHECK(refusal(files, &oracle).find("epoch 1 as the last one committed") != std::string::npos);
  // Nothing was changed by that.
  oracle.answer = CheckpointStore::markOf(epochOf(2));
  CHECK(open(files, &oracle).ok());
}

TEST_CASE("a state directory that lacks what is committed is refused") {
  SimulatedFiles files(1);
  Oracle oracle;
  oracle.answer = EpochMark{7, 1, 1};
  CHECK(refusal(files, &oracle).find("holds no epoch") != std::string::npos);
  write(files, 2, true);
  CHECK(refusal(files, &oracle).find("ends with epoch 3") != std::string::npos);
}

TEST_CASE("a state directory with another epoch of that number is refused") {
  SimulatedFiles files(1);
  write(files, 2, true);
  Oracle oracle;
  oracle.answer = CheckpointStore::markOf(epochOf(3, 2));
  CHECK(refusal(files, &oracle).find("is not the one that the oracle remembers") !=
        std::string::npos);
}

TEST_CASE("without its commit point a job does not guess whether its last epoch counts") {
  SimulatedFiles files(1);
  write(files, 2, true);
  CHECK(refusal(files, nullptr).find("epoch 3") != std::string::npos);
}

TEST_CASE("without its commit point a job goes on where all is known to count") {
  SimulatedFiles files(1);
  write(files, 2, false);
  const auto store = open(files, nullptr);
  REQUIRE(store.ok());
  CHECK((*store)->found().epoch.number == 2);
}

// Epochs up to `last` that the directory itself has committed.
void writeDecidedHere(SimulatedFiles& files, std::uint64_t last) {
  const auto store = open(files, nullptr);
  REQUIRE(store.ok());
  REQUIRE((*store)->begin(kStates).ok());
  for (std::uint64_t number = 1; number <= last; ++number) {
    Epoch epoch = epochOf(number);
    epoch.isCommittedElsewhere = false;
    REQUIRE((*store)->append(epoch).ok());
  }
}

TEST_CASE(
    "a commit point that comes later goes on from what the directory has committed by itself") {
  SimulatedFiles files(1);
  writeDecidedHere(files, 2);
  Oracle oracle;
  {
    const auto store = open(files, &oracle);
    REQUIRE(store.ok());
    CHECK(oracle.recorded.acknowledged == 2);
    CHECK((*store)->found().epoch.number == 2);
    REQUIRE((*store)->begin(kStates).ok());
    REQUIRE((*store)->seal(epochOf(3, 2)).ok());
  }
  {
    // The first epoch with it was not committed.
    const auto store = open(files, &oracle);
    REQUIRE(store.ok());
    CHECK((*store)->found().epoch.number == 2);
    CHECK(valueIn(**store) == "2");
    REQUIRE((*store)->begin(kStates).ok());
    REQUIRE((*store)->append(epochOf(3, 3)).ok());
  }
  CHECK(refusal(files, &oracle).find("the oracle remembers nothing of this job") !=
        std::string::npos);
  oracle.answer = CheckpointStore::markOf(epochOf(3, 3));
  CHECK(open(files, &oracle).ok());
}

TEST_CASE(
    "a commit point without the last word takes what is durable, and leaves what another one has "
    "to decide") {
  SimulatedFiles files(1);
  writeDecidedHere(files, 2);
  Oracle oracle;
  oracle.decides = false;
  CHECK((*open(files, &oracle))->found().epoch.number == 2);
  SimulatedFiles others(1);
  write(others, 2, true);
  CHECK(refusal(others, &oracle).find("epoch 3") != std::string::npos);
}

TEST_CASE("a savepoint begins again where it was taken, whatever has been committed since") {
  SimulatedFiles files(1);
  {
    Oracle oracle;
    const auto store = *open(files, &oracle);
    REQUIRE(store->begin(kStates).ok());
    REQUIRE(store->append(epochOf(1)).ok());
    REQUIRE(store->writeSavepoint("saved").ok());
    REQUIRE(store->append(epochOf(2)).ok());
  }
  CheckpointStore::Options options = optionsOf();
  options.directory = "jobs/other";
  options.fromSavepoint = "saved";
  Oracle oracle;
  options.commitPoint = &oracle;
  oracle.answer = CheckpointStore::markOf(epochOf(2));
  {
    const auto store = CheckpointStore::open(files, options);
    INFO(store.status());
    REQUIRE(store.ok());
    CHECK(oracle.recorded.isFreshFromSavepoint);
    CHECK((*store)->found().epoch.number == 1);
    // It dies with its first epoch sealed and not committed.
    REQUIRE((*store)->begin(kStates).ok());
    REQUIRE((*store)->seal(epochOf(2, 2)).ok());
  }
  {
    const auto store = CheckpointStore::open(files, options);
    REQUIRE(store.ok());
    CHECK((*store)->found().epoch.number == 1);
    REQUIRE((*store)->begin(kStates).ok());
    REQUIRE((*store)->append(epochOf(2, 3)).ok());
  }
  // From here on it has epochs of its own, and the mark has to be theirs.
  CHECK(absl::IsFailedPrecondition(CheckpointStore::open(files, options).status()));
  oracle.answer = CheckpointStore::markOf(epochOf(2, 3));
  CHECK(CheckpointStore::open(files, options).ok());
}

}  // namespace
}  // namespace millrace
