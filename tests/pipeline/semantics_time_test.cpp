// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <chrono>
#include <optional>

#include "harness/function_source.hpp"
#include "pipeline/counted.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace test;
using testing::TestDriver;

TEST_CASE("the slowest input holds time back") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)); }, {.workers = 2});
  it.tick(1);
  it.in.onWorker(0).watermark(50);
  it.in.onWorker(1).watermark(5);
  it.in.onWorker(0).watermark(60);
  REQUIRE(it.out() == Texts{"k=1 [0,10)"});  // worker 1 was idle when 50 was said
  it.tick(55);
  REQUIRE(it.out().empty());
}

TEST_CASE("an idle input is left out, and counts again once it has caught up") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)); }, {.workers = 2});
  it.in.watermark(0);
  it.tick(1);
  it.in.onWorker(0).watermark(30);
  REQUIRE(it.out().empty());
  it.in.onWorker(1).idle();
  REQUIRE(it.out() == Texts{"k=1 [0,10)"});
  it.tick(31);
  it.in.onWorker(1).send({"k"}, 15);  // wakes, behind: late, and holds nothing
  REQUIRE(it.late() == Times{15});
  it.in.onWorker(0).watermark(39);
  REQUIRE(it.out() == Texts{"k=1 [30,40)"});
  it.in.onWorker(1).watermark(45);  // has caught up
  it.tick(41);
  it.in.onWorker(0).watermark(100);
  REQUIRE(it.out().empty());
  it.in.onWorker(1).watermark(49);
  REQUIRE(it.out() == Texts{"k=1 [40,50)"});
}

TEST_CASE("when the last input goes idle the highest watermark of all is reached") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)); }, {.workers = 2});
  it.in.watermark(0);
  it.tick(1);
  it.in.onWorker(0).watermark(30);
  it.in.onWorker(0).idle();
  REQUIRE(it.out().empty());
  it.in.onWorker(1).idle();
  REQUIRE(it.out() == Texts{"k=1 [0,10)"});
}

TEST_CASE("an input that ends no longer holds time back, and the end waits for all") {
  Counted it([](auto keyed) { return keyed.window(tumbling(10ms)); }, {.workers = 2});
  it.in.watermark(0);
  it.tick(1);
  it.tick(35);
  it.in.onWorker(0).watermark(30);
  it.in.onWorker(1).end();
  REQUIRE(it.out() == Texts{"k=1 [0,10)"});
  it.in.onWorker(0).end();
  REQUIRE(it.out() == Texts{"k=1 [30,40) end-of-input"});
}

TEST_CASE("united streams go by the slower of them") {
  Pipeline pipeline("united");
  auto left = pipeline.source("left", collection(std::vector<Tick>{}), noWatermarks());
  auto right = pipeline.source("right", collection(std::vector<Tick>{}), noWatermarks());
  left.unite(right)
      .keyBy(&Tick::key)
      .window(tumbling(10ms))
      .aggregate("windows", count())
      .sink("out", discard());
  TestDriver driver(pipeline);
  driver.input<Tick>("left").send({}, 1);
  driver.input<Tick>("right").send({}, 2);
  driver.input<Tick>("left").watermark(100);
  REQUIRE(driver.output<CountRow>("out").drain().empty());
  driver.input<Tick>("right").watermark(9);
  REQUIRE(driver.output<CountRow>("out").values() ==
          std::vector<CountRow>{{"k", 2, 0, 10, Pane::kOnTime}});
}

TEST_CASE("one of two united streams ends: windows of the other stay open") {
  Pipeline pipeline("united");
  auto left = pipeline.source("left", collection(std::vector<Tick>{}), noWatermarks());
  auto right = pipeline.source("right", collection(std::vector<Tick>{}), noWatermarks());
  left.unite(right)
      .keyBy(&Tick::key)
      .window(tumbling(10ms))
      .aggregate("windows", count())
      .sink("out", discard());
  TestDriver driver(pipeline, {.workers = 2});
  driver.input<Tick>("left").send({}, 1);
  driver.input<Tick>("left").end();
  REQUIRE(driver.output<CountRow>("out").drain().empty());
  driver.input<Tick>("right").send({}, 2);
  driver.input<Tick>("right").watermark(9);
  REQUIRE(driver.output<CountRow>("out").values() ==
          std::vector<CountRow>{{"k", 2, 0, 10, Pane::kOnTime}});
}

// Times that a source with a real watermark strategy is given one by one, at a wall clock of
// choice.
struct Script {
  std::vector<std::pair<Timestamp, Timestamp>> events;  // when they come, their event time
  std::size_t next = 0;
  bool ends = false;
};

