// SPDX-License-Identifier: MIT
#include <millrace/window/windows.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include <millrace/window/window_layout.hpp>

#include "unit/window/window_scenario.hpp"

namespace millrace::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a window that cannot be is refused with a hint") {
  struct Case {
    WindowSpec windows;
    std::string hint;
  };
  const std::vector<Case> cases{
      {tumbling(0s), "size of tumbling windows is 0ms (must be positive)"},
      {tumbling(-1s), "size of tumbling windows is -1s (must be positive)"},
      {tumbling(1min, 60s),
       "offset of tumbling windows is 1m (must be smaller than the size, 1m, either way)"},
      {tumbling(1min, -60s), "offset of tumbling windows is -1m"},
      {sliding(1min, 0s), "slide of sliding windows is 0ms"},
      {sliding(0s, 1min), "size of sliding windows is 0ms"},
      {sliding(1min, 10s, 10s), "smaller than the slide, 10s"},
      {cumulating(1min, 7s),
       "size of cumulating windows is 1m (must be a multiple of the step, 7s)"},
      {cumulating(1min, 0s), "step of cumulating windows is 0ms"},
      {calendar(CalendarUnit::kDay, "Europe/Bärlin"),
       "time zone \"Europe/Bärlin\" is not known here"},
      {calendar(CalendarUnit::kDay, ""), "time zone \"\" is not known here"},
      {session(0s), "gap of session windows is 0ms"}};
  for (const auto& [windows, hint] : cases) {
    INFO(describe(windows));
    const Status status = validate(windows);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK_THAT(std::string(status.message()), Catch::Contains(hint));
    CHECK(WindowLayout::compile(windows).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("windows that can be are accepted and described as written") {
  struct Case {
    WindowSpec windows;
    std::string text;
  };
  const std::vector<Case> cases{
      {tumbling(1min), "tumbling(1m)"},
      {tumbling(1h, -90s), "tumbling(1h, offset -90s)"},
      {sliding(1min, 10s), "sliding(1m, 10s)"},
      {sliding(1500ms, 1min), "sliding(1500ms, 1m)"},
      {cumulating(24h, 1h), "cumulating(1d, 1h)"},
      {calendar(CalendarUnit::kWeek, "Europe/Berlin"), "calendar(week, Europe/Berlin)"},
      {session(30min), "session(30m)"},
      {global(100), "global(100 records)"},
      {global(), "global()"}};
  for (const auto& [windows, text] : cases) {
    CHECK(validate(windows).ok());
    CHECK(describe(windows) == text);
  }
}

TEST_CASE("options that cannot be are refused") {
  CHECK(WindowOptions{}.validate().ok());
  CHECK_FALSE(WindowOptions{.allowedLateness = -1ms}.validate().ok());
  CHECK_FALSE(WindowOptions{.early = EarlyFiring::everyEventTime(0s)}.validate().ok());
  CHECK_FALSE(WindowOptions{.early = EarlyFiring::everyProcessingTime(-1s)}.validate().ok());
  CHECK_FALSE(WindowOptions{.early = EarlyFiring::everyRecords(0)}.validate().ok());
}

TEST_CASE("an early firing is due when its clock passes a multiple of the interval") {
  const EarlyFiring early = EarlyFiring::everyEventTime(10ms);
  CHECK_FALSE(early.isDue(0, 9));
  CHECK(early.isDue(9, 10));
  CHECK(early.isDue(-1, 0));
  CHECK_FALSE(early.isDue(-10, -1));
  CHECK(early.isDue(kMinTimestamp, 0));
  CHECK_FALSE(EarlyFiring::everyRecords(3).isDue(0, 1000));
}

// Which window ends a time has, by trying every end near it.
std::vector<Timestamp> endsAround(const WindowLayout& layout, Timestamp t, Timestamp reach) {
  std::vector<Timestamp> ends;
  for (Timestamp end = layout.windowEndAfter(t); end <= t + reach; end = layout.windowEndAfter(end))
    if (layout.windowStart(end) <= t) ends.push_back(end);
  return ends;
}

TEST_CASE("slices partition time, and all of a slice is in the same windows") {
  CHECK(rc::check("for any layout and time", [] {
    const WindowSpec spec = drawSpec();
    const WindowLayout layout = *WindowLayout::compile(spec);
    const Timestamp t = *drawIn(-500, 500);
    const WindowLayout::Slice slice = layout.sliceOf(t);
    RC_ASSERT(slice.contains(t));
    RC_ASSERT(layout.sliceOf(slice.start) == slice);
    RC_ASSERT(layout.sliceOf(slice.end - 1) == slice);
    RC_ASSERT(layout.sliceOf(slice.end).start == slice.end);
    for (const Timestamp inside : {slice.start, t, slice.end - 1}) {
      const std::vector<Timestamp> ends = endsAround(layout, inside, 400);
      RC_ASSERT(ends.empty() == slice.isOutside());
      if (ends.empty()) continue;
      RC_ASSERT(ends.front() == slice.firstEnd);
      RC_ASSERT(ends.back() == slice.lastEnd);
    }
  }));
}

TEST_CASE("a watermark crosses a window when it completes or closes one") {
  const WindowLayout layout = *WindowLayout::compile(tumbling(10ms));
  CHECK_FALSE(layout.crossesWindow(9, 18, 0ms));
  CHECK(layout.crossesWindow(9, 19, 0ms));
  CHECK(layout.crossesWindow(8, 9, 0ms));
  CHECK_FALSE(layout.crossesWindow(9, 9, 0ms));
  CHECK(layout.crossesWindow(13, 14, 5ms));
  CHECK_FALSE(layout.crossesWindow(14, 18, 5ms));
  CHECK(layout.crossesWindow(kMinTimestamp, 5, 0ms));
  CHECK(layout.crossesWindow(kMaxTimestamp - 1, kMaxTimestamp, 0ms));
}

constexpr Timestamp kHour = 3'600'000;

TEST_CASE("calendar windows follow the clock on the wall") {
  struct Case {
    CalendarUnit unit;
    std::string zone;
    Timestamp inside;
    WindowBounds bounds;
  };
  const std::vector<Case> cases{
      // 2025-03-30 in Berlin has 23 hours, 2025-10-26 has 25.
      {CalendarUnit::kDay,
       "Europe/Berlin",
       1743300000000,
       {1743289200000, 1743289200000 + 23 * kHour}},
      {CalendarUnit::kDay,
       "Europe/Berlin",
       1761450000000,
       {1761429600000, 1761429600000 + 25 * kHour}},
      // 2025-03-09 and 2025-11-02 in New York.
      {CalendarUnit::kDay,
       "America/New_York",
       1741500000000,
       {1741496400000, 1741496400000 + 23 * kHour}},
      {CalendarUnit::kDay,
       "America/New_York",
       1762100000000,
       {1762056000000, 1762056000000 + 25 * kHour}},
      // The week from Monday 2025-03-24 in Berlin, and the one from Monday 1969-12-29 in UTC.
      {CalendarUnit::kWeek,
       "Europe/Berlin",
       1743300000000,
       {1742770800000, 1742770800000 + 167 * kHour}},
      {CalendarUnit::kWeek, "UTC", 0, {-72 * kHour, 96 * kHour}},
      // March 2025 in Berlin; December 1969 in UTC.
      {CalendarUnit::kMonth, "Europe/Berlin", 1743300000000, {1740783600000, 1743458400000}},
      {CalendarUnit::kMonth, "UTC", -1, {-31 * 24 * kHour, 0}},
      // Samoa had no 2011-12-30: the 29th ends where the 31st starts.
      {CalendarUnit::kDay, "Pacific/Apia", 1325200000000, {1325152800000, 1325239200000}},
      {CalendarUnit::kDay, "Pacific/Apia", 1325239200000, {1325239200000, 1325325600000}}};
  for (const auto& [unit, zone, inside, bounds] : cases) {
    INFO(zone << " at " << inside);
    const WindowLayout layout = *WindowLayout::compile(calendar(unit, zone));
    for (const Timestamp t : {inside, bounds.start, bounds.end - 1}) {
      const WindowLayout::Slice expected{bounds.start, bounds.end, bounds.end, bounds.end};
      CHECK(layout.sliceOf(t) == expected);
      CHECK(layout.windowEndAfter(t) == bounds.end);
    }
    CHECK(layout.windowStart(bounds.end) == bounds.start);
  }
}

TEST_CASE("calendar windows partition time even where the clock crosses midnight backwards") {
  // St. John's set its clock back at 00:01 until 2011, so a day read twice past midnight.
  for (const char* zone : {"America/St_Johns", "Europe/Berlin", "America/New_York",
                           "America/Sao_Paulo", "Asia/Beirut"})
    for (const CalendarUnit unit :
         {CalendarUnit::kDay, CalendarUnit::kWeek, CalendarUnit::kMonth}) {
      INFO(zone);
      const WindowLayout layout = *WindowLayout::compile(calendar(unit, zone));
      Timestamp end = layout.sliceOf(946684800000).start;  // 2000 to 2012
      while (end < 1325376000000) {
        const WindowLayout::Slice slice = layout.sliceOf(end);
        REQUIRE(slice.start == end);
        REQUIRE(slice.end > slice.start);
        for (Timestamp t = slice.start; t < slice.end; t += 30 * 60'000)
          REQUIRE(layout.sliceOf(t) == slice);
        REQUIRE(layout.sliceOf(slice.end - 1) == slice);
        end = slice.end;
        if (unit == CalendarUnit::kDay) end = layout.sliceOf(end + 5 * 24 * kHour).start;
      }
    }
}

TEST_CASE("geometry holds at the ends of time") {
  for (const WindowSpec& spec : std::vector<WindowSpec>{
           tumbling(1min, 7s), sliding(1min, 7s), sliding(7s, 1min), cumulating(1min, 10s),
           tumbling(Duration(kMaxTimestamp)),
           sliding(Duration(kMaxTimestamp), Duration(kMaxTimestamp - 1)),
           calendar(CalendarUnit::kDay, "Europe/Berlin"), calendar(CalendarUnit::kMonth, "UTC")}) {
    INFO(describe(spec));
    const WindowLayout layout = *WindowLayout::compile(spec);
    for (const Timestamp t :
         {kMinTimestamp, kMinTimestamp + 1, Timestamp{0}, kMaxTimestamp - 1, kMaxTimestamp}) {
      const WindowLayout::Slice slice = layout.sliceOf(t);
      CHECK(slice.contains(t == kMaxTimestamp ? t - 1 : t));
      if (slice.isOutside()) continue;
      CHECK(slice.firstEnd >= slice.end);
      CHECK(layout.windowStart(slice.firstEnd) <= slice.start);
      CHECK(layout.windowStart(slice.lastEnd) <= slice.start);
    }
    CHECK(layout.windowEndAfter(kMaxTimestamp - 1) == kMaxTimestamp);
    CHECK(layout.windowEndAfter(kMaxTimestamp) == kMaxTimestamp);
  }
}

TEST_CASE("panes have names") {
  CHECK(paneName(Pane::kEarly) == "early");
  CHECK(paneName(Pane::kOnTime) == "on-time");
  CHECK(paneName(Pane::kLate) == "late");
  CHECK(paneName(Pane::kEndOfInput) == "end-of-input");
}

}  // namespace
}  // namespace millrace::test
