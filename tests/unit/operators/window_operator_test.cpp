// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <millrace/connectors/collection/collection.hpp>

#include "harness/node_operator.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using test::operatorOf;
using test::partitionerOf;
using testing::OperatorHarness;
using Lines = std::vector<std::string>;

struct Event {
  std::string key;
  int value = 0;
};
using Count = WindowResult<std::string, std::int64_t>;
using CountPartial = Partial<std::string, std::int64_t>;

// "a=3[0,10)" and the pane, unless it is the ordinary one.
std::string textOf(const Count& result) {
  std::string text = result.key + "=" + std::to_string(result.value) + "[" +
                     std::to_string(result.windowStart) + "," + std::to_string(result.windowEnd) +
                     ")";
  if (result.pane != Pane::kOnTime) text += std::string(paneName(result.pane));
  return text;
}
std::string textOfEvent(const Event& event) { return event.key + std::to_string(event.value); }

// count() over windows that `cut` makes of a keyed stream.
template <typename Cut>
OperatorHarness countsOver(Cut cut) {
  Pipeline pipeline("p");
  auto keyed =
      pipeline.source("in", collection(std::vector<Event>{}), noWatermarks()).keyBy(&Event::key);
  cut(keyed).aggregate("windows", count()).sink("out", discard());
  OperatorHarness harness(operatorOf(pipeline, "windows"));
  harness.unordered();
  harness.input<Event>().output<Count>("main", textOf).output<Event>("late", textOfEvent);
  return harness;
}

TEST_CASE("tumbling windows fire when the watermark has reached their last millisecond") {
  auto harness = countsOver([](auto& keyed) { return keyed.window(tumbling(10ms)); });
  harness.record(Event{"a", 1}, 0)
      .record(Event{"a", 2}, 9)
      .record(Event{"b", 3}, 9)
      .record(Event{"a", 4}, 10);
  harness.watermark(8)
      .watermark(9)
      .record(Event{"a", 5}, 9)
      .record(Event{"b", 6}, 10)
      .watermark(19)
      .end();
  REQUIRE(harness.run() ==
          Lines{"main: wm:8 a=2[0,10)@9 b=1[0,10)@9 wm:9 a=1[10,20)@19 b=1[10,20)@19 wm:19 end",
                "late: wm:8 wm:9 a5@9 wm:19 end", "counts: in 6, out 5, absorbed 5, late 1"});
}

TEST_CASE("late records that nobody reads are counted all the same") {
  Pipeline pipeline("p");
  pipeline.source("in", collection(std::vector<Event>{}), noWatermarks())
      .keyBy(&Event::key)
      .window(tumbling(10ms))
      .aggregate("windows", count())
      .sink("out", discard());
  OperatorHarness harness(operatorOf(pipeline, "windows"));
  harness.input<Event>().output<Count>("main", textOf).unreadOutput<Event>();
  harness.watermark(9).record(Event{"a", 1}, 5).end();
  REQUIRE(harness.run() == Lines{"main: wm:9 end", "counts: in 1, late 1"});
}

TEST_CASE("sliding windows overlap, and a record late for some of them is counted") {
  auto harness = countsOver([](auto& keyed) { return keyed.window(sliding(10ms, 5ms)); });
  harness.record(Event{"a", 1}, 7)
      .watermark(9)
      .record(Event{"a", 2}, 7)
      .watermark(14)
      .record(Event{"a", 3}, 7)
      .end();
  REQUIRE(harness.run() == Lines{"main: a=1[0,10)@9 wm:9 a=2[5,15)@14 wm:14 end",
                                 "late: wm:9 wm:14 a3@7 end",
                                 "counts: in 3, out 3, absorbed 2, late 1, latePartial 1"});
}

TEST_CASE("a record between windows that have gaps is filtered, not late") {
  auto harness = countsOver([](auto& keyed) { return keyed.window(sliding(2ms, 10ms)); });
  harness.record(Event{"a", 1}, 1).record(Event{"a", 2}, 5).end();
  REQUIRE(harness.run() == Lines{"main: a=1[0,2)end-of-input@1 end", "late: end",
                                 "counts: in 2, out 1, absorbed 1, filtered 1"});
}

