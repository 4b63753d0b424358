// SPDX-License-Identifier: MIT
// Session windows: a visit lasts while a user's pages are at most half an hour apart.

#include <millrace/millrace.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

constexpr millrace::Timestamp kMinute = 60'000;

struct View {
  std::string user;
  std::string page;
  millrace::Timestamp time;
};

const std::vector<View> kViews = {
    {"ann", "home", 0},
    {"bob", "home", 2 * kMinute},
    {"ann", "shop", 10 * kMinute},
    {"ann", "cart", 40 * kMinute},  // exactly half an hour later: the same visit
    {"bob", "help", 33 * kMinute},  // a minute too late: another visit
    {"ann", "home", 120 * kMinute},
};

int main() {
  millrace::Pipeline pipeline("visits");
  // [sessions]
  // process() sees all records of a window at once. Where an aggregate will do, prefer that: it
  // keeps one value instead of all records.
  using Visit = millrace::WindowElements<std::string, View>;
  const auto tellPath = [](const Visit& visit, millrace::Collector<std::string>& out) {
    std::string path = visit.key + ":";
    for (const View& view : visit.value) path += " " + view.page;
    out.emit(path);
  };

  pipeline
      .source("views", millrace::collection(kViews),
              millrace::boundedOutOfOrderness(10min).timestamps(&View::time))
      .keyBy(&View::user)
      .window(millrace::session(30min))
      .process<std::string>("visits", tellPath)
      .sink("out", millrace::toStdout());
  // [sessions end]

  const millrace::Status status = millrace::run(pipeline);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
