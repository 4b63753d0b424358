// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <millrace/base/clock.hpp>
#include <millrace/operators/source_operator.hpp>
#include <millrace/operators/stateless.hpp>
#include <millrace/runtime/batch_pool.hpp>

#include "runtime/task.hpp"

namespace millrace {
namespace {

Batch* makeInts() { return new TypedBatch<int>; }
Batch* makeLetters() { return new TypedBatch<DeadLetter>; }

// An operator that notes its calls and does what it is told.
class Noting final : public Operator {
 public:
  struct Calls {
    std::vector<std::string> made;
    std::optional<Timestamp> deadline;
    int again = 0;  // times a firing asks to be called once more
    bool forwards = true;
    int snapshotPieces = 2;
    int pieces = 0;  // of the snapshot, still to be written
    std::size_t pieceBytes = 0;
    std::vector<std::size_t> limits;  // asked for
    std::optional<std::size_t> used;  // of memory over a base, told with each batch
  };
  explicit Noting(std::shared_ptr<Calls> calls) : calls_(std::move(calls)) {}

  Status open(OperatorContext& context) override {
    out_ = Emitter<int>(context.output(0));
    context_ = &context;
    return absl::OkStatus();
  }
  void onBatch(std::size_t input, BatchPtr& batch) override {
    if (calls_->used) {
      context_->stateBelow()->use(*calls_->used, 10);
      if (!context_->stateBelow()->hasRoom()) return note("no room");
    }
    note("batch of " + std::to_string(batch->size()) + " by " + std::to_string(input));
    auto& in = static_cast<TypedBatch<int>&>(*batch);
    for (BatchCursor i(in); !i.atEnd() && out_.ready(); ++i) out_.append(in.time(*i)) = in[*i];
  }
  Step onWatermark(Timestamp watermark) override {
    note("watermark " + std::to_string(watermark));
    return again();
  }
  bool forwardsWatermark(Timestamp) override { return calls_->forwards; }
  Step onQuiet() override {
    note("quiet");
    return again();
  }
  Timestamp nextDeadline() const override { return calls_->deadline.value_or(kMaxTimestamp); }
  Step onProcessingTime(Timestamp now) override {
    note("time " + std::to_string(now));
    const Step step = again();
    if (step == Step::kDone) calls_->deadline.reset();
    return step;
  }
  Step onBarrier() override {
    note("barrier");
    return again();
  }
  void beginSnapshot(TaskState& out) override {
    note("snapshot");
    out.prepared = std::to_string(calls_->made.size());
    calls_->pieces = calls_->snapshotPieces;
  }
  bool writeSnapshot(StateChanges& out, std::size_t limit) override {
    calls_->limits.push_back(limit);
    if (calls_->pieceBytes > 0) {
      const std::string bytes(calls_->pieceBytes, 'b');
      out.put(
          StateId{7}, KeyGroup{1}, [](ByteWriter& key) { key.bytes("k"); },
          [&](ByteWriter& value) { value.bytes(bytes); });
    }
    out.erase(StateId{7}, KeyGroup{1}, [](ByteWriter& key) { key.bytes("k"); });
    return --calls_->pieces > 0;
  }
  Step onEnd(bool drained) override {
    note(drained ? "end" : "stopped");
    return again();
  }

 private:
  void note(std::string call) { calls_->made.push_back(std::move(call)); }
  Step again() { return calls_->again-- > 0 ? Step::kAgain : Step::kDone; }

