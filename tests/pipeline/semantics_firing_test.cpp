// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <chrono>

#include "pipeline/counted.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace test;

TEST_CASE("a window holds its start and not its end") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)); });
  for (const Timestamp time : {0, 9, 10}) it.tick(time);
  it.in.end();
  REQUIRE(it.out() == Texts{"k=1 [10,20) end-of-input", "k=2 [0,10) end-of-input"});
}

TEST_CASE("windows of negative times are cut as those of positive ones") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)); });
  for (const Timestamp time : {-1, -10, -11}) it.tick(time);
  it.watermark(-1);
  REQUIRE(it.out() == Texts{"k=1 [-20,-10)", "k=2 [-10,0)"});
}

TEST_CASE("an offset shifts windows, in either direction") {
  for (const auto offset : {3ms, -7ms}) {
    Counted it([=](auto keyed) { return keyed.window(tumbling(10ms, offset)); });
    for (const Timestamp time : {2, 3, 12}) it.tick(time);
    it.watermark(100);
    REQUIRE(it.out() == Texts{"k=1 [-7,3)", "k=2 [3,13)"});
  }
}

TEST_CASE("a window fires when the watermark is its last millisecond, and not before") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)); });
  it.tick(5);
  it.watermark(8);
  REQUIRE(it.out().empty());
  it.watermark(9);
  REQUIRE(it.out() == Texts{"k=1 [0,10)"});
  it.watermark(10);
  it.in.end();
  REQUIRE(it.out().empty());
}

TEST_CASE("an empty window yields nothing") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)); });
  it.tick(5);
  it.tick(35);
  it.watermark(100);
  REQUIRE(it.out() == Texts{"k=1 [0,10)", "k=1 [30,40)"});
}

TEST_CASE("sliding windows begin at every slide") {
  Counted it([](auto keyed) { return keyed.window(sliding(10ms, 4ms)); });
  it.tick(9);
  it.watermark(100);
  REQUIRE(it.out() == Texts{"k=1 [0,10)", "k=1 [4,14)", "k=1 [8,18)"});
}

TEST_CASE(
    "with a slide longer than the size there are gaps, and what falls into them is no window's") {
  Counted it([](auto keyed) { return keyed.window(sliding(4ms, 10ms)); });
  for (const Timestamp time : {3, 4, 9, 10}) it.tick(time);
  it.watermark(100);
  REQUIRE(it.out() == Texts{"k=1 [0,4)", "k=1 [10,14)"});
  REQUIRE(it.counts().filtered == 2);
  REQUIRE(it.counts().late == 0);
}

TEST_CASE("a cumulating window is told every step while it grows, and begins anew") {
  Counted it([](auto keyed) { return keyed.window(cumulating(30ms, 10ms)); });
  for (const Timestamp time : {1, 11, 31}) it.tick(time);
  it.watermark(100);
  REQUIRE(it.out() == Texts{"k=1 [0,10)", "k=1 [30,40)", "k=1 [30,50)", "k=1 [30,60)", "k=2 [0,20)",
                            "k=2 [0,30)"});
}

TEST_CASE("a calendar day with a clock change has 23 or 25 hours") {
  Counted it(
      [](auto keyed) { return keyed.window(calendar(CalendarUnit::kDay, "Europe/Berlin")); });
  const Timestamp hour = 3'600'000;
  const Timestamp spring = 1'774'738'800'000;  // 2026-03-29T00:00+01:00, summer time begins
  const Timestamp autumn = 1'792'879'200'000;  // 2026-10-25T00:00+02:00, it ends
  it.tick(spring);
  it.tick(spring + 23 * hour - 1);
  it.tick(spring + 23 * hour);
  it.tick(autumn);
  it.tick(autumn + 25 * hour - 1);
  it.in.end();
  const auto window = [&](int count, Timestamp start, Timestamp hours) {
    return "k=" + std::to_string(count) + " [" + std::to_string(start) + "," +
           std::to_string(start + hours * hour) + ") end-of-input";
  };
  Texts expected = {window(2, spring, 23), window(1, spring + 23 * hour, 24),
                    window(2, autumn, 25)};
  std::sort(expected.begin(), expected.end());
  REQUIRE(it.out() == expected);
}

