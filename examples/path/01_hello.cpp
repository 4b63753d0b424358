// SPDX-License-Identifier: MIT
// How many clicks does each page get in each minute?

#include <millrace/millrace.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

struct Click {
  std::string page;
  millrace::Timestamp time;  // milliseconds since 1970
};

const std::vector<Click> kClicks = {{"home", 1'000},  {"shop", 15'000}, {"home", 30'000},
                                    {"shop", 61'000}, {"home", 59'000}, {"shop", 119'000}};

std::string asLine(const millrace::WindowResult<std::string, std::int64_t>& clicks) {
  return millrace::formatUtc(clicks.windowStart) + " " + clicks.key + " " +
         std::to_string(clicks.value);
}

int main() {
  // [hello]
  millrace::Pipeline pipeline("hello");
  pipeline
      .source("clicks", millrace::collection(kClicks),
              millrace::boundedOutOfOrderness(5s).timestamps(&Click::time))
      .keyBy(&Click::page)
      .window(millrace::tumbling(1min))
      .aggregate("clicks-per-page", millrace::count())
      .sink("out", millrace::toStdout(asLine));
  const millrace::Status status = millrace::run(pipeline);
  // [hello end]

  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
