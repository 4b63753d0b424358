// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <chrono>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <millrace/connectors/collection/collection.hpp>
#include <millrace/dsl/pipeline.hpp>

namespace millrace {
namespace {

using namespace std::chrono_literals;

// Two sources united, a filter, a combining window with late output, a process with a side output.
Pipeline sample() {
  Pipeline pipeline("sample");
  auto more = pipeline.source("more", collection(std::vector<int>{1}), noWatermarks());
  auto all = pipeline.source("in", collection(std::vector<int>{1, 2}), noWatermarks()).unite(more);
  auto even = all.filter([](const int& n) { return n % 2 == 0; }).named("even ones");
  const auto self = [](const int& n) { return n; };
  even.keyBy(self)
      .window(tumbling(1min))
      .aggregate("per-minute", count())
      .sink("counts", discard());
  const OutputTag<std::string> side("side");
  auto processed = even.keyBy(self).process<int>(
      "process", [](const int&, ProcessContext<int, int>&) {}, side);
  processed.sink("out", discard());
  processed.sideOutput(side).sink("aside", discard());
  return pipeline;
}

TEST_CASE("explain shows each result with what it is made from") {
  REQUIRE(sample().explain() ==
          R"(pipeline 'sample'
sink 'counts' discard
`- [forward] aggregate 'per-minute' tumbling(1m) -> WindowResult<i32, i64>
   `- [hash(i32), combined] filter 'even ones' -> i32
      `- [forward] unite 'unite-2' -> i32
         |- [forward] source 'in' collection(2 values) -> i32
         `- [forward] source 'more' collection(1 values) -> i32
sink 'out' discard
`- [forward] process 'process' -> i32
   `- [hash(i32)] filter 'even ones' -> i32
      `- [forward] unite 'unite-2' -> i32
         |- [forward] source 'in' collection(2 values) -> i32
         `- [forward] source 'more' collection(1 values) -> i32
sink 'aside' discard
`- [forward, side] process 'process' -> i32
   `- [hash(i32)] filter 'even ones' -> i32
      `- [forward] unite 'unite-2' -> i32
         |- [forward] source 'in' collection(2 values) -> i32
         `- [forward] source 'more' collection(1 values) -> i32
)");
}

TEST_CASE("toDot draws nodes and labelled edges") {
  REQUIRE(sample().toDot() ==
          R"~(digraph "sample" {
  rankdir=LR;
  node [shape=box];
  n0 [label="more\nsource collection(1 values)"];
  n1 [label="in\nsource collection(2 values)"];
  n2 [label="unite-2\nunite"];
  n3 [label="even ones\nfilter"];
  n4 [label="per-minute\naggregate tumbling(1m)"];
  n5 [label="counts\nsink discard"];
  n6 [label="process\nprocess"];
  n7 [label="out\nsink discard"];
  n8 [label="aside\nsink discard"];
  n1 -> n2 [label="forward"];
  n0 -> n2 [label="forward"];
  n2 -> n3 [label="forward"];
  n3 -> n4 [label="hash(i32), combined"];
  n4 -> n5 [label="forward"];
  n3 -> n6 [label="hash(i32)"];
  n6 -> n7 [label="forward"];
  n6 -> n8 [label="forward, side"];
}
)~");
}

TEST_CASE("toJson lists nodes and edges") {
  Pipeline pipeline("a \"b\"\n");
  pipeline.source("in", collection(std::vector<int>{}), noWatermarks())
      .keyBy([](const int& n) { return n; })
      .process<int>("p", [](const int&, ProcessContext<int, int>&) {})
      .sink("out\\", discard());
  REQUIRE(
      pipeline.toJson() ==
      R"~({"name":"a \"b\"\n","nodes":[)~"
      R"~({"id":0,"kind":"source","verb":"source","name":"in","detail":"collection(0 values)","stateful":false},)~"
      R"~({"id":1,"kind":"operator","verb":"process","name":"p","detail":"","stateful":true},)~"
      R"~({"id":2,"kind":"sink","verb":"sink","name":"out\\","detail":"discard","stateful":false}],)~"
      R"~("edges":[{"from":0,"to":1,"ship":"hash","output":"","type":"i32"},)~"
      R"~({"from":1,"to":2,"ship":"forward","output":"","type":"i32"}]})~");
}

TEST_CASE("describe is a topology in the form of Kafka Streams, cut at the shuffles") {
  REQUIRE(sample().describe() ==
          R"(Topologies:
   Sub-topology: 0
    Source: more (topics: [more])
      --> unite-2
    Source: in (topics: [in])
      --> unite-2
    Processor: unite-2 (stores: [])
      --> even-ones
      <-- in, more
    Processor: even-ones (stores: [])
      --> per-minute, process
      <-- unite-2
   Sub-topology: 1
    Processor: per-minute (stores: [per-minute])
      --> counts
      <-- even-ones
    Sink: counts (topic: counts)
      <-- per-minute
   Sub-topology: 2
    Processor: process (stores: [process])
      --> out, aside
      <-- even-ones
    Sink: out (topic: out)
      <-- process
    Sink: aside (topic: aside)
      <-- process
)");
}

// The patterns kafka-streams-viz finds its way with: a line is one of these or says nothing.
void requireReadable(const std::string& description, std::size_t nodes) {
  const std::regex stage("Sub-topology: ([0-9]*)");
  const std::regex node(
      R"((Source\:|Processor\:|Sink:)\s+(\S+)\s+\((topics|topic|stores)\:(.*)\))");
  const std::regex arrow(R"(\-\-\>\s+(.*)$)");
  std::istringstream lines(description);
  std::string line;
  std::size_t found = 0;
  while (std::getline(lines, line)) {
    INFO(line);
    if (std::regex_search(line, node)) {
      ++found;
      continue;
    }
    const bool isKnown = std::regex_search(line, stage) || std::regex_search(line, arrow) ||
                         line == "Topologies:" || line.rfind("      <-- ", 0) == 0;
    REQUIRE(isKnown);
  }
  REQUIRE(found == nodes);
}

TEST_CASE("describe satisfies the patterns of Kafka Streams' viewers") {
  requireReadable(sample().describe(), 9);
}

TEST_CASE("names with white space of any kind stay readable for the viewers") {
  Pipeline pipeline("p");
  pipeline.source("a b\tc\nd", collection(std::vector<int>{}), noWatermarks())
      .sink(" out ", discard());
  requireReadable(pipeline.describe(), 2);
  REQUIRE_THAT(pipeline.describe(), Catch::Contains("Source: a-b-c-d (topics: [a-b-c-d])"));
}

}  // namespace
}  // namespace millrace