TEST_CASE("calendar weeks begin on Monday and months on the first") {
  const Timestamp day = 86'400'000;
  const Timestamp monday = 1'767'571'200'000;  // 2026-01-05
  Counted weeks([](auto keyed) { return keyed.window(calendar(CalendarUnit::kWeek)); });
  weeks.tick(monday - 1);
  weeks.tick(monday);
  weeks.tick(monday + 7 * day - 1);
  weeks.watermark(monday + 7 * day - 1);
  Texts expected = {
      "k=1 [" + std::to_string(monday - 7 * day) + "," + std::to_string(monday) + ")",
      "k=2 [" + std::to_string(monday) + "," + std::to_string(monday + 7 * day) + ")"};
  REQUIRE(weeks.out() == expected);
  Counted months([](auto keyed) { return keyed.window(calendar(CalendarUnit::kMonth)); });
  months.tick(monday);
  months.watermark(monday + 100 * day);
  REQUIRE(months.out() == Texts{"k=1 [" + std::to_string(monday - 4 * day) + "," +
                                std::to_string(monday + 27 * day) + ")"});
}

TEST_CASE("events exactly the gap apart are one session, and a millisecond more makes two") {
  Counted it([](auto keyed) { return keyed.window(session(10ms)); });
  it.tick(0);
  it.tick(10);
  it.tick(21);
  it.watermark(100);
  REQUIRE(it.out() == Texts{"k=1 [21,31)", "k=2 [0,20)"});
}

TEST_CASE("an event between two sessions that touches both makes them one") {
  Counted it([](auto keyed) { return keyed.window(session(10ms)); });
  it.tick(0);
  it.tick(15);
  it.tick(8);
  it.watermark(24);
  REQUIRE(it.out() == Texts{"k=3 [0,25)"});
}

TEST_CASE("an event at exactly last + gap joins the session before the watermark has closed it") {
  Counted it([](auto keyed) { return keyed.window(session(10ms)); });
  it.tick(0);
  it.watermark(8);
  it.tick(10);
  it.watermark(100);
  REQUIRE(it.out() == Texts{"k=2 [0,20)"});
}

TEST_CASE(
    "an event at exactly last + gap opens a session of its own after the watermark has closed the "
    "first") {
  Counted it([](auto keyed) { return keyed.window(session(10ms)); });
  it.tick(0);
  it.watermark(9);
  REQUIRE(it.out() == Texts{"k=1 [0,10)"});
  it.tick(10);
  it.watermark(100);
  REQUIRE(it.out() == Texts{"k=1 [10,20)"});
  REQUIRE(it.counts().late == 0);
}

TEST_CASE("merging a closed session is late") {
  Counted it([](auto keyed) { return keyed.window(session(10ms)); });
  it.tick(0);
  it.watermark(15);
  it.tick(5);
  REQUIRE(it.late() == Times{5});
  it.tick(7);  // would last until 17, which is open
  it.watermark(100);
  REQUIRE(it.out() == Texts{"k=1 [0,10)", "k=1 [7,17)"});
}

TEST_CASE("a session extended before its allowed lateness is over fires again") {
  Counted it([](auto keyed) { return keyed.window(session(10ms)).allowedLateness(5ms); });
  it.tick(0);
  it.watermark(10);
  REQUIRE(it.out() == Texts{"k=1 [0,10)"});
  it.tick(8);
  REQUIRE(it.out().empty());  // it ends at 18 now, beyond the watermark
  it.watermark(17);
  REQUIRE(it.out() == Texts{"k=2 [0,18)"});
  it.tick(3);
  REQUIRE(it.out() == Texts{"k=3 [0,18) late"});
}