  const std::shared_ptr<Calls> calls_;
  OperatorContext* context_ = nullptr;
  Emitter<int> out_;
};

// A task with its channels in hand.
struct Bench {
  explicit Bench(std::unique_ptr<Operator> op, std::size_t inputs = 1,
                 std::size_t outputCapacity = 8, std::size_t batchSize = 2, bool isSource = false) {
    job.batchSize = batchSize;
    job.clock = &clock;
    task = std::make_unique<Task>(job, worker, "it", 0, 0, std::move(op),
                                  isSource ? Task::Role::kSource : Task::Role::kOperator);
    for (std::size_t i = 0; i < inputs; ++i) {
      in.push_back(std::make_unique<Channel>(8, nullptr, nullptr));
      task->addInput(in.back().get(), i, "input " + std::to_string(i));
    }
    out = std::make_unique<Channel>(outputCapacity, nullptr, nullptr);
    task->addOutput(&pool).connect(out.get());
    if (isSource) task->addOutput(&letters);
    REQUIRE(task->open().ok());
  }
  void send(std::size_t input, const std::vector<int>& values) {
    BatchPtr batch = pool.acquire();
    for (const int value : values) static_cast<TypedBatch<int>&>(*batch).append(value) = value;
    in[input]->push({std::move(batch), {}});
  }
  void send(std::size_t input, Mark mark) { in[input]->push({nullptr, mark}); }
  void run() {
    for (int i = 0; i < 1000; ++i) {
      if (!task->step()) return;
    }
    FAIL("the task never comes to rest");
  }
  // One item of the output: "1 2", "wm:5", "idle", "end"; "" when there is none.
  std::string take() {
    if (out->front() == nullptr) return "";
    const Item item = out->pop();
    if (item.batch == nullptr) {
      switch (item.mark.kind) {
        case Mark::Kind::kWatermark:
          return "wm:" + std::to_string(item.mark.time);
        case Mark::Kind::kIdle:
          return "idle";
        case Mark::Kind::kActive:
          return "active";
        case Mark::Kind::kBarrier:
          return "barrier:" + std::to_string(item.mark.barrier);
        case Mark::Kind::kEnd:
          return item.mark.isDrained ? "end" : "stopped";
      }
    }
    std::string text;
    const auto& batch = static_cast<const TypedBatch<int>&>(*item.batch);
    for (std::size_t i = 0; i < batch.size(); ++i)
      text += (i == 0 ? "" : " ") + std::to_string(batch[i]);
    return text;
  }
  std::vector<std::string> takeAll() {
    std::vector<std::string> all;
    for (std::string text = take(); !text.empty(); text = take()) all.push_back(text);
    return all;
  }

