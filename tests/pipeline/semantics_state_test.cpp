// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <millrace/connectors/collection/collection.hpp>
#include <millrace/testing/test_driver.hpp>

namespace millrace {
namespace {

using namespace std::chrono_literals;
using testing::TestDriver;
using testing::TimedValue;
using Context = ProcessContext<std::string, std::string>;
using Texts = std::vector<std::string>;

struct Order {
  std::string key;
  std::string what;
  Timestamp time = 0;
};

// Does as it is ordered: "event", "clock", "drop-event", "drop-clock" with the order's time.
struct Timing {
  void process(const Order& order, Context& context) {
    if (order.what == "event") context.registerEventTimer(order.time);
    if (order.what == "clock") context.registerProcessingTimer(order.time);
    if (order.what == "drop-event") context.deleteEventTimer(order.time);
    if (order.what == "drop-clock") context.deleteProcessingTimer(order.time);
  }
  void onTimer(Timestamp time, Context& context) {
    context.emit(context.key() + "!" + std::to_string(time));
  }
};

template <typename F>
struct Run {
  explicit Run(F function, testing::TestDriverOptions options = {})
      : driver(pipelineOf(std::move(function)), std::move(options)),
        in(driver.input<Order>("in")) {}
  static Pipeline pipelineOf(F function) {
    Pipeline pipeline("p");
    pipeline.source("in", collection(std::vector<Order>{}), noWatermarks())
        .keyBy(&Order::key)
        .template process<std::string>("process", std::move(function))
        .sink("out", discard());
    return pipeline;
  }
  void order(std::string what, Timestamp time, std::string key = "k") {
    in.send({std::move(key), std::move(what), time}, 0);
  }
  Texts out() { return driver.output<std::string>("out").values(); }

