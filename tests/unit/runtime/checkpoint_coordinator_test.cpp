// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <millrace/base/clock.hpp>
#include <millrace/base/file_system.hpp>

#include "runtime/checkpoint_coordinator.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;

// A store in memory whose appends fail when they are told to.
class TestStore final : public CheckpointStore {
 public:
  const CheckpointSummary& found() const override { return found_; }
  Status forEachEntry(const EntrySelection&, const EntryVisitor&) override {
    return absl::OkStatus();
  }
  Status begin(const std::vector<CataloguedState>&) override { return absl::OkStatus(); }
  Status confirm() override { return absl::OkStatus(); }
  Status seal(const Epoch& epoch) override {
    log.push_back("append " + std::to_string(epoch.number));
    if (!failure.ok()) return failure;
    std::vector<std::string> tasks;
    for (const TaskSnapshot& task : epoch.tasks) {
      tasks.push_back(task.operatorName + "@" + task.state.position + "/" + task.state.prepared);
    }
    epochs.push_back({epoch.number, epoch.isFinal, epoch.isDrained, std::move(tasks)});
    return absl::OkStatus();
  }
  Status bringForward(const std::function<void()>&) override { return absl::OkStatus(); }
  Status writeSavepoint(const std::string&) override { return absl::OkStatus(); }
  std::uint64_t logBytes() const override { return 0; }
  std::uint64_t baseBytes() const override { return 0; }

  struct Appended {
    std::uint64_t number;
    bool isFinal;
    bool isDrained;
    std::vector<std::string> tasks;
  };
  CheckpointSummary found_;
  Status failure;
  std::vector<Appended> epochs;
  std::vector<std::string> log;
};

class TestCommitter final : public SinkCommitter {
 public:
  explicit TestCommitter(std::vector<std::string>& log) : log_(log) {}
  Status persist(FileSystem&, std::string_view prepared) const override {
    log_.push_back("persist " + std::string(prepared));
    return absl::OkStatus();
  }
  Status commit(FileSystem&, std::string_view prepared) const override {
    log_.push_back("commit " + std::string(prepared));
    return absl::OkStatus();
  }

 private:
  std::vector<std::string>& log_;
};

// Two tasks, a source and a sink.
struct Fixture {
  Fixture() {
    options.interval = 100ms;
    options.tolerableFailures = 1;
    make();
  }
  void make() {
    coordinator = std::make_unique<CheckpointCoordinator>(
        CheckpointCoordinator::Surroundings{&store,
                                            &posixFileSystem(),
                                            &clock,
                                            {{"sink", std::make_shared<TestCommitter>(store.log)}},
                                            2,
                                            [this](std::uint64_t barrier) { asked = barrier; },
                                            [this](std::uint64_t barrier) { committed = barrier; },
                                            [this](std::uint64_t barrier) { putOff = barrier; }},
        options);
  }
  void hand(std::size_t task, std::uint64_t barrier, std::string position,
            std::string prepared = "", bool isLast = false) {
    coordinator->onSnapshot(
        task, barrier,
        {task == 0 ? "source" : "sink", 0, {std::move(position), std::move(prepared)}, {}}, isLast);
  }
  Status step() { return coordinator->step(); }
  void due() {
    clock.advance(100ms);
    REQUIRE(step().ok());
  }

  ManualClock clock;
  TestStore store;
  CheckpointOptions options;
  std::unique_ptr<CheckpointCoordinator> coordinator;
  std::optional<std::uint64_t> asked;
  std::optional<std::uint64_t> committed;
  std::optional<std::uint64_t> putOff;
};

using Texts = std::vector<std::string>;

TEST_CASE("a checkpoint is taken when it is time, and committed when every task has handed in") {
  Fixture it;
  REQUIRE(it.step().ok());
  REQUIRE(!it.asked);
  it.due();
  REQUIRE(it.asked == 1);
  it.hand(0, 1, "p1");
  REQUIRE(it.step().ok());
  REQUIRE(it.store.epochs.empty());
  it.hand(1, 1, "q1", "file");
  REQUIRE(it.step().ok());
  REQUIRE(it.store.epochs.size() == 1);
  REQUIRE(it.store.epochs[0].number == 1);
  REQUIRE(it.store.epochs[0].tasks == Texts{"source@p1/", "sink@q1/file"});
  REQUIRE(it.store.log == Texts{"persist file", "append 1", "commit file"});
  REQUIRE(it.coordinator->counts().completed == 1);
}

