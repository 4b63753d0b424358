// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <millrace/connectors/collection/collection.hpp>

#include "harness/balance.hpp"
#include "pipeline/random_runs.hpp"

namespace millrace {
namespace {

using namespace test;
using testing::TestDriver;

TEST_CASE("split, map, flatMap, unite and filter lose and invent nothing, however they are run") {
  REQUIRE(rc::check("stateless", [] {
    Pipeline pipeline("stateless");
    auto in = pipeline.source("in", collection(std::vector<int>{}), noWatermarks());
    auto parts =
        in.split([](const int& n) { return n % 2 == 0; }, [](const int& n) { return n % 3 == 0; });
    auto tens = parts[0].map([](const int& n) { return n * 10; });
    auto many = parts[1].flatMap<int>([](const int& n, Collector<int>& out) {
      for (int i = 0; i < std::abs(n) % 5; ++i) out.emit(n + i);
    });
    tens.unite(many, in).filter([](const int& n) { return n % 7 != 0; }).sink("out", discard());

    const auto options = drawRun();
    TestDriver driver(pipeline, options);
    const auto numbers = *rc::gen::container<std::vector<int>>(drawIn(-50, 50)).as("numbers");
    std::multiset<int> expected;
    const auto expect = [&](int n) {
      if (n % 7 != 0) expected.insert(n);
    };
    for (const int n : numbers) {
      driver.input<int>("in")
          .onWorker(static_cast<std::size_t>(n + 50) % options.workers)
          .send(n, n);
      expect(n);
      if (n % 2 == 0) expect(n * 10);
      if (n % 2 != 0 && n % 3 == 0) {
        for (int i = 0; i < std::abs(n) % 5; ++i) expect(n + i);
      }
    }
    driver.input<int>("in").end();
    driver.run();
    const auto told = driver.output<int>("out").values();
    RC_ASSERT(std::multiset<int>(told.begin(), told.end()) == expected);
    RC_ASSERT(imbalanceOf(driver.counts()) == "");
  }));
}

// Emits the key's sum so far for each record, and again ten milliseconds of event time later.
struct SumAndReminder {
  ValueState<int> sum;
  void open(StateContext& states) { sum = states.value<int>("sum"); }
  void process(const Event& event, ProcessContext<std::string, std::string>& context) {
    sum.update([&](int& total) { total += event.value; });
    context.emit(context.key() + "=" + std::to_string(*sum.get()));
    context.registerEventTimer(context.timestamp() + 10);
  }
  void onTimer(Timestamp time, ProcessContext<std::string, std::string>& context) {
    context.emit(context.key() + "=" + std::to_string(*sum.get()) + "@" + std::to_string(time));
  }
};

TEST_CASE(
    "process functions with state and timers do what a plain loop does, however they are run") {
  REQUIRE(rc::check("process", [] {
    Pipeline pipeline("process");
    pipeline.source("in", collection(std::vector<Event>{}), noWatermarks())
        .keyBy(&Event::key)
        .process<std::string>("sums", SumAndReminder{})
        .sink("out", discard());
    TestDriver driver(pipeline, drawRun());
    std::map<std::string, int> sums;
    std::set<std::pair<Timestamp, std::string>> timers;
    Timestamp reached = kMinTimestamp;
    std::vector<std::string> expected;
    const auto advance = [&](Timestamp watermark) {
      if (watermark <= reached) return;
      reached = watermark;
      for (auto it = timers.begin(); it != timers.end() && it->first <= watermark;
           it = timers.erase(it)) {
        expected.push_back(it->second + "=" + std::to_string(sums[it->second]) + "@" +
                           std::to_string(it->first));
      }
    };
    send(
        driver, drawSteps(),
        [&](const Event& event, Timestamp time) {
          expected.push_back(event.key + "=" + std::to_string(sums[event.key] += event.value));
          timers.emplace(time + 10, event.key);
        },
        advance);
    advance(kMaxTimestamp);
    std::vector<std::string> told = driver.output<std::string>("out").values();
    std::sort(told.begin(), told.end());
    std::sort(expected.begin(), expected.end());
    RC_ASSERT(told == expected);
    RC_ASSERT(imbalanceOf(driver.counts()) == "");
  }));
}

TEST_CASE("records of a key keep their order through shuffles, however they are run") {
  REQUIRE(rc::check("order", [] {
    const auto pass = [](const int& n, ProcessContext<int, int>& context) { context.emit(n); };
    Pipeline pipeline("order");
    pipeline.source("in", collection(std::vector<int>{}), noWatermarks())
        .keyBy([](const int& n) { return n % 5; })
        .process<int>("first", pass)
        .map([](const int& n) { return n; })
        .keyBy([](const int& n) { return n % 5; })
        .process<int>("second", pass)
        .sink("out", discard());
    TestDriver driver(pipeline, drawRun());
    const int count = *drawIn(0, 200).as("count");
    for (int i = 0; i < count; ++i) driver.input<int>("in").send(i, i);
    driver.input<int>("in").end();
    driver.run();
    std::map<int, int> last;
    const auto told = driver.output<int>("out").values();
    RC_ASSERT(told.size() == static_cast<std::size_t>(count));
    for (const int n : told) {
      const auto [it, isFirst] = last.try_emplace(n % 5, -1);
      RC_ASSERT(it->second < n);
      it->second = n;
    }
  }));
}

TEST_CASE("a job stopped anywhere accounts for every record it has read") {
  REQUIRE(rc::check("stop", [] {
    Pipeline pipeline("stopped");
    pipeline.source("in", collection(std::vector<Event>{}), noWatermarks())
        .keyBy(&Event::key)
        .window(sliding(Duration(40), Duration(10)))
        .aggregate("windows", count())
        .sink("out", discard());
    TestDriver driver(pipeline, drawRun());
    auto in = driver.input<Event>("in").onWorker(0);
    std::uint64_t sent = 0;
    Timestamp clock = 0;
    for (const test::Step& step : drawSteps()) {
      if (step.kind == test::Step::Kind::kAdd) {
        in.send({"k" + std::to_string(step.key), 1}, clock + step.time);
        ++sent;
      } else {
        in.watermark(clock += step.time);
      }
    }
    if (*rc::gen::arbitrary<bool>().as("runs before")) driver.run();
    driver.stop();
    const OperatorCounts windows = driver.countsOf("windows");
    RC_ASSERT(driver.countsOf("in").in == windows.in);
    RC_ASSERT(windows.in <= sent);
    RC_ASSERT(imbalanceOf(driver.counts()) == "");
    using Result = WindowResult<std::string, std::int64_t>;
    for (const Result& result : driver.output<Result>("out").values()) {
      RC_ASSERT(result.pane == Pane::kOnTime);
      RC_ASSERT(result.windowEnd - 1 <= clock);
    }
  }));
}

}  // namespace
}  // namespace millrace
