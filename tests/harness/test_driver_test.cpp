// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

// [driver]
#include <millrace/connectors/collection/collection.hpp>
#include <millrace/dsl/pipeline.hpp>
#include <millrace/testing/test_driver.hpp>

namespace {

using namespace std::chrono_literals;
using namespace millrace;

struct Click {
  std::string page;
};

using PerPage = WindowResult<std::string, std::int64_t>;

Pipeline clicksPerMinute() {
  Pipeline pipeline("clicks");
  pipeline.source("clicks", collection(std::vector<Click>{}), boundedOutOfOrderness(5s))
      .keyBy(&Click::page)
      .window(tumbling(1min))
      .aggregate("per-page", count())
      .sink("out", discard());
  return pipeline;
}

TEST_CASE("clicks are counted per page and minute") {
  testing::TestDriver driver(clicksPerMinute());
  auto clicks = driver.input<Click>("clicks");
  auto out = driver.output<PerPage>("out");

  clicks.send({"home"}, 10'000);
  clicks.send({"home"}, 59'999);
  clicks.send({"home"}, 60'000);
  REQUIRE(out.drain().empty());  // time has not moved yet

  clicks.watermark(59'999);
  REQUIRE(out.values() == std::vector<PerPage>{{"home", 2, 0, 60'000, Pane::kOnTime}});

  clicks.end();
  REQUIRE(out.values() == std::vector<PerPage>{{"home", 1, 60'000, 120'000, Pane::kEndOfInput}});
  REQUIRE(driver.countsOf("per-page").late == 0);
}
// [driver end]

using testing::TestDriver;
using testing::TestDriverOptions;
using testing::TimedValue;

TEST_CASE("a wrong name is told with the right ones") {
  TestDriver driver(clicksPerMinute());
  REQUIRE_THROWS_WITH(driver.input<Click>("click"),
                      "no replaced source is named 'click' (there are: 'clicks')");
  REQUIRE_THROWS_WITH(driver.output<PerPage>("clicks"),
                      "no replaced sink is named 'clicks' (there are: 'out')");
  REQUIRE_THROWS_WITH(driver.countsOf("x"),
                      "no operator is named 'x' (there are: 'clicks', 'per-page', 'out')");
}

TEST_CASE("a wrong type is told with the right one") {
  TestDriver driver(clicksPerMinute());
  REQUIRE_THROWS_AS(driver.input<int>("clicks"), std::invalid_argument);
  REQUIRE_THROWS_WITH(driver.output<int>("out"),
                      "the records of sink 'out' are of type WindowResult<string, i64>, not i32");
}

TEST_CASE("a pipeline that is not valid is told with all its findings") {
  Pipeline pipeline("empty");
  REQUIRE_THROWS_WITH(TestDriver(pipeline), Catch::Contains("the pipeline is empty"));
}

TEST_CASE("results carry their event times") {
  TestDriver driver(clicksPerMinute());
  driver.input<Click>("clicks").send({"a"}, 5);
  driver.input<Click>("clicks").watermark(60'000);
  const auto results = driver.output<PerPage>("out").drain();
  REQUIRE(results.size() == 1);
  REQUIRE(results[0].time == 59'999);
  REQUIRE(driver.output<PerPage>("out").drain().empty());
}

TEST_CASE("an ended source takes nothing more, and the end is only said by end()") {
  TestDriver driver(clicksPerMinute());
  auto clicks = driver.input<Click>("clicks");
  REQUIRE_THROWS_AS(clicks.watermark(kMaxTimestamp), std::invalid_argument);
  clicks.end();
  REQUIRE(driver.isFinished());
  REQUIRE(driver.result().ok());
  REQUIRE_THROWS_WITH(clicks.send({"a"}, 1), Catch::Contains("has ended"));
}

TEST_CASE("a function that throws makes the call throw, with operator and record") {
  Pipeline pipeline("failing");
  pipeline.source("in", collection(std::vector<int>{}), noWatermarks())
      .map([](const int& n) { return n < 3 ? n : throw std::runtime_error("too many"); })
      .named("checked")
      .sink("out", discard());
  TestDriver driver(pipeline);
  auto in = driver.input<int>("in");
  in.send(1, 10);
  REQUIRE_THROWS_WITH(in.sendAll({{2, 20}, {3, 30}, {4, 40}}),
                      "operator 'checked' (worker 0), record 3 of this task with event time "
                      "1970-01-01T00:00:00.030Z: too many");
  REQUIRE(driver.isFinished());
  REQUIRE(absl::IsAborted(driver.result()));
  REQUIRE_THROWS_AS(in.send(1, 50), JobError);
  REQUIRE(driver.output<int>("out").values() == std::vector<int>{1});
}

TEST_CASE("stopping fires nothing and keeps the account") {
  TestDriver driver(clicksPerMinute(), {.workers = 2});
  driver.input<Click>("clicks").send({"a"}, 5);
  driver.stop();
  REQUIRE(driver.isFinished());
  REQUIRE(driver.result().ok());
  REQUIRE(driver.output<PerPage>("out").drain().empty());
  REQUIRE(driver.countsOf("per-page").in == 1);
  REQUIRE(driver.countsOf("per-page").held == 1);
}

TEST_CASE("the status tells what holds a watermark back") {
  TestDriver driver(clicksPerMinute(), {.workers = 2});
  driver.input<Click>("clicks").watermark(0);
  driver.input<Click>("clicks").onWorker(0).watermark(100'000);
  driver.input<Click>("clicks").onWorker(1).watermark(70'000);
  bool isTold = false;
  for (const TaskStatus& task : driver.status()) {
    if (task.operatorName != "per-page" || task.watermark == 100'000) continue;
    isTold = isTold || task.heldBackBy == "clicks on worker 1";
  }
  REQUIRE(isTold);
}

TEST_CASE("records that a source could not read are counted and readable as dead letters") {
  Pipeline pipeline("letters");
  auto in = pipeline.source("in", collection(std::vector<int>{}), noWatermarks());
  in.sink("out", discard());
  in.deadLetters().sink("bad", discard());
  TestDriver driver(pipeline);
  driver.input<int>("in").reject("line 3", "not a number", "x");
  const auto letters = driver.output<DeadLetter>("bad").values();
  REQUIRE(letters.size() == 1);
  REQUIRE(letters[0].source == "in");
  REQUIRE(letters[0].position == "line 3");
  REQUIRE(letters[0].reason == "not a number");
  REQUIRE(letters[0].payload == "x");
  REQUIRE(driver.counts().invalid() == 1);
  REQUIRE(driver.counts().recordsIn() == 1);
}

TEST_CASE("sources and sinks that are kept do what they do") {
  Collected<int> collected;
  Pipeline pipeline("kept");
  pipeline.source("in", collection(std::vector<int>{1, 2, 3}), noWatermarks())
      .sink("out", collectInto(collected));
  TestDriver driver(pipeline, {.keep = {"in", "out"}});
  REQUIRE(driver.isFinished());
  REQUIRE(collected.values() == std::vector<int>{1, 2, 3});
  REQUIRE_THROWS_WITH(driver.input<int>("in"), Catch::Contains("(there are: none)"));
  REQUIRE_THROWS_WITH(TestDriver(pipeline, {.keep = {"inn"}}), Catch::Contains("'inn'"));
}

// What comes out, in the order it does, of records that race through two shuffles.
std::pair<std::uint64_t, std::vector<TimedValue<int>>> race(std::uint64_t seed) {
  Pipeline pipeline("race");
  const auto pass = [](const int& n, ProcessContext<int, int>& context) { context.emit(n); };
  pipeline.source("in", collection(std::vector<int>{}), noWatermarks())
      .keyBy([](const int& n) { return n; })
      .process<int>("first", pass)
      .keyBy([](const int& n) { return n / 3; })
      .process<int>("second", pass)
      .sink("out", discard());
  TestDriver driver(pipeline, {.workers = 4, .batchSize = 3, .seed = seed, .runsAtOnce = false});
  auto in = driver.input<int>("in");
  for (int i = 0; i < 200; ++i) in.onWorker(static_cast<std::size_t>(i) % 4).send(i, i);
  in.end();
  driver.run();
  return {driver.fingerprint(), driver.output<int>("out").drain()};
}

TEST_CASE("the same seed makes the same run, another seed another one with the same results") {
  auto [steps, results] = race(1);
  const auto [sameSteps, sameResults] = race(1);
  REQUIRE(steps == sameSteps);
  REQUIRE(results == sameResults);
  auto [otherSteps, otherResults] = race(2);
  REQUIRE(steps != otherSteps);
  REQUIRE(results != otherResults);
  const auto byValue = [](const auto& a, const auto& b) { return a.value < b.value; };
  std::sort(results.begin(), results.end(), byValue);
  std::sort(otherResults.begin(), otherResults.end(), byValue);
  REQUIRE(results == otherResults);
  REQUIRE(results.size() == 200);
}

TEST_CASE("a worker that is not there cannot be fed") {
  TestDriver driver(clicksPerMinute(), {.workers = 2});
  REQUIRE_THROWS_WITH(driver.input<Click>("clicks").onWorker(2).send({"a"}, 1),
                      Catch::Contains("there are 2 workers"));
}

TEST_CASE("the clock stands still until it is moved") {
  TestDriver driver(clicksPerMinute(), {.now = 1'000});
  REQUIRE(driver.clock().now() == 1'000);
  driver.advanceClock(5ms);
  REQUIRE(driver.clock().now() == 1'005);
  driver.setClock(7);
  REQUIRE(driver.clock().now() == 7);
}

}  // namespace
