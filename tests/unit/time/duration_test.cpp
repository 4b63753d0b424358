// SPDX-License-Identifier: MIT
#include <millrace/time/duration.hpp>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <chrono>
#include <string>

namespace millrace {
namespace {

using namespace std::chrono_literals;

TEST_CASE("A duration is a whole number and its unit") {
  struct Row {
    const char* text;
    Duration duration;
  };
  const Row rows[] = {
      {"250ms", 250ms},
      {"30s", 30s},
      {"5m", 5min},
      {"1h", 1h},
      {"1d", 24h},
      {"0s", 0ms},
      {"007s", 7s},
      {"90m", 90min},
      {"0ms", 0ms},
      {"36h", 36h},
      {"106751991167d", Duration(106'751'991'167 * 86'400'000)},
      {"9223372036854775807ms", Duration::max()},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const StatusOr<Duration> duration = parseDuration(row.text);
    REQUIRE(duration.ok());
    CHECK(*duration == row.duration);
  }
}

TEST_CASE("What is not a duration is refused with the text and the accepted forms") {
  const char* const texts[] = {
      "",
      "5",
      "0",
      "s",
      "-5s",
      "+5s",
      "5 s",
      " 5s",
      "5s ",
      "5S",
      "5min",
      "5sec",
      "1.5h",
      "1e3ms",
      "5m30s",
      "1w",
      "5us",
      "five seconds",
      "0x5s",
      "9223372036854775808ms",
      "99999999999999999999s",
      "106751991168d",
      "5\xc2\xb5s",
  };
  for (const char* text : texts) {
    CAPTURE(text);
    const StatusOr<Duration> duration = parseDuration(text);
    REQUIRE_FALSE(duration.ok());
    CHECK(absl::IsInvalidArgument(duration.status()));
    const std::string message(duration.status().message());
    CHECK(message.find(std::string("\"") + text + "\"") != std::string::npos);
    CHECK(message.find("250ms, 30s, 5m, 1h, 1d") != std::string::npos);
  }
}

TEST_CASE("The message about a duration says what is wrong with it") {
  CHECK(parseDuration("30").status().message() ==
        "duration \"30\" has no unit (accepted: 250ms, 30s, 5m, 1h, 1d)");
  CHECK(parseDuration("999999999999d").status().message() ==
        "duration \"999999999999d\" is too long (accepted: 250ms, 30s, 5m, 1h, 1d)");
  CHECK(parseDuration(std::string(10'000, 'x')).status().message().size() < 200);
}

TEST_CASE("A duration is written with its largest unit") {
  CHECK(formatDuration(0ms) == "0s");
  CHECK(formatDuration(1ms) == "1ms");
  CHECK(formatDuration(1500ms) == "1500ms");
  CHECK(formatDuration(90s) == "90s");
  CHECK(formatDuration(120s) == "2m");
  CHECK(formatDuration(24h) == "1d");
  CHECK(formatDuration(25h) == "25h");
  CHECK(formatDuration(-300s) == "-5m");
  CHECK(formatDuration(Duration::min()) == "-9223372036854775808ms");
}

TEST_CASE("A written duration is read back") {
  CHECK(rc::check("round trip", [] {
    const auto unit = *rc::gen::element<std::int64_t>(1, 1000, 60'000, 3'600'000, 86'400'000);
    const auto duration = Duration(*rc::gen::inRange<std::int64_t>(0, 1'000'000'000) * unit);
    const StatusOr<Duration> read = parseDuration(formatDuration(duration));
    RC_ASSERT(read.ok());
    RC_ASSERT(*read == duration);
  }));
}

}  // namespace
}  // namespace millrace
