// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <chrono>
#include <vector>

#include <millrace/runtime/split_watermarks.hpp>

namespace millrace {
namespace {

using namespace std::chrono_literals;

// Reads records with these times from a split.
std::size_t read(SplitWatermarks& splits, std::size_t split, const std::vector<Timestamp>& times,
                 Timestamp now = 0) {
  TypedBatch<int> batch;
  for (const Timestamp time : times) batch.append(time) = 0;
  const std::size_t futureDated = splits.onBatch(split, batch, 0, now);
  splits.commit(split);
  return futureDated;
}

Timestamp watermarkAfter(Duration outOfOrderness, const std::vector<Timestamp>& times) {
  SplitWatermarks splits(boundedOutOfOrderness(outOfOrderness));
  read(splits, 0, times);
  return splits.merged();
}

TEST_CASE("the watermark is the highest time, less the out-of-orderness, less one") {
  REQUIRE(watermarkAfter(0ms, {10}) == 9);
  REQUIRE(watermarkAfter(5ms, {10}) == 4);
  REQUIRE(watermarkAfter(5ms, {7, 10, 3}) == 4);
  REQUIRE(watermarkAfter(5ms, {-10}) == -16);
  REQUIRE(watermarkAfter(5ms, {0}) == -6);
}

TEST_CASE("the watermark saturates at both ends of time") {
  REQUIRE(watermarkAfter(5ms, {}) == kMinTimestamp);
  REQUIRE(watermarkAfter(5ms, {kMinTimestamp + 3}) == kMinTimestamp);
  REQUIRE(watermarkAfter(Duration(kMaxTimestamp), {-5}) == kMinTimestamp);
  REQUIRE(watermarkAfter(Duration(kMaxTimestamp), {5}) < 0);
  // The very highest stands for the end of input, which records cannot say.
  REQUIRE(watermarkAfter(0ms, {kMaxTimestamp}) == kMaxTimestamp - 1);
}

TEST_CASE("a watermark never goes back") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms));
  read(splits, 0, {10});
  read(splits, 0, {5});
  REQUIRE(splits.merged() == 9);
}

TEST_CASE("a batch raises the watermark only when it is committed") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms));
  TypedBatch<int> batch;
  batch.append(10) = 0;
  splits.onBatch(0, batch, 0, 0);
  REQUIRE(splits.merged() == kMinTimestamp);
  REQUIRE(splits.batchMaximum() == 10);
  splits.commit(0);
  REQUIRE(splits.merged() == 9);
}

TEST_CASE("records before `from` have been seen already") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms));
  TypedBatch<int> batch;
  batch.append(99) = 0;
  batch.append(10) = 0;
  splits.onBatch(0, batch, 1, 0);
  splits.commit(0);
  REQUIRE(splits.merged() == 9);
}

TEST_CASE("the slowest split holds time back, and one announced without records does too") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms));
  splits.announce(0, 0);
  splits.announce(1, 0);
  read(splits, 0, {100});
  REQUIRE(splits.merged() == kMinTimestamp);
  read(splits, 1, {50});
  REQUIRE(splits.merged() == 49);
}

TEST_CASE("splits must be announced in order") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms));
  REQUIRE_THROWS_AS(splits.announce(1, 0), InternalError);
}

TEST_CASE("an instance without a split is idle") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms));
  REQUIRE(splits.isIdle());
  splits.announce(0, 0);
  REQUIRE_FALSE(splits.isIdle());
}

TEST_CASE("an instance whose splits have all ended is idle, and time does not jump to the end") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms));
  read(splits, 0, {100});
  splits.end(0);
  REQUIRE(splits.isIdle());
  REQUIRE(splits.merged() == 99);
  splits.announce(1, 0);
  REQUIRE_FALSE(splits.isIdle());
  read(splits, 1, {200});
  REQUIRE(splits.merged() == 199);
}

TEST_CASE("a split that has ended holds nothing back") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms));
  read(splits, 0, {100});
  read(splits, 1, {50});
  splits.end(1);
  REQUIRE(splits.merged() == 99);
  splits.end(1);
  splits.end(7);  // never announced
  REQUIRE_FALSE(splits.isIdle());
}

TEST_CASE("a split is idle when it has been silent for the timeout, to the millisecond") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms).withIdleness(30ms));
  splits.announce(0, 1000);
  splits.announce(1, 1000);
  read(splits, 0, {100}, 1000);
  read(splits, 1, {50}, 1000);
  REQUIRE(splits.nextDeadline() == 1030);
  splits.checkIdleness(1029);
  REQUIRE(splits.merged() == 49);
  read(splits, 0, {101}, 1029);
  splits.checkIdleness(1030);
  REQUIRE(splits.merged() == 100);
  REQUIRE_FALSE(splits.isIdle());
  REQUIRE(splits.nextDeadline() == 1059);
  splits.checkIdleness(1059);
  REQUIRE(splits.isIdle());
  REQUIRE(splits.nextDeadline() == kMaxTimestamp);
}

TEST_CASE("time that is passed over is no silence, and does not reach beyond now") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms).withIdleness(30ms));
  read(splits, 0, {100}, 1000);
  splits.passOver(1010, 1050);
  REQUIRE(splits.nextDeadline() == 1070);
  splits.checkIdleness(1069);
  REQUIRE_FALSE(splits.isIdle());
  splits.passOver(0, 1069);
  REQUIRE(splits.nextDeadline() == 1099);
  splits.passOver(1069, 1000);  // a clock that was set back
  REQUIRE(splits.nextDeadline() == 1099);
  splits.checkIdleness(1099);
  REQUIRE(splits.isIdle());
}

