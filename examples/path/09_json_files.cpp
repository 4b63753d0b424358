// SPDX-License-Identifier: MIT
// JSON files: rain per station and minute from lines of JSON, some of which are not as they should.

#include <millrace/millrace.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [describe]
enum class Kind { kRain, kSnow };

struct Reading {
  millrace::Timestamp at = 0;
  std::string station;
  Kind kind = Kind::kRain;
  millrace::Decimal amount;  // read from its text, exactly; never a floating-point number
};

struct Total {
  millrace::Timestamp minute = 0;
  std::string station;
  millrace::Decimal amount;
};

template <>
struct millrace::EnumNames<Kind> {
  static constexpr millrace::EnumName<Kind> names[] = {{Kind::kRain, "rain"},
                                                       {Kind::kSnow, "snow"}};
};

// Told once, members can be read from JSON and written as JSON.
template <>
struct millrace::Description<Reading> {
  static void describe(millrace::Describer<Reading>& d) {
    d.name("Reading");
    d.timestamp("at", &Reading::at).required().eventTime();
    d.field("station", &Reading::station).required().nonEmpty();
    d.field("kind", &Reading::kind).required();
    d.field("amount", &Reading::amount);
  }
};

template <>
struct millrace::Description<Total> {
  static void describe(millrace::Describer<Total>& d) {
    d.name("Total");
    d.timestamp("minute", &Total::minute);
    d.field("station", &Total::station);
    d.field("amount", &Total::amount);
  }
};
// [describe end]

std::string asJson(const Total& total) {
  std::string line;
  millrace::writeJson(total, line);
  return line;
}

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "09_readings.ndjson";  // or a directory, or a glob
  millrace::Pipeline pipeline("rain");
  // [files]
  const auto readings = pipeline.source("readings", millrace::file<Reading>(path),
                                        millrace::boundedOutOfOrderness(1min));

  readings.filter([](const Reading& reading) { return reading.kind == Kind::kRain; })
      .keyBy(&Reading::station)
      .window(millrace::tumbling(1min))
      .aggregate("rain", millrace::sum(&Reading::amount))
      .map([](const auto& rain) {
        return Total{rain.windowStart, rain.key, rain.value};
      })
      .sink("totals", millrace::toStdout(asJson));

  readings.deadLetters().sink("invalid", millrace::toStdout([](const millrace::DeadLetter& letter) {
                                return "invalid: " + letter.position + ": " + letter.reason;
                              }));
  // [files end]

  const millrace::Status status = millrace::run(pipeline);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