  ManualClock clock;
  JobContext job;
  WorkerContext worker;
  BatchPool pool{&makeInts};
  BatchPool letters{&makeLetters};
  std::vector<std::unique_ptr<Channel>> in;
  std::unique_ptr<Channel> out;
  std::unique_ptr<Task> task;
};

struct NotingBench : Bench {
  explicit NotingBench(std::size_t inputs = 1, std::size_t outputCapacity = 8)
      : NotingBench(std::make_shared<Noting::Calls>(), inputs, outputCapacity) {}
  NotingBench(std::shared_ptr<Noting::Calls> shared, std::size_t inputs, std::size_t outputCapacity)
      : Bench(std::make_unique<Noting>(shared), inputs, outputCapacity), calls(std::move(shared)) {}
  std::vector<std::string> made() { return std::exchange(calls->made, {}); }
  std::shared_ptr<Noting::Calls> calls;
};

using Texts = std::vector<std::string>;

TEST_CASE("a task passes records and marks on in the order they came") {
  NotingBench it;
  it.send(0, {1, 2, 3});
  it.send(0, Mark::watermark(5));
  it.send(0, {4});
  it.send(0, Mark::end(true));
  it.run();
  REQUIRE(it.takeAll() == Texts{"1 2", "3", "wm:5", "4", "end"});
  REQUIRE(it.made() == Texts{"batch of 3 by 0", "watermark 5", "batch of 1 by 0",
                             "watermark " + std::to_string(kMaxTimestamp), "end"});
  REQUIRE(it.task->isFinished());
}

// Takes snapshots in.
struct Snapshots final : SnapshotReceiver {
  struct Got {
    std::uint64_t epoch;
    TaskSnapshot snapshot;
    bool isLast;
  };
  void onSnapshot(std::size_t, std::uint64_t epoch, TaskSnapshot snapshot, bool isLast) override {
    got.push_back({epoch, std::move(snapshot), isLast});
  }
  std::vector<Got> got;
};

TEST_CASE("a barrier waits for all inputs, and what ran ahead of it waits with it") {
  NotingBench it(2);
  Snapshots snapshots;
  it.job.snapshots = &snapshots;
  it.send(0, {1});
  it.send(0, Mark::barrierNumber(1));
  it.send(0, {2});
  it.send(1, {3});
  it.run();
  REQUIRE(it.takeAll() == Texts{"1 3"});
  REQUIRE(snapshots.got.empty());
  it.send(1, Mark::barrierNumber(1));
  it.send(1, {4});
  it.run();
  const Texts after = it.takeAll();
  REQUIRE(after.at(0) == "barrier:1");
  REQUIRE(after.size() == 2);  // "2 4" or "4 2": inputs have no order among them
  REQUIRE(it.made() == Texts{"batch of 1 by 0", "batch of 1 by 1", "barrier", "snapshot",
                             "batch of 1 by 0", "batch of 1 by 1"});
  REQUIRE(snapshots.got.size() == 1);
  REQUIRE(snapshots.got[0].epoch == 1);
  REQUIRE(!snapshots.got[0].isLast);
  REQUIRE(snapshots.got[0].snapshot.operatorName == "it");
  REQUIRE(snapshots.got[0].snapshot.changes.count() == 2);
}

// Nothing is in it.
class EmptyStore final : public CheckpointStore {
 public:
  const CheckpointSummary& found() const override { return found_; }
  Status forEachEntry(const EntrySelection&, const EntryVisitor&) override {
    return absl::OkStatus();
  }
  Status begin(const std::vector<CataloguedState>&) override { return absl::OkStatus(); }
  Status seal(const Epoch&) override { return absl::OkStatus(); }
  Status confirm() override { return absl::OkStatus(); }
  Status bringForward(const std::function<void()>&) override { return absl::OkStatus(); }
  Status writeSavepoint(const std::string&) override { return absl::OkStatus(); }
  std::uint64_t logBytes() const override { return 0; }
  std::uint64_t baseBytes() const override { return 0; }