TEST_CASE("when the last split goes idle the maximum over all splits is the watermark") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms).withIdleness(30ms));
  splits.announce(0, 0);
  splits.announce(1, 0);
  read(splits, 0, {100}, 0);
  read(splits, 1, {50}, 0);
  REQUIRE(splits.merged() == 49);
  splits.checkIdleness(30);
  REQUIRE(splits.isIdle());
  REQUIRE(splits.merged() == 99);
}

TEST_CASE("a record wakes its split, which counts again once it has caught up") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms).withIdleness(30ms));
  read(splits, 0, {100}, 0);
  read(splits, 1, {50}, 0);
  read(splits, 0, {101}, 20);
  splits.checkIdleness(30);
  REQUIRE(splits.merged() == 100);
  read(splits, 1, {60}, 35);
  read(splits, 0, {200}, 35);
  REQUIRE(splits.merged() == 199);  // split 1 is behind: it does not hold time yet
  read(splits, 1, {250}, 36);
  read(splits, 0, {300}, 36);
  REQUIRE(splits.merged() == 249);
}

TEST_CASE("without a timeout a split is never idle") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms));
  read(splits, 0, {100}, 0);
  splits.checkIdleness(kMaxTimestamp);
  REQUIRE_FALSE(splits.isIdle());
  REQUIRE(splits.nextDeadline() == kMaxTimestamp);
}

TEST_CASE("a wall clock that is set back does not keep a silent split awake") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms).withIdleness(30ms));
  read(splits, 0, {100}, 1'000'000);
  splits.checkIdleness(500);
  REQUIRE_FALSE(splits.isIdle());
  splits.checkIdleness(530);
  REQUIRE(splits.isIdle());
}

TEST_CASE("a record dated beyond the future limit is counted and moves no time") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms).withFutureLimit(1h));
  const Timestamp hour = 3'600'000;
  REQUIRE(read(splits, 0, {10, hour, hour + 1, kMaxTimestamp}, 0) == 2);
  REQUIRE(splits.merged() == hour - 1);
  REQUIRE(read(splits, 0, {hour + 1}, 1) == 0);
  REQUIRE(splits.merged() == hour);
}

TEST_CASE("a batch of nothing but future records says nothing, and still wakes the split") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms).withFutureLimit(1ms).withIdleness(5ms));
  splits.announce(0, 0);
  splits.checkIdleness(5);
  REQUIRE(splits.isIdle());
  REQUIRE(read(splits, 0, {100}, 6) == 1);
  REQUIRE(splits.batchMaximum() == kMinTimestamp);
  REQUIRE(splits.merged() == kMinTimestamp);
  REQUIRE_FALSE(splits.isIdle());
}

TEST_CASE("without watermarks event time stands still") {
  SplitWatermarks splits(noWatermarks());
  read(splits, 0, {100});
  REQUIRE(splits.merged() == kMinTimestamp);
}

TEST_CASE("a shared split follows what all its readers have passed") {
  SplitWatermarks splits(boundedOutOfOrderness(5ms));
  TypedBatch<int> batch;
  batch.append(100) = 0;
  splits.onBatch(0, batch, 0, 0);
  splits.commitShared(0, 50);
  REQUIRE(splits.merged() == 44);
  splits.commitShared(0, kMinTimestamp);
  REQUIRE(splits.merged() == 44);
}

struct EveryTenth {
  Timestamp seen = kMinTimestamp;
  void onRecord(const int& value, Timestamp time) {
    if (value % 10 == 0) seen = time;
  }
  Timestamp watermark() const { return seen; }
};

TEST_CASE("a generator of the user's own decides, one for each split") {
  SplitWatermarks splits(customWatermarks<int>([] { return EveryTenth{}; }));
  TypedBatch<int> batch;
  batch.append(5) = 1;
  splits.onBatch(0, batch, 0, 0);
  splits.commit(0);
  REQUIRE(splits.merged() == kMinTimestamp);
  batch.append(7) = 20;
  batch.append(9) = 3;
  splits.onBatch(0, batch, 1, 0);
  REQUIRE(splits.merged() == 7);
  splits.announce(1, 0);
  splits.onBatch(0, batch, 1, 0);
  REQUIRE(splits.merged() == 7);
}

TEST_CASE(
    "a split with more to read is not idle, however long nothing comes; then its silence begins") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms).withIdleness(10ms));
  splits.announce(0, 0);
  splits.announce(1, 0);
  splits.setPending(0, true, 0);
  read(splits, 1, {500}, 0);
  splits.checkIdleness(100);
  CHECK_FALSE(splits.isIdle());
  CHECK(splits.merged() == kMinTimestamp);  // split 0 holds time back
  CHECK(splits.nextDeadline() == kMaxTimestamp);
  splits.setPending(0, false, 100);
  splits.checkIdleness(109);
  CHECK_FALSE(splits.isIdle());
  CHECK(splits.nextDeadline() == 110);
  splits.checkIdleness(110);
  CHECK(splits.isIdle());
  CHECK(splits.merged() == 499);
}

TEST_CASE("an idle split that turns out to have more is active again") {
  SplitWatermarks splits(boundedOutOfOrderness(0ms).withIdleness(10ms));
  splits.announce(0, 0);
  splits.checkIdleness(10);
  REQUIRE(splits.isIdle());
  splits.setPending(0, true, 20);
  CHECK_FALSE(splits.isIdle());
}

}  // namespace
}  // namespace millrace
