// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <millrace/operators/source_operator.hpp>
#include <millrace/testing/operator_harness.hpp>

namespace millrace {
namespace {

using namespace std::chrono_literals;
using testing::HarnessMode;
using testing::OperatorHarness;
using Lines = std::vector<std::string>;

// What a scripted reader does, one thing after the other; it stops where it is told to wait, and
// goes on when the clock is there.
struct Act {
  enum class Kind { kRecord, kReject, kSplit, kEndSplit, kWait, kBytes, kFail, kEnd };
  Kind kind;
  Timestamp time = 0;  // kRecord: its event time; kWait: the wall clock to wait for
  int value = 0;       // also the number of a split or of bytes
};

Act record(int value, Timestamp time = kNoTimestamp) { return {Act::Kind::kRecord, time, value}; }
Act reject(int value) { return {Act::Kind::kReject, 0, value}; }
Act split(int index) { return {Act::Kind::kSplit, 0, index}; }
Act endSplit(int index) { return {Act::Kind::kEndSplit, 0, index}; }
Act waitFor(Timestamp now) { return {Act::Kind::kWait, now, 0}; }
Act readBytes(int bytes) { return {Act::Kind::kBytes, 0, bytes}; }
Act fail() { return {Act::Kind::kFail, 0, 0}; }
Act theEnd() { return {Act::Kind::kEnd, 0, 0}; }

class ScriptedReader final : public SourceReader<int> {
 public:
  explicit ScriptedReader(std::vector<Act> acts) : acts_(std::move(acts)) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    return absl::OkStatus();
  }

  StatusOr<ReadState> read(SourceOutput<int>& out) override {
    for (bool hasRecords = false; next_ < acts_.size(); ++next_) {
      const Act& act = acts_[next_];
      switch (act.kind) {
        case Act::Kind::kRecord:
          if (out.isFull()) return ReadState::kMore;
          out.append(act.time) = act.value;
          hasRecords = true;
          break;
        case Act::Kind::kReject:
          if (out.isFull()) return ReadState::kMore;
          out.reject("record " + std::to_string(act.value), "unreadable",
                     "#" + std::to_string(act.value));
          break;
        case Act::Kind::kSplit:
          if (hasRecords) return ReadState::kMore;  // one split a call
          out.split(static_cast<std::size_t>(act.value));
          break;
        case Act::Kind::kEndSplit:
          if (hasRecords) return ReadState::kMore;
          out.endSplit(static_cast<std::size_t>(act.value));
          break;
        case Act::Kind::kWait:
          if (context_->processingTime() < act.time) return ReadState::kQuiet;
          break;
        case Act::Kind::kBytes:
          out.countBytes(static_cast<std::size_t>(act.value));
          break;
        case Act::Kind::kFail:
          return absl::UnavailableError("the line is dead");
        case Act::Kind::kEnd:
          return hasRecords ? ReadState::kMore : ReadState::kEnd;
      }
    }
    return ReadState::kQuiet;
  }

  Timestamp nextDeadline() const override {
    return next_ < acts_.size() && acts_[next_].kind == Act::Kind::kWait ? acts_[next_].time
                                                                         : kMaxTimestamp;
  }

