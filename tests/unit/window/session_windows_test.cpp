// SPDX-License-Identifier: MIT
#include <millrace/window/session_windows.hpp>

#include <catch2/catch.hpp>

#include "unit/window/window_scenario.hpp"

namespace millrace::test {
namespace {

using namespace std::chrono_literals;

template <typename Kind>
using Sessions = MergingSessions<std::string, Rec, decltype(Kind::make())>;

template <typename Kind>
bool matchesNaive(const std::string& what) {
  return rc::check(what, [] {
    const Duration gap(*drawIn(1, 40).as("gap"));
    const WindowOptions options = drawOptions();
    Sessions<Kind> sessions(session(gap), Kind::make(), options);
    NaiveSessions<Kind> naive(gap, options);
    compare(sessions, naive, options, drawSteps());
  });
}

template <typename Windows>
std::vector<Row> fireAll(Windows& windows, Timestamp watermark) {
  std::vector<Row> rows;
  windows.advance(watermark);
  while (windows.fire([&](auto&& r) { rows.push_back(textOf(windows.aggregate())(r)); }, 1000)) {
  }
  return sorted(rows);
}

template <typename Windows>
std::vector<Row> addOne(Windows& windows, int value, Timestamp t) {
  std::vector<Row> rows;
  const AddResult result = windows.add("k", Rec{value}, t);
  CHECK(result.placement == Placement::kAccepted);
  if (result.due)
    windows.emitDue("k", [&](auto&& r) { rows.push_back(textOf(windows.aggregate())(r)); });
  return rows;
}

TEST_CASE("sessions tell what plain lists of sessions would") {
  CHECK(matchesNaive<CountAndSum>("counted and summed"));
  CHECK(matchesNaive<Greatest>("their greatest"));
  CHECK(matchesNaive<Elements>("all their elements"));
}

TEST_CASE("an event at exactly last + gap extends a session that is not closed") {
  Sessions<CountAndSum> sessions(session(10ms), CountAndSum::make());
  addOne(sessions, 1, 0);
  CHECK(fireAll(sessions, 8).empty());
  addOne(sessions, 2, 10);
  CHECK(fireAll(sessions, 19) == std::vector<Row>{{"k", "2/3", 0, 20, Pane::kOnTime}});
}

TEST_CASE("an event at exactly last + gap opens a session of its own after the close") {
  Sessions<CountAndSum> sessions(session(10ms), CountAndSum::make());
  addOne(sessions, 1, 0);
  CHECK(fireAll(sessions, 9) == std::vector<Row>{{"k", "1/1", 0, 10, Pane::kOnTime}});
  addOne(sessions, 2, 10);
  CHECK(fireAll(sessions, 19) == std::vector<Row>{{"k", "1/2", 10, 20, Pane::kOnTime}});
}

TEST_CASE("an event at exactly last + gap extends a fired session within its lateness") {
  Sessions<CountAndSum> sessions(session(10ms), CountAndSum::make(), {.allowedLateness = 5ms});
  addOne(sessions, 1, 0);
  CHECK(fireAll(sessions, 9).size() == 1);
  CHECK(addOne(sessions, 2, 10).empty());
  CHECK(fireAll(sessions, 19) == std::vector<Row>{{"k", "2/3", 0, 20, Pane::kOnTime}});
}

TEST_CASE("an event that joins a fired session without extending it fires it again at once") {
  Sessions<CountAndSum> sessions(session(10ms), CountAndSum::make(), {.allowedLateness = 5ms});
  addOne(sessions, 1, 0);
  fireAll(sessions, 11);
  CHECK(addOne(sessions, 2, 1) == std::vector<Row>{{"k", "2/3", 0, 11, Pane::kLate}});
  CHECK(fireAll(sessions, 100).empty());
  CHECK(sessions.heldKeys() == 0);
}

TEST_CASE("an event that bridges two sessions makes them one") {
  Sessions<Elements> sessions(session(10ms), Elements::make());
  addOne(sessions, 1, 0);
  addOne(sessions, 3, 20);
  addOne(sessions, 2, 10);
  CHECK(fireAll(sessions, 1000) == std::vector<Row>{{"k", "1 2 3 ", 0, 30, Pane::kOnTime}});
}

TEST_CASE("sessions at both ends of time are cut off there") {
  Sessions<CountAndSum> sessions(session(10ms), CountAndSum::make(),
                                 {.allowedLateness = Duration(kMaxTimestamp)});
  for (const Timestamp t : {kMinTimestamp, kMaxTimestamp - 1, kMaxTimestamp})
    addOne(sessions, 1, t);
  CHECK(fireAll(sessions, kMaxTimestamp) ==
        std::vector<Row>{{"k", "1/1", kMinTimestamp, kMinTimestamp + 10, Pane::kOnTime},
                         {"k", "2/2", kMaxTimestamp - 1, kMaxTimestamp, Pane::kOnTime}});
  CHECK(sessions.heldRecords() == 0);
}

}  // namespace
}  // namespace millrace::test