TEST_CASE("an allowed-late record fires its window anew at once, until the window is let go") {
  auto harness =
      countsOver([](auto& keyed) { return keyed.window(tumbling(10ms)).allowedLateness(5ms); });
  harness.record(Event{"a", 1}, 3)
      .watermark(9)
      .record(Event{"a", 2}, 3)
      .record(Event{"b", 3}, 3)
      .watermark(13);
  harness.record(Event{"a", 4}, 9).watermark(14).record(Event{"a", 5}, 9).end();
  REQUIRE(
      harness.run() ==
      Lines{
          "main: a=1[0,10)@9 wm:9 a=2[0,10)late@9 b=1[0,10)late@9 wm:13 a=3[0,10)late@9 wm:14 end",
          "late: wm:9 wm:13 wm:14 a5@9 end", "counts: in 5, out 5, absorbed 4, late 1"});
}

TEST_CASE("a discarding window tells only what is new") {
  auto harness = countsOver(
      [](auto& keyed) { return keyed.window(tumbling(10ms)).allowedLateness(5ms).discarding(); });
  harness.record(Event{"a", 1}, 3)
      .record(Event{"a", 2}, 3)
      .watermark(9)
      .record(Event{"a", 3}, 3)
      .end();
  REQUIRE(harness.run().front() == "main: a=2[0,10)@9 wm:9 a=1[0,10)late@9 end");
}

TEST_CASE("early firing every n records counts per key and window") {
  auto harness = countsOver(
      [](auto& keyed) { return keyed.window(tumbling(10ms)).early(EarlyFiring::everyRecords(2)); });
  harness.record(Event{"a", 1}, 1)
      .record(Event{"b", 2}, 1)
      .record(Event{"a", 3}, 2)
      .record(Event{"a", 4}, 3)
      .watermark(9);
  harness.end();
  REQUIRE(harness.run().front() == "main: a=2[0,10)early@9 a=3[0,10)@9 b=1[0,10)@9 wm:9 end");
}

TEST_CASE("early firing in processing time tells what has changed at each tick") {
  auto harness = countsOver([](auto& keyed) {
    return keyed.window(tumbling(1h)).early(EarlyFiring::everyProcessingTime(10ms));
  });
  harness.record(Event{"a", 1}, 1)
      .clock(9)
      .watermark(1)
      .clock(10)
      .watermark(2)
      .clock(20)
      .watermark(3);
  harness.record(Event{"a", 2}, 1)
      .record(Event{"b", 3}, 1)
      .clock(35)
      .watermark(4)
      .clock(39)
      .watermark(5)
      .end();
  REQUIRE(harness.run().front() ==
          "main: wm:1 a=1[0,3600000)early@3599999 wm:2 wm:3 a=2[0,3600000)early@3599999 "
          "b=1[0,3600000)early@3599999 "
          "wm:4 wm:5 a=2[0,3600000)end-of-input@3599999 b=1[0,3600000)end-of-input@3599999 end");
}

TEST_CASE("early firing in event time goes with the watermark") {
  auto harness = countsOver([](auto& keyed) {
    return keyed.window(tumbling(100ms)).early(EarlyFiring::everyEventTime(10ms));
  });
  harness.watermark(0)
      .record(Event{"a", 1}, 1)
      .watermark(9)
      .watermark(10)
      .record(Event{"a", 2}, 15)
      .watermark(25);
  harness.watermark(29);
  harness.watermark(99).end();
  REQUIRE(harness.run().front() ==
          "main: wm:0 wm:9 a=1[0,100)early@99 wm:10 a=2[0,100)early@99 wm:25 wm:29 a=2[0,100)@99 "
          "wm:99 end");
}

