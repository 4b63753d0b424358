// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <vector>

#include <millrace/connectors/collection/collection.hpp>

#include "harness/node_operator.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using test::operatorOf;
using testing::OperatorHarness;
using Lines = std::vector<std::string>;
using Context = ProcessContext<std::string, std::string>;

struct Event {
  std::string key;
  int value = 0;
};

std::string same(const std::string& s) { return s; }

template <typename F, typename... Tags>
OperatorHarness harnessOf(F function, const OutputTag<Tags>&... tags) {
  Pipeline pipeline("p");
  auto out = pipeline.source("in", collection(std::vector<Event>{}), noWatermarks())
                 .keyBy(&Event::key)
                 .template process<std::string>("process", function, tags...);
  out.sink("out", discard());
  OperatorHarness harness(operatorOf(pipeline, "process"));
  harness.input<Event>().output<std::string>("main", same);
  return harness;
}

TEST_CASE("a function sees key, time and watermark of each record, and emits at its time") {
  auto harness = harnessOf([](const Event& event, Context& context) {
    if (event.value == 0) return;
    const Timestamp watermark = context.watermark() == kMinTimestamp ? -1 : context.watermark();
    context.emit(context.key() + std::to_string(event.value) + "/" +
                 std::to_string(context.timestamp()) + "/" + std::to_string(watermark));
    if (event.value == 2) context.emit("again");
  });
  harness.record(Event{"a", 1}, 10)
      .record(Event{"b", 0}, 15)
      .record(Event{"b", 2}, 20)
      .watermark(7);
  harness.record(Event{"a", 3}, 30).end();
  REQUIRE(harness.run() == Lines{"main: a1/10/-1@10 b2/20/-1@20 again@20 wm:7 a3/30/7@30 end",
                                 "counts: in 4, out 4, absorbed 4"});
}

struct Totals {
  ValueState<int> total;
  ListState<int> list;
  MapState<std::string, int> map;
  void open(StateContext& states) {
    total = states.value<int>("total");
    list = states.list<int>("list");
    map = states.map<std::string, int>("map");
  }
  void process(const Event& event, Context& context) {
    total.update([&](int& sum) { sum += event.value; });
    context.emit(context.key() + "=" + std::to_string(*total.get()));
  }
};

TEST_CASE("keyed state is each key's own") {
  auto harness = harnessOf(Totals{});
  for (int i = 1; i <= 3; ++i) harness.record(Event{"a", i}, i).record(Event{"b", 10 * i}, i);
  harness.end();
  REQUIRE(harness.run() == Lines{"main: a=1@1 b=10@1 a=3@2 b=30@2 a=6@3 b=60@3 end",
                                 "counts: in 6, out 6, absorbed 6, held 2"});
}

struct EventTimers {
  void process(const Event& event, Context& context) {
    if (event.value < 0) return context.deleteEventTimer(-event.value);
    context.registerEventTimer(event.value);
    context.registerEventTimer(event.value);
  }
  void onTimer(Timestamp time, Context& context) {
    context.emit(context.key() + "!" + std::to_string(time) + "/" +
                 std::to_string(context.watermark()));
    if (time == 10) context.registerEventTimer(12);  // falls into the same sweep
  }
};

TEST_CASE("event timers fire once, in time order, when the watermark has reached them") {
  auto harness = harnessOf(EventTimers{});
  harness.record(Event{"a", 20}, 0).record(Event{"b", 10}, 0).record(Event{"a", 30}, 0);
  harness.record(Event{"a", 25}, 0).record(Event{"a", -25}, 0).record(Event{"a", -99}, 0);
  harness.watermark(9).watermark(19).watermark(20).end();
  REQUIRE(harness.run() == Lines{"main: wm:9 b!10/19@10 b!12/19@12 wm:19 a!20/20@20 wm:20 a!30/" +
                                     std::to_string(kMaxTimestamp) + "@30 end",
                                 "counts: in 6, out 4, absorbed 6"});
}