struct Live {
  Live(WatermarkStrategy strategy, std::vector<std::pair<Timestamp, Timestamp>> events)
      : script(std::make_shared<Script>()), driver(pipelineOf(strategy), {.keep = {"in"}}) {
    script->events = std::move(events);
  }
  Pipeline pipelineOf(WatermarkStrategy strategy) {
    Pipeline pipeline("live");
    FunctionSource<Tick> source([from = script](SourceOutput<Tick>& out, OperatorContext& context) {
      out.split(0);
      while (from->next < from->events.size() && !out.isFull() &&
             from->events[from->next].first <= context.processingTime()) {
        out.append(from->events[from->next++].second) = Tick{};
      }
      return from->ends ? ReadState::kEnd : ReadState::kQuiet;
    });
    auto counts = pipeline.source("in", source, strategy)
                      .keyBy(&Tick::key)
                      .window(tumbling(10ms))
                      .aggregate("windows", count());
    counts.sink("out", discard());
    return pipeline;
  }
  std::vector<Timestamp> firedAt(Timestamp now) {
    driver.setClock(now);
    std::vector<Timestamp> starts;
    for (const CountRow& result : driver.output<CountRow>("out").values())
      starts.push_back(result.windowStart);
    return starts;
  }
  std::shared_ptr<Script> script;
  TestDriver driver;
};

TEST_CASE("bounded out-of-orderness keeps windows open for records that come that much late") {
  Live it(boundedOutOfOrderness(5ms), {{1, 8}, {2, 14}, {3, 9}, {4, 15}, {5, 9}});
  REQUIRE(it.firedAt(1).empty());
  REQUIRE(it.firedAt(2).empty());  // 14 - 5 - 1 = 8
  REQUIRE(it.firedAt(3).empty());
  REQUIRE(it.firedAt(4) == Times{0});  // 15 - 5 - 1 = 9
  REQUIRE(it.driver.counts().late() == 0);
  it.firedAt(5);
  REQUIRE(it.driver.counts().late() == 1);
}

TEST_CASE("a source that falls silent is idle after its timeout, and alone fires nothing more") {
  Live it(boundedOutOfOrderness(0ms).withIdleness(30ms), {{1, 15}, {100, 25}});
  REQUIRE(it.firedAt(1).empty());
  REQUIRE(it.firedAt(50).empty());
  REQUIRE(it.firedAt(100) == Times{10});
}

TEST_CASE(
    "an event dated far in the future is counted and in its window, and does not drag time there") {
  Live it(boundedOutOfOrderness(0ms).withFutureLimit(1s),
          {{1, 5}, {2, 1'000'000}, {3, 6}, {4, 20}});
  REQUIRE(it.firedAt(3).empty());
  REQUIRE(it.firedAt(4) == Times{0});
  REQUIRE(it.driver.counts().late() == 0);
  REQUIRE(it.driver.countsOf("in").futureDated == 1);
  it.script->ends = true;
  REQUIRE(it.firedAt(5) == Times{20, 1'000'000});
}

TEST_CASE("without a future limit such an event makes the rest late") {
  Live it(boundedOutOfOrderness(0ms), {{1, 5}, {2, 1'000'000}, {3, 6}});
  it.firedAt(1);
  REQUIRE(it.firedAt(2) == Times{0});
  it.firedAt(3);
  REQUIRE(it.driver.counts().late() == 1);
}

TEST_CASE("without watermarks nothing fires before the end of input") {
  Live it(noWatermarks(), {{1, 5}, {2, 1'000}});
  REQUIRE(it.firedAt(2).empty());
  it.script->ends = true;
  REQUIRE(it.firedAt(3) == Times{0, 1'000});
}

TEST_CASE("a record without an event time is invalid, never now") {
  Pipeline pipeline("invalid");
  auto in = pipeline.source(
      "in", collection(std::vector<int>{1, 2, 3}),
      boundedOutOfOrderness(0ms).timestamps([](const int& n) -> std::optional<Timestamp> {
        if (n == 2) return std::nullopt;
        return n;
      }));
  in.sink("out", discard());
  in.deadLetters().sink("letters", discard());
  TestDriver driver(pipeline, {.now = 77, .keep = {"in"}});
  const auto out = driver.output<int>("out").drain();
  REQUIRE(out == std::vector<testing::TimedValue<int>>{{1, 1}, {3, 3}});
  REQUIRE(driver.output<DeadLetter>("letters").drain().size() == 1);
  REQUIRE(driver.counts().invalid() == 1);
  REQUIRE(driver.counts().recordsIn() == 3);
}

TEST_CASE("a source with nothing to read ends at once, and the job with it") {
  Pipeline pipeline("nothing");
  pipeline.source("in", collection(std::vector<int>{}), boundedOutOfOrderness(5s))
      .sink("out", discard());
  TestDriver driver(pipeline, {.workers = 4, .keep = {"in"}});
  REQUIRE(driver.isFinished());
  REQUIRE(driver.result().ok());
}

}  // namespace
}  // namespace millrace
