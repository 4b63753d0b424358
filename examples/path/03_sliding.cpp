// SPDX-License-Identifier: MIT
// Sliding windows: the highest load of the last minute, told every 20 seconds.

#include <millrace/millrace.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

constexpr millrace::Timestamp kSecond = 1'000;

struct Load {
  std::string server;
  double percent;
  millrace::Timestamp time;
};

const std::vector<Load> kLoads = {
    {"alpha", 20, 5 * kSecond},  {"alpha", 90, 15 * kSecond}, {"alpha", 40, 30 * kSecond},
    {"alpha", 30, 55 * kSecond}, {"alpha", 60, 70 * kSecond}, {"alpha", 10, 100 * kSecond},
};

std::string asLine(const millrace::WindowResult<std::string, double>& load) {
  return millrace::formatUtc(load.windowStart).substr(11, 8) + " to " +
         millrace::formatUtc(load.windowEnd).substr(11, 8) + " " + load.key + " " +
         std::to_string(static_cast<int>(load.value)) + " %";
}

int main() {
  millrace::Pipeline pipeline("load");
  // [sliding]
  // Each reading belongs to three windows. It is put into one slice of time, once; windows share
  // slices, so a minute every second costs little more than a minute every minute.
  pipeline
      .source("loads", millrace::collection(kLoads),
              millrace::monotonousTimestamps().timestamps(&Load::time))
      .keyBy(&Load::server)
      .window(millrace::sliding(1min, 20s))
      .aggregate("highest", millrace::max(&Load::percent))
      .sink("out", millrace::toStdout(asLine));
  // [sliding end]

  const millrace::Status status = millrace::run(pipeline);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