TEST_CASE(
    "the first watermark is a tick of early firing only when one has passed since the first "
    "record") {
  const auto countsEvery10 = [] {
    return countsOver([](auto& keyed) {
      return keyed.window(tumbling(100ms)).early(EarlyFiring::everyEventTime(10ms));
    });
  };
  auto within = countsEvery10();
  within.record(Event{"a", 1}, 8).record(Event{"a", 2}, 1).watermark(9).watermark(10).end();
  REQUIRE(within.run().front() ==
          "main: wm:9 a=2[0,100)early@99 wm:10 a=2[0,100)end-of-input@99 end");
  auto beyond = countsEvery10();
  beyond.record(Event{"a", 1}, 18).record(Event{"a", 2}, 9).watermark(10).end();
  REQUIRE(beyond.run().front() == "main: a=2[0,100)early@99 wm:10 a=2[0,100)end-of-input@99 end");
}

TEST_CASE("cumulating windows tell the growing window every step") {
  auto harness = countsOver([](auto& keyed) { return keyed.window(cumulating(30ms, 10ms)); });
  harness.record(Event{"a", 1}, 5)
      .record(Event{"a", 2}, 15)
      .watermark(9)
      .watermark(19)
      .watermark(29)
      .end();
  REQUIRE(harness.run().front() ==
          "main: a=1[0,10)@9 wm:9 a=2[0,20)@19 wm:19 a=2[0,30)@29 wm:29 end");
}

TEST_CASE("sessions merge, fire once they are closed, and refuse what comes after") {
  auto harness = countsOver([](auto& keyed) { return keyed.window(session(10ms)); });
  harness.record(Event{"a", 1}, 0)
      .record(Event{"a", 2}, 20)
      .record(Event{"a", 3}, 10)
      .record(Event{"b", 4}, 3);
  harness.watermark(12).record(Event{"b", 5}, 2).watermark(29).record(Event{"a", 6}, 19).end();
  REQUIRE(harness.run() == Lines{"main: b=1[3,13)@12 wm:12 a=3[0,30)@29 wm:29 end",
                                 "late: wm:12 b5@2 wm:29 a6@19 end",
                                 "counts: in 6, out 4, absorbed 4, late 2"});
}

TEST_CASE("a global window with a count fires every n records of a key and keeps the rest") {
  auto harness = countsOver([](auto& keyed) { return keyed.window(global(2)); });
  for (int i = 0; i < 5; ++i) harness.record(Event{"a", i}, i);
  harness.record(Event{"b", 9}, 9).watermark(100).end();
  const std::string window =
      "[" + std::to_string(kMinTimestamp) + "," + std::to_string(kMaxTimestamp) + ")";
  const std::string result = "a=2" + window + "@" + std::to_string(kMaxTimestamp - 1);
  REQUIRE(harness.run() == Lines{"main: " + result + " " + result + " wm:100 end",
                                 "late: wm:100 end", "counts: in 6, out 2, absorbed 6, held 2"});
}

TEST_CASE("a global window without a count fires at the end of input, and not when stopped") {
  for (const bool drained : {true, false}) {
    auto harness = countsOver([](auto& keyed) { return keyed.window(global()); });
    harness.record(Event{"a", 1}, 1).record(Event{"a", 2}, 2).end(drained);
    REQUIRE(harness.run().back() ==
            (drained ? "counts: in 2, out 1, absorbed 2" : "counts: in 2, absorbed 2, held 2"));
  }
}

TEST_CASE("a stopped window operator fires nothing and tells what it holds") {
  auto harness = countsOver([](auto& keyed) { return keyed.window(tumbling(10ms)); });
  harness.record(Event{"a", 1}, 1).record(Event{"a", 2}, 11).watermark(9).end(false);
  REQUIRE(harness.run() == Lines{"main: a=1[0,10)@9 wm:9 stopped", "late: wm:9 stopped",
                                 "counts: in 2, out 1, absorbed 2, held 1"});
}

TEST_CASE("a firing of many keys goes out in pieces and is whole") {
  auto harness = countsOver([](auto& keyed) { return keyed.window(tumbling(10ms)); });
  for (int i = 0; i < 40; ++i) harness.record(Event{"k" + std::to_string(i), i}, 5);
  harness.watermark(9).end();
  REQUIRE(harness.run().back() == "counts: in 40, out 40, absorbed 40");
}