 private:
  const std::vector<Act> acts_;
  OperatorContext* context_ = nullptr;
  std::size_t next_ = 0;
};

std::string text(int n) { return std::to_string(n); }
std::string textOf(const DeadLetter& letter) {
  return letter.source + "|" + letter.position + "|" + letter.reason + "|" + letter.payload;
}

template <typename TimestampOf = ConnectorTimestamps>
OperatorHarness sourceOf(const std::vector<Act>& acts, const WatermarkStrategy& watermarks,
                         TimestampOf timestampOf = {}, OnInvalid onInvalid = OnInvalid::kSkip) {
  OperatorHarness harness([=] {
    return std::make_unique<ReaderSource<int, TimestampOf>>(std::make_unique<ScriptedReader>(acts),
                                                            watermarks, timestampOf, onInvalid);
  });
  harness.output<int>("main", text).output<DeadLetter>("dead", textOf);
  return harness;
}

// Watermarks follow batches, which differ from mode to mode: what stays is the last one of a run.
Lines inOneBatch(const OperatorHarness& harness) {
  HarnessMode mode;
  mode.outputBatch = 1024;
  return harness.run(mode);
}

TEST_CASE("a source's records keep the order and times they were read with") {
  auto harness = sourceOf({record(1, 10), record(2, 5), record(3, 20), theEnd()}, noWatermarks());
  REQUIRE(harness.run() == Lines{"main: 1@10 2@5 3@20 end", "dead: end", "counts: in 3, out 3"});
}

TEST_CASE("a batch raises the watermark, and the end raises it to the highest") {
  auto harness =
      sourceOf({record(1, 10), record(2, 5), record(3, 20), theEnd()}, boundedOutOfOrderness(4ms));
  REQUIRE(inOneBatch(harness).front() == "main: 1@10 2@5 3@20 wm:15 end");
  HarnessMode single;
  REQUIRE(harness.run(single).front() == "main: 1@10 wm:5 2@5 3@20 wm:15 end");
}

TEST_CASE("records that cannot be read are counted and become dead letters") {
  auto harness = sourceOf(
      {record(1, 1), reject(2), record(3, 3), reject(4), readBytes(100), theEnd()}, noWatermarks());
  REQUIRE(harness.run() ==
          Lines{"main: 1@1 3@3 end",
                "dead: operator|record 2|unreadable|#2@0 operator|record 4|unreadable|#4@0 end",
                "counts: in 4, out 4, invalid 2, bytesIn 100"});
}

TEST_CASE("dead letters that nobody reads are counted all the same") {
  OperatorHarness harness([] {
    return std::make_unique<ReaderSource<int, ConnectorTimestamps>>(
        std::make_unique<ScriptedReader>(
            std::vector<Act>{split(0), reject(1), record(2, 2), theEnd()}),
        noWatermarks(), ConnectorTimestamps{}, OnInvalid::kSkip);
  });
  harness.output<int>("main", text).unreadOutput<DeadLetter>();
  REQUIRE(harness.run() == Lines{"main: 2@2 end", "counts: in 2, out 1, invalid 1"});
}

TEST_CASE("many dead letters in a row wait for room as records do") {
  std::vector<Act> acts = {split(0)};
  for (int i = 0; i < 50; ++i) acts.push_back(reject(i));
  acts.push_back(theEnd());
  auto harness = sourceOf(acts, noWatermarks());
  REQUIRE(harness.run().back() == "counts: in 50, out 50, invalid 50");
}

TEST_CASE("a record without an event time is invalid, and the others keep their order") {
  const auto timeOf = [](const int& n) -> std::optional<Timestamp> {
    if (n % 2 == 0) return std::nullopt;
    return n * 100;
  };
  auto harness =
      sourceOf({split(0), record(2), record(1), record(4), record(3), record(6), theEnd()},
               noWatermarks(), timeOf);
  const std::string letter = "operator|record|it has no event time|@0";
  REQUIRE(harness.run() == Lines{"main: 1@100 3@300 end",
                                 "dead: " + letter + " " + letter + " " + letter + " end",
                                 "counts: in 5, out 5, invalid 3"});
}

TEST_CASE("a record that cannot be read fails the job where that is asked for") {
  auto harness = sourceOf({record(1, 1), reject(2), theEnd()}, noWatermarks(),
                          ConnectorTimestamps{}, OnInvalid::kFail);
  REQUIRE(harness.run() ==
          Lines{"failed: invalid record at record 2: unreadable (correct it, or let the source "
                "skip invalid records)"});
}

TEST_CASE("a reader that fails says why") {
  auto harness = sourceOf({record(1, 1), fail()}, noWatermarks());
  REQUIRE(harness.run() == Lines{"failed: the line is dead"});
}

TEST_CASE("the slowest split holds the watermark, and the end of a split lets go of it") {
  auto harness = sourceOf({split(0), split(1), record(1, 100), waitFor(1), split(0), record(2, 50),
                           waitFor(2), endSplit(0), waitFor(3), endSplit(1), theEnd()},
                          boundedOutOfOrderness(0ms));
  harness.clock(1).clock(2).clock(3);
  REQUIRE(harness.run().front() == "main: 1@100 2@50 wm:49 wm:99 end");
}

TEST_CASE("between two files time goes on from where it was") {
  auto harness = sourceOf({split(0), record(1, 100), endSplit(0), waitFor(1), split(1),
                           record(2, 200), waitFor(2), endSplit(1), theEnd()},
                          boundedOutOfOrderness(0ms));
  harness.clock(1).clock(2);
  REQUIRE(harness.run().front() == "main: 1@100 wm:99 idle 2@200 active wm:199 end");
}

TEST_CASE(
    "a silent source goes idle after the timeout, saying its highest watermark, and wakes with a "
    "record") {
  auto harness = sourceOf({split(0), split(1), split(0), record(1, 100), split(1), record(2, 50),
                           waitFor(40), record(3, 120), waitFor(50), theEnd()},
                          boundedOutOfOrderness(0ms).withIdleness(30ms));
  harness.clock(29).clock(30).clock(40).clock(50);
  REQUIRE(harness.run().front() == "main: 1@100 2@50 wm:49 wm:99 idle 3@120 active wm:119 end");
}

TEST_CASE("a source without a split is idle at once") {
  auto harness = sourceOf({waitFor(10), split(0), record(1, 5), waitFor(20), theEnd()},
                          boundedOutOfOrderness(0ms));
  harness.clock(10).clock(20);
  REQUIRE(harness.run().front() == "main: idle 1@5 active wm:4 end");
}

TEST_CASE("records dated in the future pass, are counted, and do not move time") {
  auto harness = sourceOf({record(1, 1'000'000), record(2, 50), theEnd()},
                          boundedOutOfOrderness(0ms).withFutureLimit(60ms));
  REQUIRE(inOneBatch(harness) == Lines{"main: 1@1000000 2@50 wm:49 end", "dead: wm:49 end",
                                       "counts: in 2, out 2, futureDated 1"});
}

TEST_CASE("a stopped source says so and reads nothing more") {
  auto harness =
      sourceOf({record(1, 10), waitFor(100), record(2, 20), theEnd()}, boundedOutOfOrderness(0ms));
  harness.end(false).clock(100);
  REQUIRE(harness.run() ==
          Lines{"main: 1@10 wm:9 stopped", "dead: wm:9 stopped", "counts: in 1, out 1"});
}

}  // namespace
}  // namespace millrace