 private:
  CheckpointSummary found_;
};

// Over a base, with snapshots.
struct SpillingBench : NotingBench {
  SpillingBench() {
    job.snapshots = &snapshots;
    job.tables.store = &store;
    job.tables.limit = 800;
    job.tables.hurry = [this] { ++hurries; };
    job.tables.askForCheckpoint = [this] { ++checkpoints; };
  }
  Snapshots snapshots;
  EmptyStore store;
  int hurries = 0;
  int checkpoints = 0;
};

TEST_CASE("what waits in the log is hurried once a barrier where letting go does not help") {
  SpillingBench it;
  it.calls->used = 850;
  it.send(0, {1});
  it.send(0, {2});
  it.run();
  REQUIRE(it.hurries == 0);
  it.calls->used = 851;
  it.send(0, {3});
  it.send(0, {4});
  it.run();
  REQUIRE(it.hurries == 1);
  it.send(0, Mark::barrierNumber(1));
  it.send(0, {5});
  it.run();
  REQUIRE(it.hurries == 2);
  REQUIRE(it.checkpoints == 0);  // little has changed
}

TEST_CASE(
    "while there is more state than memory records wait for what has changed to be brought "
    "forward, or put off, and no longer") {
  for (const std::size_t used : {900U, 901U}) {
    SpillingBench it;
    it.calls->used = used;
    it.calls->snapshotPieces = 5;
    it.send(0, {1});
    it.send(0, Mark::barrierNumber(1));
    it.send(0, {2});
    it.run();
    const bool waits = used > 900;
    REQUIRE(it.snapshots.got.size() == 1);
    const Texts made = it.made();
    REQUIRE(made.front() == "batch of 1 by 0");  // no barrier was there before it
    REQUIRE(it.takeAll() == (waits ? Texts{"1", "barrier:1"} : Texts{"1", "barrier:1", "2"}));
    if (!waits) continue;
    REQUIRE(made.back() == "no room");
    it.job.tables.attended(1);
    it.run();
    REQUIRE(it.made().back() == "batch of 1 by 0");
    REQUIRE(it.takeAll() == Texts{"2"});
  }
}

TEST_CASE("a task that has ended takes none of the memory of the others") {
  SpillingBench it;
  it.calls->used = 500;
  it.job.tables.used = 100;  // others'
  it.job.tables.changed = 20;
  it.send(0, {1});
  it.run();
  REQUIRE(it.job.tables.used == 600);
  REQUIRE(it.job.tables.changed == 30);
  it.send(0, Mark::end(true));
  it.run();
  REQUIRE(it.task->isFinished());
  REQUIRE(it.job.tables.used == 100);
  REQUIRE(it.job.tables.changed == 20);
}

TEST_CASE("a snapshot is written in pieces that grow with it, so that it ends") {
  NotingBench it;
  Snapshots snapshots;
  it.job.snapshots = &snapshots;
  it.calls->pieceBytes = 8 << 20;
  it.send(0, Mark::barrierNumber(1));
  it.run();
  REQUIRE(it.calls->limits.size() == 2);
  REQUIRE(it.calls->limits[0] == 64 << 10);
  REQUIRE(it.calls->limits[1] >= it.calls->pieceBytes / 64);
}

TEST_CASE("an input that ends is not waited for by a barrier") {
  NotingBench it(2);
  Snapshots snapshots;
  it.job.snapshots = &snapshots;
  it.send(0, Mark::barrierNumber(1));
  it.send(1, {3});
  it.run();
  it.takeAll();
  it.send(1, Mark::end(true));
  it.send(0, Mark::end(true));
  it.run();
  REQUIRE(it.takeAll() == Texts{"barrier:1", "end"});
  REQUIRE(snapshots.got.size() == 2);
  REQUIRE(snapshots.got[0].epoch == 1);
  REQUIRE(!snapshots.got[0].isLast);
  // What came after the barrier belongs to the epoch that would have followed.
  REQUIRE(snapshots.got[1].epoch == 2);
  REQUIRE(snapshots.got[1].isLast);
  REQUIRE(it.task->isFinished());
}

TEST_CASE("a task that ends without a barrier hands in its last snapshot for the epoch under way") {
  NotingBench it;
  Snapshots snapshots;
  it.job.snapshots = &snapshots;
  it.send(0, Mark::end(false));
  while (!it.task->isFinished()) REQUIRE(it.task->step());
  REQUIRE(snapshots.got.size() == 1);
  REQUIRE(snapshots.got[0].epoch == 1);
  REQUIRE(snapshots.got[0].isLast);
}

TEST_CASE("what the operator sends before a barrier may take several steps, and goes before it") {
  NotingBench it(1, 1);
  Snapshots snapshots;
  it.job.snapshots = &snapshots;
  it.calls->again = 2;
  it.send(0, {1});
  it.send(0, Mark::barrierNumber(1));
  it.run();
  REQUIRE(it.takeAll() == Texts{"1"});
  REQUIRE(snapshots.got.empty());  // the output was full
  it.run();
  REQUIRE(it.takeAll() == Texts{"barrier:1"});
  REQUIRE(it.made() == Texts{"batch of 1 by 0", "barrier", "barrier", "barrier", "snapshot"});
  it.run();
  REQUIRE(snapshots.got.size() == 1);
}

TEST_CASE("counters go into snapshots, and an operator's tasks go on from their sum") {
  NotingBench it;
  Snapshots snapshots;
  it.job.snapshots = &snapshots;
  it.send(0, {1, 2, 3});
  it.send(0, Mark::barrierNumber(1));
  it.run();
  const std::string position = snapshots.got.at(0).snapshot.state.position;
  NotingBench other;
  const std::vector<std::string> positions = {position, position};
  REQUIRE(other.task->restore(positions, false).ok());
  REQUIRE(other.task->counters().in.value() == 0);
  REQUIRE(other.task->restore(positions, true).ok());
  REQUIRE(other.task->counters().in.value() == 6);
  REQUIRE(!other.task->restore(std::vector<std::string>{position.substr(0, 1)}, true).ok());
}

TEST_CASE("a stopped task is told so, and its watermark stays") {
  NotingBench it;
  it.send(0, Mark::watermark(5));
  it.send(0, Mark::end(false));
  it.run();
  REQUIRE(it.takeAll() == Texts{"wm:5", "stopped"});
  REQUIRE(it.made() == Texts{"watermark 5", "stopped"});
}

TEST_CASE("watermarks of several inputs reach the operator merged") {
  NotingBench it(2);
  it.send(0, Mark::watermark(5));
  it.run();
  REQUIRE(it.made().empty());
  REQUIRE(it.task->heldBackBy() == "input 1");
  it.send(1, Mark::watermark(3));
  it.send(1, Mark::watermark(9));
  it.run();
  REQUIRE(it.made() == Texts{"watermark 3", "watermark 5"});
  it.send(1, Mark::end(true));
  it.run();
  it.send(0, Mark::end(true));
  it.run();
  REQUIRE(it.takeAll() == Texts{"wm:3", "wm:5", "end"});
}

TEST_CASE("idleness is passed on when the last input has gone idle, after the highest watermark") {
  NotingBench it(2);
  it.send(0, Mark::watermark(9));
  it.send(1, Mark::watermark(3));
  it.send(1, Mark::idle());
  it.send(0, Mark::idle());
  it.run();
  REQUIRE(it.takeAll() == Texts{"wm:3", "wm:9", "idle"});
  it.send(1, Mark::active());
  it.run();
  REQUIRE(it.takeAll() == Texts{"active"});
  it.send(1, Mark::watermark(12));
  it.run();
  REQUIRE(it.takeAll() == Texts{"wm:12"});
}

TEST_CASE("a watermark the operator keeps back is not sent, and the next one is") {
  NotingBench it;
  it.calls->forwards = false;
  it.send(0, Mark::watermark(5));
  it.run();
  REQUIRE(it.takeAll().empty());
  it.calls->forwards = true;
  it.send(0, Mark::watermark(6));
  it.run();
  REQUIRE(it.takeAll() == Texts{"wm:6"});
}

TEST_CASE("an operator that asks for it is called again until it is done") {
  NotingBench it;
  it.calls->again = 2;
  it.send(0, Mark::watermark(5));
  it.run();
  REQUIRE(it.made() == Texts{"watermark 5", "watermark 5", "watermark 5"});
  it.calls->again = 1;
  it.send(0, Mark::end(false));
  it.run();
  REQUIRE(it.made() == Texts{"stopped", "stopped"});
  REQUIRE(it.takeAll() == Texts{"wm:5", "stopped"});
}

TEST_CASE("a deadline is met when the clock is there, and before the input that waits") {
  NotingBench it;
  it.calls->deadline = 100;
  it.worker.now = 99;
  it.run();
  REQUIRE(it.made().empty());
  REQUIRE(it.task->nextDeadline() == 100);
  it.worker.now = 100;
  it.send(0, {1});
  it.run();
  REQUIRE(it.made() == Texts{"time 100", "batch of 1 by 0"});
  REQUIRE(it.task->nextDeadline() == kMaxTimestamp);
}

TEST_CASE("quiet is said once after every bout of input, and not when nothing came") {
  NotingBench it;
  REQUIRE_FALSE(it.task->becomeQuiet());
  it.send(0, {1});
  it.run();
  REQUIRE(it.task->becomeQuiet());
  REQUIRE_FALSE(it.task->becomeQuiet());
  REQUIRE(it.made() == Texts{"batch of 1 by 0", "quiet"});
  it.send(0, Mark::watermark(1));
  it.run();
  REQUIRE(it.task->becomeQuiet());
}

TEST_CASE("records that wait in an open batch go out when nothing more comes") {
  NotingBench it;
  it.send(0, {1});
  it.run();
  REQUIRE(it.takeAll() == Texts{"1"});
}

TEST_CASE("a task takes its inputs in turn") {
  NotingBench it(2);
  for (int i = 0; i < 3; ++i) {
    it.send(0, {i});
    it.send(1, {10 + i});
  }
  it.run();
  REQUIRE(it.made() == Texts{"batch of 1 by 0", "batch of 1 by 1", "batch of 1 by 0",
                             "batch of 1 by 1", "batch of 1 by 0", "batch of 1 by 1"});
}

TEST_CASE("a task whose output is full rests, and goes on where it stopped when there is room") {
  NotingBench it(1, 1);
  it.send(0, {1, 2, 3, 4, 5, 6, 7});
  it.send(0, Mark::watermark(9));
  it.run();
  REQUIRE(it.task->stateName() == "waiting for room in its output");
  Texts all;
  for (int i = 0; i < 10; ++i) {
    if (const std::string text = it.take(); !text.empty()) all.push_back(text);
    it.run();
  }
  REQUIRE(all == Texts{"1 2", "3 4", "5 6", "7", "wm:9"});
}

TEST_CASE("an operator that passes whole batches on rests while its output is full") {
  const auto keepAll = [](const int&) { return true; };
  Bench it(std::make_unique<FilterOperator<int, decltype(keepAll)>>(keepAll), 1, 1);
  for (int i = 0; i < 3; ++i) it.send(0, {i});
  it.run();  // fails when the task says it got something done while it waits
  Texts all;
  for (int i = 0; i < 5; ++i) {
    if (const std::string text = it.take(); !text.empty()) all.push_back(text);
    it.run();
  }
  REQUIRE(all == Texts{"0", "1", "2"});
}

TEST_CASE("a task told to be quiet rests while its output is full") {
  NotingBench it(1, 1);
  it.send(0, {1, 2, 3});  // a full batch in the channel, and a record in the open one
  it.run();
  it.task->becomeQuiet();
  it.run();
  REQUIRE(it.take() == "1 2");
  it.run();
  REQUIRE(it.take() == "3");
}

// A source that plays what it is told.
class ToldSource final : public SourceOperator {
 public:
  struct Told {
    SourcePoll poll{SourcePoll::State::kQuiet, kMinTimestamp, false};
    std::vector<int> records;
    Timestamp deadline = kMaxTimestamp;
    int polls = 0;
  };
  explicit ToldSource(std::shared_ptr<Told> told) : told_(std::move(told)) {}
  Status open(OperatorContext& context) override {
    out_ = Emitter<int>(context.output(0));
    return absl::OkStatus();
  }
  SourcePoll poll() override {
    ++told_->polls;
    for (const int record : std::exchange(told_->records, {})) out_.append(record) = record;
    return told_->poll;
  }
  Timestamp nextDeadline() const override { return told_->deadline; }

