// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include <millrace/connectors/collection/collection.hpp>

#include "harness/node_operator.hpp"

namespace millrace {
namespace {

using test::operatorOf;
using test::partitionerOf;
using testing::OperatorHarness;
using Lines = std::vector<std::string>;

std::string text(int n) { return std::to_string(n); }
std::string same(const std::string& s) { return s; }

SourceStream<int> numbersOf(Pipeline& pipeline) {
  return pipeline.source("in", collection(std::vector<int>{}), noWatermarks());
}

void feed(OperatorHarness& harness) {
  for (int i = 1; i <= 5; ++i) harness.record(i, i * 10);
  harness.watermark(50).record(6, 60).idle().active().watermark(60).end();
}

TEST_CASE("map gives one result for each record, at its time") {
  Pipeline pipeline("p");
  numbersOf(pipeline)
      .map([](const int& n) { return "n" + std::to_string(n); })
      .named("map")
      .sink("out", discard());
  OperatorHarness harness(operatorOf(pipeline, "map"));
  harness.input<int>().output<std::string>("main", same);
  feed(harness);
  REQUIRE(harness.run() ==
          Lines{"main: n1@10 n2@20 n3@30 n4@40 n5@50 wm:50 n6@60 idle active wm:60 end",
                "counts: in 6, out 6"});
}

TEST_CASE("filter passes what its predicate holds for and counts the rest as filtered") {
  Pipeline pipeline("p");
  numbersOf(pipeline)
      .filter([](const int& n) { return n % 2 == 0; })
      .named("even")
      .sink("out", discard());
  OperatorHarness harness(operatorOf(pipeline, "even"));
  harness.input<int>().output<int>("main", text);
  feed(harness);
  REQUIRE(harness.run() == Lines{"main: 2@20 4@40 wm:50 6@60 idle active wm:60 end",
                                 "counts: in 6, out 3, filtered 3"});
}

TEST_CASE("filter may keep everything or nothing") {
  for (const bool keeps : {true, false}) {
    Pipeline pipeline("p");
    numbersOf(pipeline)
        .filter([keeps](const int&) { return keeps; })
        .named("f")
        .sink("out", discard());
    OperatorHarness harness(operatorOf(pipeline, "f"));
    harness.input<int>().output<int>("main", text);
    harness.record(1, 1).record(2, 2).end();
    REQUIRE(harness.run() == (keeps ? Lines{"main: 1@1 2@2 end", "counts: in 2, out 2"}
                                    : Lines{"main: end", "counts: in 2, filtered 2"}));
  }
}

TEST_CASE("filter keeps strings whole while it moves them") {
  Pipeline pipeline("p");
  pipeline.source("in", collection(std::vector<std::string>{}), noWatermarks())
      .filter([](const std::string& s) { return s.size() > 1; })
      .named("f")
      .sink("out", discard());
  OperatorHarness harness(operatorOf(pipeline, "f"));
  harness.input<std::string>().output<std::string>("main", same);
  for (const char* word :
       {"a", "bb", "c", "a string that is long enough to lie on the heap", "dd"}) {
    harness.record(std::string(word), 0);
  }
  REQUIRE(harness.run().front() ==
          "main: bb@0 a string that is long enough to lie on the heap@0 dd@0");
}

TEST_CASE("flatMap gives any number of results for each record") {
  Pipeline pipeline("p");
  numbersOf(pipeline)
      .flatMap<int>([](const int& n, Collector<int>& out) {
        for (int i = 0; i < n - 1; ++i) out.emit(n * 10 + i);
        if (n == 2) out.append() = 99;
      })
      .named("flat")
      .sink("out", discard());
  OperatorHarness harness(operatorOf(pipeline, "flat"));
  harness.input<int>().output<int>("main", text);
  harness.record(1, 1).record(2, 2).record(3, 3).watermark(3).record(4, 4).end();
  REQUIRE(harness.run() ==
          Lines{"main: 20@2 99@2 30@3 31@3 wm:3 40@4 41@4 42@4 end", "counts: in 4, out 7"});
}

TEST_CASE("peek sees every record once, in order, and passes it on") {
  auto seen = std::make_shared<std::vector<int>>();
  Pipeline pipeline("p");
  numbersOf(pipeline)
      .peek([seen](const int& n) { seen->push_back(n); })
      .named("peek")
      .sink("out", discard());
  for (const testing::HarnessMode& mode : OperatorHarness::modes()) {
    seen->clear();
    OperatorHarness harness(operatorOf(pipeline, "peek"));
    harness.input<int>().output<int>("main", text);
    feed(harness);
    REQUIRE(harness.run(mode) ==
            Lines{"main: 1@10 2@20 3@30 4@40 5@50 wm:50 6@60 idle active wm:60 end",
                  "counts: in 6, out 6"});
    REQUIRE(*seen == std::vector<int>{1, 2, 3, 4, 5, 6});
  }
}

TEST_CASE("unite merges streams, their watermarks and their idleness") {
  Pipeline pipeline("p");
  auto other = pipeline.source("other", collection(std::vector<int>{}), noWatermarks());
  numbersOf(pipeline).unite(other).named("unite").sink("out", discard());
  OperatorHarness harness(operatorOf(pipeline, "unite"));
  harness.input<int>().input<int>().output<int>("main", text);
  harness.record(1, 1, 0).watermark(5, 0).record(2, 2, 1).watermark(3, 1).record(3, 9, 0);
  harness.idle(1).watermark(8, 0).active(1).watermark(9, 0).watermark(20, 1).endOf(0).endOf(1);
  REQUIRE(harness.run() ==
          Lines{"main: 1@1 2@2 wm:3 3@9 wm:5 wm:8 wm:9 wm:20 end", "counts: in 3, out 3"});
}

TEST_CASE("split sends each record to the first stream whose predicate holds, or to the last") {
  Pipeline pipeline("p");
  auto parts = numbersOf(pipeline).split([](const int& n) { return n % 2 == 0; },
                                         [](const int& n) { return n % 3 == 0; });
  REQUIRE(parts.size() == 3);
  parts[0].named("split").sink("even", discard());
  OperatorHarness harness(operatorOf(pipeline, "split"));
  harness.input<int>()
      .output<int>("even", text)
      .output<int>("third", text)
      .output<int>("rest", text);
  feed(harness);
  REQUIRE(harness.run() == Lines{"even: 2@20 4@40 wm:50 6@60 idle active wm:60 end",
                                 "third: 3@30 wm:50 idle active wm:60 end",
                                 "rest: 1@10 5@50 wm:50 idle active wm:60 end",
                                 "counts: in 6, out 6"});
}

TEST_CASE("what a split gives to a stream that nobody reads is counted as filtered") {
  Pipeline pipeline("p");
  auto parts = numbersOf(pipeline).split([](const int& n) { return n % 2 == 0; });
  parts[0].named("split").sink("even", discard());
  OperatorHarness harness(operatorOf(pipeline, "split"));
  harness.input<int>().output<int>("even", text).unreadOutput<int>();
  feed(harness);
  REQUIRE(harness.run() == Lines{"even: 2@20 4@40 wm:50 6@60 idle active wm:60 end",
                                 "counts: in 6, out 3, filtered 3"});
}

TEST_CASE("keyBy's shuffle sends every record of a key to the worker that owns its key group") {
  constexpr std::size_t kWorkers = 3;
  Pipeline pipeline("p");
  numbersOf(pipeline)
      .keyBy([](const int& n) { return n % 5; })
      .process<int>("keyed", [](const int&, ProcessContext<int, int>&) {})
      .sink("out", discard());
  OperatorHarness harness(partitionerOf(pipeline, "keyed", kWorkers));
  harness.workers(kWorkers).input<int>();
  const KeyRouter router(128, kWorkers);
  Lines expected = {"0:", "1:", "2:"};
  for (std::size_t worker = 0; worker < kWorkers; ++worker)
    harness.output<int>(std::to_string(worker), text);
  for (int i = 0; i < 12; ++i) {
    harness.record(i, i);
    expected[router.workerOf(millraceHash(i % 5))] +=
        " " + std::to_string(i) + "@" + std::to_string(i);
  }
  harness.watermark(12).idle().active().end();
  for (std::string& line : expected) line += " wm:12 idle active end";
  expected.emplace_back("counts: in 12, out 12");
  REQUIRE(harness.run() == expected);
}

TEST_CASE(
    "every worker owns some key groups, and a key's owner does not depend on its neighbours") {
  for (const std::size_t workers : {1U, 2U, 4U, 128U}) {
    const KeyRouter router(128, workers);
    std::vector<int> keys(workers, 0);
    for (std::uint64_t key = 0; key < 10'000; ++key) ++keys[router.workerOf(millraceHash(key))];
    for (const int count : keys) REQUIRE(count > 0);
  }
}

}  // namespace
}  // namespace millrace
