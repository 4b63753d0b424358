// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <vector>

#include <millrace/connectors/collection/collection.hpp>
#include <millrace/connectors/file/line_source.hpp>
#include <millrace/dsl/pipeline.hpp>

namespace millrace {
namespace test {

struct Timed {
  Timestamp at = 0;
};
struct Untimed {
  int number = 0;
};

}  // namespace test

template <>
struct Description<test::Timed> {
  static void describe(Describer<test::Timed>& d) {
    d.name("Timed");
    d.timestamp("at", &test::Timed::at).required().eventTime();
  }
};

template <>
struct Description<test::Untimed> {
  static void describe(Describer<test::Untimed>& d) {
    d.name("Untimed");
    d.field("number", &test::Untimed::number);
  }
};

namespace {

using namespace std::chrono_literals;

std::string faultsOf(const Pipeline& pipeline) { return std::string(pipeline.build().message()); }

SourceStream<int> numbersOf(Pipeline& pipeline, std::string name = "in") {
  return pipeline.source(std::move(name), collection(std::vector<int>{1, 2}), noWatermarks());
}

// The same with event times.
SourceStream<int> timedNumbersOf(Pipeline& pipeline) {
  return pipeline.source("in", collection(std::vector<int>{1, 2}),
                         noWatermarks().timestamps([](const int& n) -> Timestamp { return n; }));
}

int identity(const int& n) { return n; }

TEST_CASE("a pipeline that is right has no faults") {
  Pipeline pipeline("good");
  numbersOf(pipeline).sink("out", discard());
  REQUIRE(pipeline.build().ok());
}

TEST_CASE("an empty pipeline says how to begin") {
  REQUIRE(faultsOf(Pipeline("p")) ==
          "pipeline 'p' has 1 error:\n"
          "  - the pipeline is empty (start it with .source(name, connector, watermarks))");
}

TEST_CASE("all faults are told at once, each with its fix") {
  Pipeline pipeline("p");
  auto in = pipeline.source("", collection(std::vector<int>{}), boundedOutOfOrderness(-1s));
  in.map(identity).named("");
  in.map(identity).named("twin").sink("twin", discard());
  in.keyBy(identity)
      .window(tumbling(0s))
      .allowedLateness(-1s)
      .aggregate("", count())
      .sink("", discard());
  const std::string faults = faultsOf(pipeline);
  INFO(faults);
  for (const char* fault : {
           "pipeline 'p' has 10 errors:",
           "\n  - source '': the out-of-orderness is negative (0s or more)",
           "\n  - a source needs a name (.source(\"events\", ...))",
           "\n  - map 'map-1' is given an empty name (give it a word)",
           "\n  - aggregate '': size of tumbling windows is 0ms (must be positive)",
           "\n  - aggregate '': allowed lateness is -1s (must not be negative)",
           "\n  - aggregate keeps state and needs a name (.aggregate(\"name\", ...))",
           "\n  - a sink needs a name (.sink(\"results\", ...))",
           "\n  - 2 operators are named 'twin' (names tell state and metrics apart: choose "
           "different ones)",
           "\n  - nothing reads the output of map 'map-1' (end it with .sink(...), or "
           ".sink(\"name\", discard()) "
           "to drop it knowingly)",
           "\n  - aggregate 'aggregate-4' needs event times, and source 'source-0' has none (take "
           "them from its records: "
           ".source(name, connector, boundedOutOfOrderness(5s).timestamps(&Record::time)))",
       }) {
    CHECK_THAT(faults, Catch::Contains(fault));
  }
}

TEST_CASE("windows and their options are checked where the pipeline is") {
  Pipeline pipeline("p");
  timedNumbersOf(pipeline)
      .keyBy(identity)
      .window(sliding(1min, 0s))
      .allowedLateness(-1s)
      .aggregate("sliding", count())
      .sink("out", discard());
  const std::string faults = faultsOf(pipeline);
  REQUIRE_THAT(faults, Catch::Contains("has 2 errors") && Catch::Contains("aggregate 'sliding': "));
}

TEST_CASE("a stream that nobody reads is a fault, side and late outputs may be left") {
  Pipeline pipeline("p");
  const OutputTag<int> side("side");
  auto in = numbersOf(pipeline);
  in.keyBy(identity).process<int>(
      "unread", [](const int&, ProcessContext<int, int>&) {}, side);
  REQUIRE_THAT(faultsOf(pipeline), Catch::Contains("nothing reads the output of process 'unread'"));

  Pipeline fine("p");
  timedNumbersOf(fine)
      .keyBy(identity)
      .window(tumbling(1s))
      .aggregate("windows", count())
      .sink("out", discard());
  REQUIRE(fine.build().ok());
}

TEST_CASE("windows of event time behind a source without one are a fault, whatever lies between") {
  const auto faultsOfCounts = [](auto connect) {
    Pipeline pipeline("p");
    connect(pipeline)
        .keyBy(identity)
        .window(session(1s))
        .aggregate("counts", count())
        .sink("out", discard());
    return faultsOf(pipeline);
  };
  const std::string untimed =
      "pipeline 'p' has 1 error:\n"
      "  - aggregate 'counts' needs event times, and source 'in' has none (take them from its "
      "records: "
      ".source(name, connector, boundedOutOfOrderness(5s).timestamps(&Record::time)))";
  CHECK(faultsOfCounts([](Pipeline& p) { return numbersOf(p); }) == untimed);
  CHECK(faultsOfCounts([](Pipeline& p) { return numbersOf(p).map(identity).filter(identity); }) ==
        untimed);
  CHECK(faultsOfCounts([](Pipeline& p) {
          return p
              .source("timed", collection(std::vector<int>{}), noWatermarks().timestamps(identity))
              .unite(numbersOf(p));
        }) == untimed);
  CHECK(faultsOfCounts([](Pipeline& p) { return timedNumbersOf(p).map(identity); }).empty());
  // Its timers may have times.
  CHECK(faultsOfCounts([](Pipeline& p) {
          return numbersOf(p).keyBy(identity).process<int>(
              "process", [](const int&, ProcessContext<int, int>&) {});
        }).empty());

  Pipeline global("p");
  numbersOf(global)
      .keyBy(identity)
      .window(millrace::global(2))
      .aggregate("counts", count())
      .sink("out", discard());
  CHECK(global.build().ok());
}

TEST_CASE("files have event times where their format does") {
  const auto faultsOfLines = [](auto source) {
    Pipeline pipeline("p");
    pipeline.source("in", source, noWatermarks())
        .keyBy([](const auto&) { return 0; })
        .window(tumbling(1s))
        .aggregate("counts", count())
        .sink("out", discard());
    return faultsOf(pipeline);
  };
  CHECK(faultsOfLines(file<test::Timed>("x")).empty());
  CHECK_THAT(faultsOfLines(file<test::Untimed>("x")), Catch::Contains("source 'in' has none"));
  CHECK_THAT(faultsOfLines(file<std::string>("x")), Catch::Contains("source 'in' has none"));
}

TEST_CASE("a side output that was not declared is a fault, with its name") {
  Pipeline pipeline("p");
  const OutputTag<int> side("side");
  auto processed = numbersOf(pipeline).keyBy(identity).process<int>(
      "process", [](const int&, ProcessContext<int, int>&) {});
  processed.sink("out", discard());
  processed.sideOutput(side).sink("side", discard());
  REQUIRE_THAT(faultsOf(pipeline),
               Catch::Contains("side output 'side' of 'process' is not declared"));
}

TEST_CASE("streams of different pipelines cannot be united") {
  Pipeline one("one");
  Pipeline other("other");
  auto foreign = numbersOf(other).map(identity).map(identity).map(identity);
  foreign.sink("out", discard());
  numbersOf(one).unite(foreign).named("both").sink("out", discard());
  REQUIRE_THAT(faultsOf(one),
               Catch::Contains("unite: a stream of pipeline 'other' is not one of 'one'"));
  REQUIRE(other.build().ok());
  REQUIRE_FALSE(one.explain().empty());
}

TEST_CASE("names made from the verbs are unique and do not clash with given ones") {
  Pipeline pipeline("p");
  auto in = numbersOf(pipeline);
  in.map(identity).map(identity).sink("out", discard());
  REQUIRE(pipeline.build().ok());
  Pipeline clashing("p");
  numbersOf(clashing).map(identity).sink("map-1", discard());
  REQUIRE_THAT(faultsOf(clashing), Catch::Contains("2 operators are named 'map-1'"));
}

}  // namespace
}  // namespace millrace