  TestDriver driver;
  testing::TestInput<Order> in;
};

TEST_CASE("an event timer fires when the watermark has reached it") {
  Run it(Timing{});
  it.order("event", 10);
  it.in.watermark(9);
  REQUIRE(it.out().empty());
  it.in.watermark(10);
  REQUIRE(it.driver.output<std::string>("out").drain() ==
          std::vector<TimedValue<std::string>>{{"k!10", 10}});
  it.in.watermark(11);
  REQUIRE(it.out().empty());
}

TEST_CASE("a timer is unique per key and time") {
  Run it(Timing{});
  for (int i = 0; i < 3; ++i) it.order("event", 10);
  it.order("event", 10, "other");
  it.in.watermark(10);
  REQUIRE(it.out().size() == 2);
}

TEST_CASE("event timers fire in time order") {
  Run it(Timing{});
  for (const Timestamp time : {30, 10, 20}) it.order("event", time);
  it.in.watermark(100);
  REQUIRE(it.out() == Texts{"k!10", "k!20", "k!30"});
}

TEST_CASE("a deleted timer does not fire, and deleting one that is not there does nothing") {
  Run it(Timing{});
  it.order("event", 10);
  it.order("event", 20);
  it.order("drop-event", 10);
  it.order("drop-event", 99);
  it.order("clock", 10);
  it.order("drop-clock", 10);
  it.driver.advanceClock(100ms);
  it.in.watermark(100);
  REQUIRE(it.out() == Texts{"k!20"});
}

TEST_CASE("event timers that are left fire at the end of input, and not when the job is stopped") {
  Run ended(Timing{});
  ended.order("event", 10);
  ended.in.end();
  REQUIRE(ended.out() == Texts{"k!10"});
  Run stopped(Timing{});
  stopped.order("event", 10);
  stopped.driver.stop();
  REQUIRE(stopped.out().empty());
}

TEST_CASE("a processing timer fires when the clock has reached it, whatever event time does") {
  Run it(Timing{});
  it.order("clock", 100);
  it.in.watermark(1'000);
  it.driver.advanceClock(99ms);
  REQUIRE(it.out().empty());
  it.driver.advanceClock(1ms);
  REQUIRE(it.out() == Texts{"k!100"});
}

TEST_CASE("a processing timer for a time that has passed fires at once") {
  Run it(Timing{}, {.now = 500});
  it.order("clock", 100);
  REQUIRE(it.out() == Texts{"k!100"});
}

// Runs a function over the key's state.
template <typename F>
struct Stateful {
  StateTtl ttl;
  F use;
  ValueState<int> value;
  ListState<int> list;
  MapState<std::string, int> map;
  void open(StateContext& states) {
    value = states.value<int>("value", ttl);
    list = states.list<int>("list", ttl);
    map = states.map<std::string, int>("map", ttl);
  }
  void process(const Order& order, Context& context) { use(*this, order, context); }
};

template <typename F>
auto withState(StateTtl ttl, F use) {
  return Stateful<F>{ttl, std::move(use), {}, {}, {}};
}

const auto writeOrRead = [](auto& state, const Order& order, Context& context) {
  if (order.what == "write") state.value.set(static_cast<int>(order.time));
  if (order.what == "read")
    context.emit(state.value.isEmpty() ? "none" : std::to_string(*state.value.get()));
};

TEST_CASE("state expires after its time to live, counted from the last write") {
  Run it(withState({10ms, TtlRefresh::kOnCreateAndWrite}, writeOrRead));
  it.order("write", 1);
  it.driver.advanceClock(9ms);
  it.order("read", 0);
  it.order("write", 2);
  it.driver.advanceClock(9ms);
  it.order("read", 0);
  it.driver.advanceClock(1ms);
  it.order("read", 0);
  REQUIRE(it.out() == Texts{"1", "2", "none"});
}

TEST_CASE("reading puts expiry off only where that is chosen") {
  for (const TtlRefresh refresh : {TtlRefresh::kOnCreateAndWrite, TtlRefresh::kOnReadAndWrite}) {
    Run it(withState({10ms, refresh}, writeOrRead));
    it.order("write", 1);
    it.driver.advanceClock(9ms);
    it.order("read", 0);
    it.driver.advanceClock(9ms);
    it.order("read", 0);
    REQUIRE(it.out() == Texts{"1", refresh == TtlRefresh::kOnReadAndWrite ? "1" : "none"});
  }
}

TEST_CASE("elements of lists and maps expire each by itself") {
  Run it(withState({10ms, TtlRefresh::kOnCreateAndWrite},
                   [](auto& state, const Order& order, Context& context) {
                     if (order.what == "write") {
                       state.list.add(static_cast<int>(order.time));
                       state.map.put(std::to_string(order.time), 1);
                       return;
                     }
                     std::string text;
                     for (const int n : state.list.view()) text += std::to_string(n) + " ";
                     for (const char* key : {"1", "2"})
                       text += state.map.contains(key) ? "yes " : "no ";
                     context.emit(text);
                   }));
  it.order("write", 1);
  it.driver.advanceClock(5ms);
  it.order("write", 2);
  it.order("read", 0);
  it.driver.advanceClock(5ms);
  it.order("read", 0);
  REQUIRE(it.out() == Texts{"1 2 yes yes ", "2 no yes "});
}

TEST_CASE("expired state is removed in the background, though nobody asks for it") {
  Run it(withState({10ms, TtlRefresh::kOnCreateAndWrite}, writeOrRead));
  for (int i = 0; i < 100; ++i) it.order("write", i, "key" + std::to_string(i));
  REQUIRE(it.driver.countsOf("process").held == 100);
  it.driver.advanceClock(10ms);
  for (int i = 0; i < 1'000; ++i) it.order("nothing", 0, "other");
  REQUIRE(it.driver.countsOf("process").held == 0);
}

TEST_CASE("a running reduce tells what the key's records so far come to") {
  Pipeline pipeline("reduce");
  auto keyed =
      pipeline.source("in", collection(std::vector<int>{}), noWatermarks()).keyBy([](const int& n) {
        return n % 2;
      });
  keyed.reduce("sum", [](const int& a, const int& b) { return a + b; }).sink("sums", discard());
  keyed.aggregate("counts", count()).sink("counts-out", discard());
  TestDriver driver(pipeline);
  driver.input<int>("in").sendAll({{1, 1}, {2, 2}, {3, 3}, {5, 5}});
  REQUIRE(driver.output<int>("sums").values() == std::vector<int>{1, 2, 4, 9});
  using Counted = std::pair<int, std::int64_t>;
  REQUIRE(driver.output<Counted>("counts-out").values() ==
          std::vector<Counted>{{1, 1}, {0, 1}, {1, 2}, {1, 3}});
}

}  // namespace
}  // namespace millrace
