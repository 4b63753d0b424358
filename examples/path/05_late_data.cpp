// SPDX-License-Identifier: MIT
// Late data: what happens to records that come after their window has fired.

#include <millrace/millrace.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

constexpr millrace::Timestamp kSecond = 1'000;

struct Reading {
  std::string sensor;
  millrace::Timestamp time;
};

const std::vector<Reading> kReadings = {
    {"door", 10 * kSecond},  {"door", 50 * kSecond},
    {"door", 65 * kSecond},  // now 00:01:00 has passed, and the first minute fires
    {"door", 40 * kSecond},  // late, and allowed: the first minute fires again
    {"door", 95 * kSecond},  // now 00:01:30 has passed, and the first minute is closed for good
    {"door", 45 * kSecond},  // too late for any window
    {"door", 110 * kSecond},
};

std::string asLine(const millrace::WindowResult<std::string, std::int64_t>& count) {
  return millrace::formatUtc(count.windowStart).substr(11, 8) + " " + count.key + " " +
         std::to_string(count.value) + " (" + std::string(millrace::paneName(count.pane)) + ")";
}

int main() {
  millrace::Pipeline pipeline("late-data");
  // [late]
  const auto counts = pipeline
                          .source("readings", millrace::collection(kReadings),
                                  millrace::boundedOutOfOrderness(4s).timestamps(&Reading::time))
                          .keyBy(&Reading::sensor)
                          .window(millrace::tumbling(1min))
                          .allowedLateness(30s)
                          .aggregate("counts", millrace::count());

  counts.sink("out", millrace::toStdout(asLine));
  counts.late().sink("late", millrace::toStdout([](const Reading& reading) {
                       return "too late: " + millrace::formatUtc(reading.time).substr(11, 8) + " " +
                              reading.sensor;
                     }));
  // [late end]

  // The watermark follows each batch. Batches of one record on one worker make every run alike.
  const millrace::Status status = millrace::run(pipeline, {.workers = 1, .batchSize = 1});
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