TEST_CASE(
    "a global window with a count fires every so many records of a key, and never for the rest") {
  Counted it([](auto keyed) { return keyed.window(global(3)); });
  for (int i = 0; i < 7; ++i) it.tick(i);
  REQUIRE(it.out().size() == 2);
  it.in.end();
  REQUIRE(it.out().empty());
  REQUIRE(it.counts().held == 1);
}

TEST_CASE("a global window without a count fires at the end of input") {
  Counted it([](auto keyed) { return keyed.window(global()); });
  it.tick(1);
  it.tick(1'000'000);
  it.watermark(2'000'000);
  REQUIRE(it.out().empty());
  it.in.end();
  const Texts out = it.out();
  REQUIRE(out.size() == 1);
  REQUIRE_THAT(out[0], Catch::StartsWith("k=2 ") && Catch::EndsWith(" end-of-input"));
}

TEST_CASE("a record whose window has been let go is late: counted, and given to the late output") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)); });
  it.watermark(9);
  it.tick(9);
  it.tick(10);
  REQUIRE(it.late() == Times{9});
  REQUIRE(it.counts().late == 1);
  REQUIRE(it.counts().absorbed == 1);
}

TEST_CASE("a record behind the watermark whose window is still open is not late") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)); });
  it.watermark(8);
  it.tick(3);
  it.watermark(9);
  REQUIRE(it.out() == Texts{"k=1 [0,10)"});
  REQUIRE(it.counts().late == 0);
}

TEST_CASE("a record late for some of its sliding windows is counted, and is in the others") {
  Counted it([](auto keyed) { return keyed.window(sliding(10ms, 5ms)); });
  it.watermark(9);
  it.tick(7);
  it.watermark(14);
  REQUIRE(it.out() == Texts{"k=1 [5,15)"});
  REQUIRE(it.counts().latePartial == 1);
  REQUIRE(it.counts().late == 0);
  REQUIRE(it.late().empty());
}

TEST_CASE("an allowed-late record fires its window again at once, with everything") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)).allowedLateness(5ms); });
  it.tick(1);
  it.watermark(9);
  REQUIRE(it.out() == Texts{"k=1 [0,10)"});
  it.watermark(13);
  it.tick(2);
  REQUIRE(it.out() == Texts{"k=2 [0,10) late"});
  it.watermark(14);  // its last millisecond and the lateness
  it.tick(3);
  REQUIRE(it.out().empty());
  REQUIRE(it.late() == Times{3});
}

TEST_CASE("a first record that is allowed late makes a late pane of its own") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)).allowedLateness(5ms); });
  it.watermark(9);
  it.tick(1);
  REQUIRE(it.out() == Texts{"k=1 [0,10) late"});
}

TEST_CASE("an endless allowed lateness lets nothing go") {
  Counted it([](auto keyed) {
    return keyed.window(tumbling(10ms)).allowedLateness(Duration(kMaxTimestamp));
  });
  it.tick(1);
  it.watermark(1'000'000);
  it.tick(2);
  REQUIRE(it.out() == Texts{"k=1 [0,10)", "k=2 [0,10) late"});
}

TEST_CASE("a discarding pane tells what came since the pane before") {
  Counted it(
      [](auto keyed) { return keyed.window(tumbling(10ms)).allowedLateness(5ms).discarding(); });
  it.tick(1);
  it.tick(2);
  it.watermark(9);
  it.tick(3);
  REQUIRE(it.out() == Texts{"k=1 [0,10) late", "k=2 [0,10)"});
}

TEST_CASE("an early pane every n records is followed by the one on time") {
  Counted it(
      [](auto keyed) { return keyed.window(tumbling(10ms)).early(EarlyFiring::everyRecords(2)); });
  it.tick(1);
  REQUIRE(it.out().empty());
  it.tick(2);
  REQUIRE(it.out() == Texts{"k=2 [0,10) early"});
  it.tick(3);
  it.watermark(9);
  REQUIRE(it.out() == Texts{"k=3 [0,10)"});
}

