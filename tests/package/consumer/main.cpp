// SPDX-License-Identifier: MIT
#include <millrace/millrace.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

struct Click {
  std::string page;
  millrace::Timestamp time;
};

int main() {
  const std::vector<Click> clicks = {{"home", 1'000}, {"home", 30'000}, {"home", 61'000}};
  millrace::Collected<millrace::WindowResult<std::string, std::int64_t>> counts;

  millrace::Pipeline pipeline("consumer");
  pipeline
      .source("clicks", millrace::collection(clicks),
              millrace::boundedOutOfOrderness(5s).timestamps(&Click::time))
      .keyBy(&Click::page)
      .window(millrace::tumbling(1min))
      .aggregate("clicks-per-page", millrace::count())
      .sink("counts", millrace::collectInto(counts));
  const millrace::Status status = millrace::run(pipeline);

  std::cout << status << '\n';
  for (const auto& count : counts.values()) {
    std::cout << millrace::formatUtc(count.windowStart) << ' ' << count.key << ' ' << count.value
              << '\n';
  }

  millrace::Pipeline nameless("nameless");
  nameless.source("", millrace::file<std::string>("no such file"), millrace::noWatermarks())
      .sink("nothing", millrace::discard());
  std::cout << nameless.build().message() << '\n';
}