TEST_CASE(
    "a commit that failed is tried again behind a new barrier, under its number, with all it "
    "held") {
  Fixture it;
  it.store.failure = absl::ResourceExhaustedError("the disk is full");
  it.due();
  it.hand(0, 1, "p1");
  it.hand(1, 1, "q1", "first");
  REQUIRE(it.step().ok());
  REQUIRE(it.coordinator->counts().failed == 1);
  REQUIRE(it.putOff == 1U);
  REQUIRE_FALSE(it.committed);
  REQUIRE(it.store.log == Texts{"persist first", "append 1"});
  it.store.failure = absl::OkStatus();
  it.due();
  REQUIRE(it.asked == 2);
  it.hand(0, 2, "p2");
  it.hand(1, 2, "q2", "second");
  REQUIRE(it.step().ok());
  REQUIRE(it.committed == 2U);
  REQUIRE(it.store.epochs.size() == 1);
  REQUIRE(it.store.epochs[0].number == 1);
  REQUIRE(it.store.epochs[0].tasks ==
          Texts{"source@/", "source@p2/", "sink@/first", "sink@q2/second"});
}

TEST_CASE("too many failures in a row fail the job, and a success begins a new row") {
  Fixture it;
  for (int round = 0; round < 3; ++round) {
    it.store.failure = round == 1 ? absl::OkStatus() : absl::UnavailableError("not now");
    it.due();
    it.hand(0, *it.asked, "p");
    it.hand(1, *it.asked, "q");
    REQUIRE(it.step().ok());
  }
  it.due();
  it.hand(0, *it.asked, "p");
  it.hand(1, *it.asked, "q");
  REQUIRE(it.step().code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("an error that does not pass fails the job at once") {
  Fixture it;
  it.store.failure = absl::DataLossError("the sync failed");
  it.due();
  it.hand(0, 1, "p");
  it.hand(1, 1, "q");
  REQUIRE(it.step().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("a checkpoint that takes too long counts as failed and is committed all the same") {
  Fixture it;
  it.options.timeout = 1s;
  it.make();
  it.due();
  it.hand(0, 1, "p1");
  it.clock.advance(1s);
  REQUIRE(it.step().ok());
  REQUIRE(it.coordinator->counts().failed == 1);
  it.hand(1, 1, "q1");
  REQUIRE(it.step().ok());
  REQUIRE(it.store.epochs.size() == 1);
}

TEST_CASE("what a task does after the barrier under way waits for the epoch behind it") {
  Fixture it;
  it.due();
  it.hand(0, 1, "p1");
  it.hand(0, 2, "end", "", true);
  it.hand(1, 1, "q1");
  REQUIRE(it.step().ok());
  REQUIRE(it.store.epochs[0].tasks == Texts{"source@p1/", "sink@q1/"});
  REQUIRE(!it.store.epochs[0].isFinal);
  it.due();
  it.hand(1, 2, "q2");
  REQUIRE(it.step().ok());
  REQUIRE(it.store.epochs[1].tasks == Texts{"source@end/", "sink@q2/"});
  it.due();
  it.hand(1, 3, "q3");
  REQUIRE(it.step().ok());
  // The place where a finished source stands is told in every epoch.
  REQUIRE(it.store.epochs[2].tasks == Texts{"source@end/", "sink@q3/"});
}

TEST_CASE("when all tasks have finished what is left becomes the last epoch, at once") {
  for (const bool isStopped : {false, true}) {
    Fixture it;
    if (isStopped) it.coordinator->noteStoppedInput();
    it.due();
    it.hand(0, 1, "p1");
    it.hand(1, 1, "end", "file", true);
    it.hand(0, 2, "end", "", true);
    REQUIRE(it.step().ok());
    REQUIRE(it.coordinator->isDone());
    REQUIRE(it.store.epochs.size() == 1);
    REQUIRE(it.store.epochs[0].isFinal);
    REQUIRE(it.store.epochs[0].isDrained == !isStopped);
    REQUIRE(it.store.epochs[0].tasks == Texts{"source@/", "source@end/", "sink@end/file"});
  }
}

TEST_CASE("a checkpoint can be asked for, and the pause after one is kept") {
  Fixture it;
  it.options.minimumPause = 300ms;
  it.make();
  it.coordinator->request();
  REQUIRE(it.step().ok());
  REQUIRE(it.asked == 1);
  it.clock.advance(200ms);
  it.hand(0, 1, "p");
  it.hand(1, 1, "q");
  REQUIRE(it.step().ok());
  it.clock.advance(200ms);
  REQUIRE(it.step().ok());
  REQUIRE(it.asked == 1);
  it.clock.advance(100ms);
  REQUIRE(it.step().ok());
  REQUIRE(it.asked == 2);
}

}  // namespace
}  // namespace millrace