// Both halves of a combining shuffle.
template <typename Windows>
Pipeline combined(Windows windows) {
  Pipeline pipeline("p");
  pipeline.source("in", collection(std::vector<Event>{}), noWatermarks())
      .keyBy(&Event::key)
      .window(windows)
      .aggregate("windows", count())
      .sink("out", discard());
  return pipeline;
}

TEST_CASE(
    "a window operator puts partial results together and accounts for the records behind them") {
  const Pipeline pipeline = combined(sliding(10ms, 5ms));
  OperatorHarness harness(operatorOf(pipeline, "windows", 2));
  harness.workers(2).unordered();
  harness.input<CountPartial>()
      .input<CountPartial>(true)
      .output<Count>("main", textOf)
      .unreadOutput<Event>();
  harness.record(CountPartial{"a", 3, 3}, 5, 0)
      .record(CountPartial{"a", 4, 4}, 5, 1)
      .record(CountPartial{"b", 1, 1}, 0, 1);
  harness.watermark(9, 0)
      .watermark(9, 1)
      .record(CountPartial{"a", 1, 1}, 7, 0)
      .record(CountPartial{"a", 1, 1}, 3, 0);
  harness.end();
  REQUIRE(harness.run() ==
          Lines{"main: a=7[0,10)@9 b=1[-5,5)@4 b=1[0,10)@9 wm:9 a=8[5,15)end-of-input@14 end",
                "counts: in 10, out 4, absorbed 9, late 1, latePartial 1"});
}

// The partials between two marks added up, as their reader does: how they are cut depends on the
// run.
void addUp(std::vector<std::string>& section) {
  std::map<std::string, int> totals;
  for (const std::string& token : section) {
    const std::size_t equals = token.find('=');
    const std::size_t at = token.find('@');
    // A partial of one record may carry its own time; within a slice that is the same.
    const long slice = std::stol(token.substr(at + 1)) / 10 * 10;
    totals[token.substr(0, equals) + "@" + std::to_string(slice)] +=
        std::stoi(token.substr(equals + 1));
  }
  section.clear();
  for (const auto& [key, total] : totals) section.push_back(key + "=" + std::to_string(total));
}

TEST_CASE("the combining half sends all it holds before a watermark that completes a window") {
  const Pipeline pipeline = combined(tumbling(10ms));
  OperatorHarness harness(partitionerOf(pipeline, "windows", 1));
  const auto textOfPartial = [](const CountPartial& partial) {
    return partial.key + "=" + std::to_string(partial.records);
  };
  harness.normalise(addUp);
  harness.input<Event>().output<CountPartial>("0", textOfPartial);
  harness.watermark(-1);
  for (int i = 0; i < 10; ++i) harness.record(Event{"a", i}, i);
  harness.record(Event{"b", 1}, 12).watermark(3).watermark(8).watermark(9);
  harness.record(Event{"a", 2}, 2)
      .record(Event{"a", 3}, 13)
      .watermark(10)
      .watermark(14)
      .record(Event{"c", 1}, 22)
      .end();
  // Watermarks that complete nothing stay here.
  for (const testing::HarnessMode& mode : OperatorHarness::modes()) {
    REQUIRE(harness.run(mode).front() == "0: wm:-1 a@0=10 b@10=1 wm:9 a@0=1 a@10=1 c@20=1 end");
  }
}

TEST_CASE("what the combining half holds goes out when nothing more is waiting, and when stopped") {
  const Pipeline pipeline = combined(tumbling(10ms));
  for (const bool quietens : {true, false}) {
    OperatorHarness harness(partitionerOf(pipeline, "windows", 1));
    harness.input<Event>().output<CountPartial>("0", [](const CountPartial& partial) {
      return partial.key + "=" + std::to_string(partial.records);
    });
    harness.record(Event{"a", 1}, 1).record(Event{"a", 2}, 2);
    if (!quietens) harness.end(false);
    testing::HarnessMode mode;
    mode.inputBatch = 2;
    mode.quietens = quietens;
    REQUIRE(harness.run(mode).front() == (quietens ? "0: a=2@0" : "0: a=2@0 stopped"));
  }
}

}  // namespace
}  // namespace millrace