 private:
  const std::shared_ptr<Told> told_;
  Emitter<int> out_;
};

struct SourceBench : Bench {
  explicit SourceBench(std::size_t outputCapacity = 8)
      : SourceBench(std::make_shared<ToldSource::Told>(), outputCapacity) {}
  SourceBench(std::shared_ptr<ToldSource::Told> shared, std::size_t outputCapacity)
      : Bench(std::make_unique<ToldSource>(shared), 0, outputCapacity, 2, true),
        told(std::move(shared)) {}
  std::shared_ptr<ToldSource::Told> told;
};

TEST_CASE("a source's records go before the watermark they have raised") {
  SourceBench it;
  it.told->records = {1};
  it.told->poll.watermark = 7;
  it.run();
  REQUIRE(it.takeAll() == Texts{"1", "wm:7"});
}

TEST_CASE("a source that goes idle says its last watermark first") {
  SourceBench it;
  it.told->poll.watermark = 7;
  it.run();
  it.told->poll.watermark = 9;
  it.told->poll.isIdle = true;
  it.run();
  REQUIRE(it.takeAll() == Texts{"wm:7", "wm:9", "idle"});
  it.told->poll.watermark = 12;
  it.told->poll.isIdle = false;
  it.run();
  REQUIRE(it.takeAll() == Texts{"active", "wm:12"});
}

TEST_CASE("a stopped source takes in nothing more and fires nothing") {
  SourceBench it;
  it.told->records = {1};
  it.told->poll.watermark = 7;
  it.run();
  it.told->records = {2};
  it.job.stopRequested.store(true);
  it.run();
  REQUIRE(it.takeAll() == Texts{"1", "wm:7", "stopped"});
  REQUIRE(it.task->isFinished());
}

TEST_CASE("a source is not asked while its output is full") {
  SourceBench it(1);
  it.told->records = {1, 2};
  it.run();
  it.told->records = {3, 4};
  it.run();
  const int polls = it.told->polls;
  it.told->records = {5};
  it.run();
  REQUIRE(it.told->polls == polls);
  REQUIRE(it.take() == "1 2");
  it.run();
  REQUIRE(it.told->polls == polls + 1);
}

TEST_CASE("a deadline that a full output keeps from being met does not keep the worker awake") {
  SourceBench it(1);
  it.told->records = {1, 2};
  it.run();
  it.told->records = {3, 4};
  it.run();
  it.told->deadline = 5;
  REQUIRE(it.task->nextDeadline() == kMaxTimestamp);
  it.take();
  it.run();
  REQUIRE(it.task->nextDeadline() == kMaxTimestamp);  // the next batch has taken the room
  it.take();
  REQUIRE(it.task->nextDeadline() == 5);
}

// Split 0 brings one record and falls silent; split 1 always has more.
class OneOfTwoSilent final : public SourceReader<int> {
 public:
  StatusOr<ReadState> read(SourceOutput<int>& out) override {
    const bool isFirst = next_ == 0;
    out.split(0);
    if (!isFirst) out.split(1);
    out.append(isFirst ? 1 : 100 + next_) = next_;
    ++next_;
    return ReadState::kMore;
  }