TEST_CASE("an early pane every so often in processing time tells the keys that have changed") {
  Counted it([](auto keyed) {
    return keyed.window(tumbling(1min)).early(EarlyFiring::everyProcessingTime(1s));
  });
  it.tick(1, "a");
  it.tick(1, "b");
  it.driver.advanceClock(999ms);
  REQUIRE(it.out().empty());
  it.driver.advanceClock(1ms);
  REQUIRE(it.out() == Texts{"a=1 [0,60000) early", "b=1 [0,60000) early"});
  it.tick(2, "b");
  it.driver.advanceClock(1s);
  REQUIRE(it.out() == Texts{"b=2 [0,60000) early"});
  it.driver.advanceClock(10s);
  REQUIRE(it.out().empty());
  it.watermark(59'999);
  REQUIRE(it.out() == Texts{"a=1 [0,60000)", "b=2 [0,60000)"});
}

TEST_CASE("an early pane every so often in event time comes with the watermark") {
  Counted it([](auto keyed) {
    return keyed.window(tumbling(100ms)).early(EarlyFiring::everyEventTime(10ms));
  });
  it.watermark(0);
  it.tick(1);
  it.watermark(9);
  REQUIRE(it.out().empty());
  it.watermark(10);
  REQUIRE(it.out() == Texts{"k=1 [0,100) early"});
  it.watermark(25);
  REQUIRE(it.out().empty());  // nothing new
  it.watermark(99);
  REQUIRE(it.out() == Texts{"k=1 [0,100)"});
}

TEST_CASE("sessions have early panes too") {
  Counted it([](auto keyed) {
    return keyed.window(session(1s)).early(EarlyFiring::everyProcessingTime(100ms));
  });
  it.tick(5);
  it.driver.advanceClock(100ms);
  REQUIRE(it.out() == Texts{"k=1 [5,1005) early"});
  it.tick(10);
  it.in.end();
  REQUIRE(it.out() == Texts{"k=2 [5,1010) end-of-input"});
}

TEST_CASE("at the end of input every open window fires, and those panes say so") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)); });
  it.tick(1);
  it.watermark(9);
  it.tick(15);
  it.in.end();
  REQUIRE(it.out() == Texts{"k=1 [0,10)", "k=1 [10,20) end-of-input"});
  REQUIRE(it.counts().held == 0);
}

TEST_CASE("stopping is not an end: nothing fires early, and what is held is told") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)); });
  it.tick(1);
  it.driver.stop();
  REQUIRE(it.out().empty());
  REQUIRE(it.counts().held == 1);
}

TEST_CASE(
    "a window operator behind another sees results at the last millisecond of their windows") {
  Pipeline pipeline("twice");
  pipeline.source("in", collection(std::vector<Tick>{}), noWatermarks())
      .keyBy(&Tick::key)
      .window(tumbling(10ms))
      .aggregate("small", count())
      .keyBy(&CountRow::key)
      .window(tumbling(20ms))
      .aggregate("large", sum(&CountRow::value))
      .sink("out", discard());
  testing::TestDriver driver(pipeline, {.workers = 2});
  auto in = driver.input<Tick>("in");
  for (const Timestamp time : {1, 11, 12, 21}) in.send({}, time);
  in.watermark(19);
  REQUIRE(driver.output<CountRow>("out").values() ==
          std::vector<CountRow>{{"k", 3, 0, 20, Pane::kOnTime}});
  in.end();
  REQUIRE(driver.output<CountRow>("out").values() ==
          std::vector<CountRow>{{"k", 1, 20, 40, Pane::kEndOfInput}});
  REQUIRE(driver.counts().late() == 0);
}

}  // namespace
}  // namespace millrace
