// SPDX-License-Identifier: MIT
// Calendar windows: a day is what the clock on the wall calls a day, even when the clock changes.

#include <millrace/millrace.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

constexpr millrace::Timestamp kHour = 3'600'000;

struct Chime {
  std::string tower = "Berlin";
  millrace::Timestamp time = 0;
};

std::string asLine(const millrace::WindowResult<std::string, std::int64_t>& day) {
  return millrace::formatUtc(day.windowStart) + " to " + millrace::formatUtc(day.windowEnd) + ": " +
         std::to_string(day.value) + " chimes";
}

int main() {
  millrace::Pipeline pipeline("chimes");
  // [calendar]
  // A chime an hour from Friday, 28 March 2025, 23:00 UTC on: midnight in Berlin. On the 30th the
  // clock went from 2:00 to 3:00, so that day had 23 hours.
  const auto hourly = [](std::uint64_t hour) {
    return Chime{"Berlin", 1'743'202'800'000 + static_cast<millrace::Timestamp>(hour) * kHour};
  };

  pipeline
      .source("chimes", millrace::generator<Chime>(hourly, {.count = 24 + 23 + 24}),
              millrace::boundedOutOfOrderness(1h).timestamps(&Chime::time))
      .keyBy(&Chime::tower)
      .window(millrace::calendar(millrace::CalendarUnit::kDay, "Europe/Berlin"))
      .aggregate("chimes-per-day", millrace::count())
      .sink("out", millrace::toStdout(asLine));
  // [calendar end]

  const millrace::Status status = millrace::run(pipeline);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
