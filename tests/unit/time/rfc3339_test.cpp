// SPDX-License-Identifier: MIT
#include <millrace/time/rfc3339.hpp>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <cstdio>
#include <limits>
#include <string>

namespace millrace {
namespace {

constexpr Timestamp kMillisPerDay = 86'400'000;

bool isLeap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int daysIn(int year, int month) {
  const int days[] = {31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1];
}

// Counts the days one by one, as a calendar on a wall does.
Timestamp midnightOf(int year, int month, int day) {
  Timestamp days = 0;
  for (int y = 1970; y < year; ++y) days += isLeap(y) ? 366 : 365;
  for (int y = year; y < 1970; ++y) days -= isLeap(y) ? 366 : 365;
  for (int m = 1; m < month; ++m) days += daysIn(year, m);
  return (days + day - 1) * kMillisPerDay;
}

std::string dateText(int year, int month, int day, const char* rest) {
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d%s", year, month, day, rest);
  return text;
}

TEST_CASE("RFC 3339 times are read in milliseconds since the epoch") {
  struct Row {
    const char* text;
    Timestamp time;
  };
  const Row rows[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2025-12-12T10:30:00.000Z", 1'765'535'400'000},
      {"2025-12-12t10:30:00z", 1'765'535'400'000},
      {"2025-12-12T16:00:00+05:30", 1'765'535'400'000},
      {"2025-12-12T09:30:00.000-01:00", 1'765'535'400'000},
      {"2025-12-12T10:30:00-00:00", 1'765'535'400'000},
      {"1970-01-01T00:00:00.9Z", 900},
      {"1970-01-01T00:00:00.99Z", 990},
      {"1970-01-01T00:00:00.9999Z", 999},
      {"1970-01-01T00:00:00.001999999Z", 1},
      {"1970-01-01T00:00:00.000000001Z", 0},
      {"1969-12-31T23:59:59.999Z", -1},
      {"1969-12-31T23:59:59.999999999Z", -1},
      {"1970-01-01T23:59:00+23:59", 0},
      {"2000-02-29T00:00:00Z", 951'782'400'000},
      {"2024-02-29T00:00:00Z", 1'709'164'800'000},
      {"0001-01-01T00:00:00Z", -62'135'596'800'000},
      {"9999-12-31T23:59:59.999Z", 253'402'300'799'999},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    Timestamp time = 42;
    CHECK(parseRfc3339(row.text, time));
    CHECK(time == row.time);
  }
}

TEST_CASE("What is not an RFC 3339 time is refused and leaves the result alone") {
  const char* const texts[] = {
      "",
      "yesterday",
      "2025-12-12",
      "2025-12-12T10:30:00",
      "2025-12-12T10:30:00.000",
      "2025-12-12 10:30:00Z",
      "2025-12-12T10:30Z",
      "2025-12-12T24:00:00Z",
      "2025-12-12T23:59:60Z",
      "2025-12-12T23:60:00Z",
      "2025-00-12T00:00:00Z",
      "2025-13-12T00:00:00Z",
      "2025-12-00T00:00:00Z",
      "2025-12-32T00:00:00Z",
      "2025-02-29T00:00:00Z",
      "2025-02-30T00:00:00Z",
      "1900-02-29T00:00:00Z",
      "2025-04-31T00:00:00Z",
      "0000-01-01T00:00:00Z",
      "2025-12-12T10:30:00.Z",
      "2025-12-12T10:30:00.0000000000Z",
      "2025-12-12T10:30:00,5Z",
      "2025-12-12T10:30:00.5",
      "2025-12-12T10:30:00+24:00",
      "2025-12-12T10:30:00+05:60",
      "2025-12-12T10:30:00+0530",
      "2025-12-12T10:30:00+05",
      "2025-12-12T10:30:00+5:30",
      "2025-12-12T10:30:00ZZ",
      "2025-12-12T10:30:00Z ",
      " 2025-12-12T10:30:00Z",
      "2025-12-12T10:30:00Z\n",
      "-025-12-12T10:30:00Z",
      "+025-12-12T10:30:00Z",
      "2025-1a-12T10:30:00Z",
      "2025/12/12T10:30:00Z",
      "2025-12-12T10.30.00Z",
      "20251212T103000Z",
      "0001-01-01T00:00:00+00:01",
      "9999-12-31T23:59:59-00:01",
      "2025-12-12\x54"
      "10:30:00\xc3\xa9",
  };
  for (const char* text : texts) {
    CAPTURE(text);
    Timestamp time = 42;
    CHECK_FALSE(parseRfc3339(text, time));
    CHECK(time == 42);
  }
  Timestamp time = 42;
  CHECK_FALSE(parseRfc3339(std::string_view("2025-12-12T10:30:00Z\0", 21), time));
}

TEST_CASE("Every prefix of a time is refused without looking past its end") {
  const std::string whole = "2025-12-12T10:30:00.123456789+05:30";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string prefix = whole.substr(0, length);
    Timestamp time = 0;
    CHECK_FALSE(parseRfc3339(prefix, time));
  }
}

TEST_CASE("Every day of eight centuries agrees with a calendar counted by hand") {
  for (int year = 1600; year < 2400; ++year) {
    Timestamp expected = midnightOf(year, 1, 1);
    for (int month = 1; month <= 12; ++month) {
      for (int day = 1; day <= daysIn(year, month); ++day, expected += kMillisPerDay) {
        const std::string text = dateText(year, month, day, "T00:00:00.000Z");
        Timestamp time = 0;
        if (!parseRfc3339(text, time) || time != expected) FAIL(text);
        if (formatUtc(expected) != text) FAIL(text);
      }
      Timestamp none = 0;
      CHECK_FALSE(parseRfc3339(dateText(year, month, daysIn(year, month) + 1, "T00:00:00Z"), none));
    }
  }
}

TEST_CASE("Times are written in UTC with three fraction digits") {
  CHECK(formatUtc(0) == "1970-01-01T00:00:00.000Z");
  CHECK(formatUtc(-1) == "1969-12-31T23:59:59.999Z");
  CHECK(formatUtc(1'765'535'400'007) == "2025-12-12T10:30:00.007Z");
  CHECK(formatUtc(-62'135'596'800'000) == "0001-01-01T00:00:00.000Z");
  CHECK(formatUtc(-62'135'596'800'001) == "0000-12-31T23:59:59.999Z");
  CHECK(formatUtc(253'402'300'799'999) == "9999-12-31T23:59:59.999Z");
}

TEST_CASE("Times past the four-digit years still have a text of their own") {
  CHECK(formatUtc(253'402'300'800'000) == "+10000-01-01T00:00:00.000Z");
  CHECK(formatUtc(-62'167'219'200'001) == "-0001-12-31T23:59:59.999Z");
  CHECK(formatUtc(kMaxTimestamp) == "+292278994-08-17T07:12:55.807Z");
  CHECK(formatUtc(kMinTimestamp) == "-292275055-05-16T16:47:04.192Z");
  CHECK(formatUtc(kMinTimestamp).size() <= kMaxUtcLength);
}

TEST_CASE("What is written is read back") {
  CHECK(rc::check("round trip", [] {
    const auto time = *rc::gen::inRange<Timestamp>(-62'135'596'800'000, 253'402'300'800'000);
    Timestamp read = 0;
    RC_ASSERT(parseRfc3339(formatUtc(time), read));
    RC_ASSERT(read == time);
  }));
}

TEST_CASE("An offset moves the time by its hours and minutes") {
  CHECK(rc::check("offset", [] {
    const auto time = *rc::gen::inRange<Timestamp>(-1'000'000'000'000, 4'000'000'000'000);
    const int minutes = *rc::gen::inRange(-1439, 1440);
    std::string text = formatUtc(time + minutes * Timestamp{60'000});
    char zone[16];
    const int size = minutes < 0 ? -minutes : minutes;
    std::snprintf(zone, sizeof zone, "%c%02d:%02d", minutes < 0 ? '-' : '+', size / 60, size % 60);
    text.replace(text.size() - 1, 1, zone);
    Timestamp read = 0;
    RC_ASSERT(parseRfc3339(text, read));
    RC_ASSERT(read == time);
  }));
}

}  // namespace
}  // namespace millrace
