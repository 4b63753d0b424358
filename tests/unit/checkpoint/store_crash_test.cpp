// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "unit/checkpoint/store_model.hpp"

namespace millrace {
namespace {

using namespace test;
using testing::FileFault;
using testing::SimulatedFiles;

constexpr std::uint64_t kSegmentBytes = 700;
constexpr std::uint64_t kEpochsOfARun = 6;

/// Runs a store against a plain model until something fails. What may be found after that is what
/// was committed, or what was about to be.
class Run {
 public:
  Run(SimulatedFiles& files, Model model, std::uint64_t seed)
      : files_(files), random_(seed), committed_(std::move(model)), attempted_(committed_) {}

  Status go() {
    MILLRACE_ASSIGN_OR_RETURN(const auto store,
                              CheckpointStore::open(files_, optionsOf(kSegmentBytes)));
    MILLRACE_RETURN_IF_ERROR(take(*store));
    MILLRACE_RETURN_IF_ERROR(begin(*store));
    for (std::uint64_t i = 0; i < kEpochsOfARun; ++i) {
      const Epoch epoch = randomEpoch(random_, committed_.epoch + 1, committed_.states.size());
      attempted_.apply(epoch);
      MILLRACE_RETURN_IF_ERROR(store->append(epoch));
      committed_ = attempted_;
      if (random_.chance(0.5)) MILLRACE_RETURN_IF_ERROR(store->bringForward());
    }
    return absl::OkStatus();
  }

  const Model& committed() const { return committed_; }

 private:
  Status begin(CheckpointStore& store) {
    std::vector<CataloguedState> states = {stateOf(0, "a"), stateOf(1, "b")};
    if (random_.chance(0.7)) states.push_back(stateOf(2, random_.chance(0.8) ? "c" : "d"));
    attempted_.begin(states);
    std::erase_if(attempted_.entries, [&](const auto& entry) {
      return std::get<1>(entry.first) == 2 && nameOfTwo(committed_) != nameOfTwo(attempted_);
    });
    MILLRACE_RETURN_IF_ERROR(store.begin(states));
    committed_ = attempted_;
    return absl::OkStatus();
  }

  static std::string nameOfTwo(const Model& model) {
    return model.states.size() < 3 ? "" : model.states[2].declaration.name;
  }

  // What was found is one of the two, whole.
  Status take(CheckpointStore& store) {
    const CheckpointSummary& found = store.found();
    const bool isCommitted =
        found.epoch.number == committed_.epoch && found.incarnation == committed_.incarnation;
    if (!isCommitted) committed_ = attempted_;
    attempted_ = committed_;
    MILLRACE_ASSIGN_OR_RETURN(const Entries entries, entriesOf(store));
    const bool isWhole =
        found.epoch.number == committed_.epoch && found.incarnation == committed_.incarnation &&
        found.states == committed_.states && entries == committed_.entries &&
        (found.epoch.number == 0 || found.epoch.tasks.at(0).state.position == committed_.position);
    return isWhole ? absl::OkStatus() : absl::OutOfRangeError("what was found was never committed");
  }

  SimulatedFiles& files_;
  Random random_;
  Model committed_;

 public:
  Model attempted_;
};

// One run, and how many file operations it takes.
std::uint64_t operationsOf(std::uint64_t seed) {
  SimulatedFiles files(seed);
  Run run(files, Model(), seed);
  REQUIRE(run.go().ok());
  return files.operations();
}

struct Story {
  std::uint64_t seed = 0;
  bool isKill = false;  // instead of a loss of power
};

// Runs on `files` again and again, disturbed by one fault at an operation each time; then in peace.
void tell(const Story& story, std::uint64_t firstFault, FileFault fault) {
  SimulatedFiles files(story.seed * 1'000'003 + firstFault);
  Random random(story.seed ^ firstFault);
  Model committed;
  Model attempted;
  files.failAt(firstFault, fault);
  for (int attempt = 0; attempt < 4; ++attempt) {
    Run run(files, committed, story.seed + static_cast<std::uint64_t>(attempt));
    run.attempted_ = attempted;
    const Status ended = run.go();
    INFO("seed " << story.seed << ", fault " << firstFault << ", attempt " << attempt << ": "
                 << ended);
    // A fault is told as what it was; nothing else may go wrong, and no damage be found.
    const auto says = [&](const char* part) {
      return ended.message().find(part) != absl::string_view::npos;
    };
    REQUIRE((ended.ok() || absl::IsResourceExhausted(ended) || says("the machine") ||
             says("Input/output error")));
    committed = run.committed();
    attempted = run.attempted_;
    story.isKill ? files.kill() : files.crash();
    if (attempt < 2) files.failAt(files.operations() + random.below(60), fault);
  }
}

TEST_CASE("After a loss of power at any operation what was committed is found, whole") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const std::uint64_t operations = operationsOf(seed);
    CHECK(operations > 60);
    for (std::uint64_t at = 0; at < operations; ++at) tell({seed}, at, FileFault::kCrash);
  }
}

TEST_CASE("After a kill at any operation what was committed is found, whole") {
  for (std::uint64_t seed = 5; seed <= 5; ++seed) {
    const std::uint64_t operations = operationsOf(seed);
    for (std::uint64_t at = 0; at < operations; ++at) tell({seed, true}, at, FileFault::kCrash);
  }
}

TEST_CASE("After an error of the disk at any operation what was committed is found, whole") {
  for (std::uint64_t seed = 7; seed <= 8; ++seed) {
    const std::uint64_t operations = operationsOf(seed);
    for (std::uint64_t at = 0; at < operations; ++at) {
      const bool isKill = (at + seed) % 2 == 0;
      tell({seed, isKill}, at, FileFault::kIoError);
      if (at % 4 == 0) tell({seed, isKill}, at, FileFault::kSyncFails);
      if (at % 4 == 0) tell({seed, isKill}, at, FileFault::kFullDisk);
    }
  }
}

}  // namespace
}  // namespace millrace
