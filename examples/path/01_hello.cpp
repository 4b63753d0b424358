// SPDX-License-Identifier: MIT
// How many clicks did each page get in each minute?

#include <millrace/millrace.hpp>

#include <cstdio>
#include <string>

using namespace std::chrono_literals;

struct Click {
  std::string page;
  millrace::Timestamp time;  // milliseconds since 1970
};

using PageClicks = millrace::WindowResult<std::string, std::int64_t>;

std::string line(const PageClicks& clicks) {
  return "minute " + std::to_string(clicks.windowStart / 60'000) + ": " + clicks.key + " " +
         std::to_string(clicks.value);
}

int main() {
  const std::vector<Click> clicks = {{"home", 1'000},  {"shop", 15'000}, {"home", 30'000},
                                     {"shop", 61'000}, {"home", 59'000}, {"shop", 119'000}};
  // [hello]
  millrace::Pipeline pipeline("hello");
  pipeline
      .source("clicks", millrace::collection(clicks),
              millrace::boundedOutOfOrderness(5s).timestamps(&Click::time))
      .keyBy(&Click::page)
      .window(millrace::tumbling(1min))
      .aggregate("clicks-per-page", millrace::count())
      .sink("out", millrace::toStdout(line));

  const millrace::Status status = millrace::run(pipeline);
  // [hello end]
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