TEST_CASE("a timer for a time that has been reached fires with the next watermark") {
  auto harness = harnessOf(EventTimers{});
  harness.watermark(50).record(Event{"a", 20}, 60).watermark(51).end(false);
  REQUIRE(harness.run() ==
          Lines{"main: wm:50 a!20/51@20 wm:51 stopped", "counts: in 1, out 1, absorbed 1"});
}

TEST_CASE("timers that are not due when the job is stopped do not fire") {
  auto harness = harnessOf(EventTimers{});
  harness.record(Event{"a", 20}, 0).watermark(19).end(false);
  REQUIRE(harness.run() == Lines{"main: wm:19 stopped", "counts: in 1, absorbed 1"});
}

struct ClockTimers {
  void process(const Event& event, Context& context) {
    if (event.value < 0) return context.deleteProcessingTimer(-event.value);
    context.registerProcessingTimer(event.value);
  }
  void onTimer(Timestamp time, Context& context) {
    context.emit(context.key() + "!" + std::to_string(time) + "/" +
                 std::to_string(context.processingTime()));
  }
};

TEST_CASE("processing timers fire in time order when the clock has reached them") {
  auto harness = harnessOf(ClockTimers{});
  harness.record(Event{"a", 20}, 5)
      .record(Event{"b", 10}, 5)
      .record(Event{"c", 15}, 5)
      .record(Event{"c", -15}, 5);
  harness.clock(9).watermark(1).clock(20).watermark(2).clock(30).end();
  REQUIRE(harness.run() ==
          Lines{"main: wm:1 b!10/20@10 a!20/20@20 wm:2 end", "counts: in 4, out 2, absorbed 4"});
}

struct Expiring {
  ValueState<int> value;
  void open(StateContext& states) {
    value = states.value<int>("value", StateTtl{10ms, TtlRefresh::kOnCreateAndWrite});
  }
  void process(const Event& event, Context& context) {
    context.emit(value.isEmpty() ? "none" : std::to_string(*value.get()));
    if (event.value != 0) value.set(event.value);
  }
};

TEST_CASE("state with a time to live is there until it, and never after") {
  auto harness = harnessOf(Expiring{});
  harness.record(Event{"a", 1}, 0)
      .clock(9)
      .record(Event{"a", 0}, 0)
      .clock(10)
      .record(Event{"a", 0}, 0)
      .end();
  REQUIRE(harness.run().front() == "main: none@0 1@0 none@0 end");
}

TEST_CASE("side outputs take values of their own types") {
  const OutputTag<int> odd("odd");
  const OutputTag<std::string> loud("loud");
  auto harness = harnessOf(
      [odd, loud](const Event& event, Context& context) {
        if (event.value % 2 == 1) context.emit(odd, event.value);
        if (event.value > 3) context.emit(loud, event.key + "!");
        context.emit(event.key);
      },
      odd, loud);
  harness.output<int>("odd", [](int n) { return std::to_string(n); })
      .output<std::string>("loud", same);
  for (int i = 1; i <= 5; ++i) harness.record(Event{"k", i}, i);
  harness.watermark(5).end();
  REQUIRE(harness.run() == Lines{"main: k@1 k@2 k@3 k@4 k@5 wm:5 end", "odd: 1@1 3@3 5@5 wm:5 end",
                                 "loud: k!@4 k!@5 wm:5 end", "counts: in 5, out 10, absorbed 5"});
}

TEST_CASE("emitting to a side output that was not declared fails, with its name") {
  const OutputTag<int> stray("stray");
  auto harness = harnessOf([stray](const Event&, Context& context) { context.emit(stray, 1); });
  harness.record(Event{"k", 1}, 1);
  REQUIRE_THAT(harness.run().front(),
               Catch::Contains("failed: side output 'stray' is not declared"));
}

TEST_CASE("state written without having been declared fails the job") {
  struct Careless {
    ValueState<int> value;
    void process(const Event&, Context&) { value.set(1); }
  };
  auto harness = harnessOf(Careless{});
  harness.record(Event{"k", 1}, 1);
  REQUIRE_THAT(harness.run().front(), Catch::Contains("failed: "));
}

}  // namespace
}  // namespace millrace