 private:
  int next_ = 0;
};

TEST_CASE("time in which a source waits for room is no silence of its splits") {
  Bench bench(std::make_unique<ReaderSource<int, ConnectorTimestamps>>(
                  std::make_unique<OneOfTwoSilent>(),
                  boundedOutOfOrderness(Duration(0)).withIdleness(Duration(30)),
                  ConnectorTimestamps{}, OnInvalid::kSkip),
              0, 2, 1, true);
  // The watermarks told while the task is stepped at `now`, with its output read or not.
  const auto stepAt = [&](Timestamp now, bool isRead) {
    bench.worker.now = now;
    std::string watermarks;
    for (int i = 0; i < 10; ++i) {
      bench.task->step();
      if (!isRead) continue;
      for (const std::string& text : bench.takeAll())
        watermarks += text.starts_with("wm") ? text + " " : "";
    }
    return watermarks;
  };
  stepAt(0, false);
  REQUIRE(bench.takeAll() == std::vector<std::string>{"0", "wm:0"});
  // It has waited for room ever since, which is far longer than the timeout.
  REQUIRE(stepAt(1'000, true).empty());
  REQUIRE(stepAt(1'029, true).empty());
  REQUIRE_FALSE(stepAt(1'030, true).empty());
}

}  // namespace
}  // namespace millrace
