// SPDX-License-Identifier: MIT
// Whole jobs on a simulated disk, through everything that may go wrong, as often as one likes:
//
//   MILLRACE_SIMULATION_SEEDS=5000 simulation          5,000 seeds, new ones
//   MILLRACE_SIMULATION_SEED=1234567 simulation        that seed alone, again
#include <catch2/catch.hpp>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include <millrace/connectors/file/line_sink.hpp>

#include "base/commit_rules.hpp"
#include "pipeline/sales.hpp"
#include "simulated_broker.hpp"
#include "simulated_life.hpp"

namespace millrace::test {
using namespace std::chrono_literals;

namespace {

constexpr int kRecords = 600;
constexpr int kDeaths = 6;
constexpr std::uint64_t kFixedSeeds = 150;
constexpr std::uint64_t kNewSeeds = 50;

std::uint64_t numberFrom(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string lineOf(const WindowResult<std::string, std::int64_t>& result) {
  return result.key + " " + std::to_string(result.windowStart) + " " +
         std::to_string(result.windowEnd) + " " + std::to_string(result.value);
}

SourceStream<Sale> salesOf(Pipeline& pipeline) {
  GeneratorOptions generated;
  generated.count = kRecords;
  return pipeline.source("sales", generator<Sale>(saleAt, generated),
                         boundedOutOfOrderness(kDisorder).timestamps(&Sale::time));
}

// What a job of one kind writes when nothing goes wrong, worked out by a plain loop, and its graph.
struct Job {
  const char* name;
  void (*build)(Pipeline&);
  std::vector<std::string> (*expected)();
};

void buildCounts(Pipeline& pipeline) {
  salesOf(pipeline)
      .keyBy(&Sale::shop)
      .window(tumbling(1s))
      .aggregate("counts", count())
      .sink("out", toFiles("out", lineOf));
}

void buildSliding(Pipeline& pipeline) {
  salesOf(pipeline)
      .keyBy(&Sale::product)
      .window(sliding(2s, 500ms))
      .aggregate("sums", sum(&Sale::cents))
      .sink("out", toFiles("out", lineOf));
}

std::vector<std::string> windowsOf(const std::string Sale::*key, Timestamp size, Timestamp slide,
                                   bool sums) {
  std::map<std::tuple<std::string, Timestamp>, std::int64_t> values;
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    const Sale sale = saleAt(i);
    for (Timestamp start = floorDivide(sale.time, slide) * slide; start > sale.time - size;
         start -= slide) {
      values[{sale.*key, start}] += sums ? sale.cents : 1;
    }
  }
  std::vector<std::string> lines;
  for (const auto& [at, value] : values) {
    const auto& [name, start] = at;
    lines.push_back(name + " " + std::to_string(start) + " " + std::to_string(start + size) + " " +
                    std::to_string(value));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

void buildSessions(Pipeline& pipeline) {
  salesOf(pipeline)
      .keyBy(&Sale::product)
      .window(session(80ms))
      .aggregate("sessions", count())
      .sink("out", toFiles("out", lineOf));
}

std::vector<std::string> sessionsOf() {
  constexpr Timestamp kGap = 80;
  std::map<std::string, std::vector<Timestamp>> times;
  for (std::uint64_t i = 0; i < kRecords; ++i) times[saleAt(i).product].push_back(saleAt(i).time);
  std::vector<std::string> lines;
  for (auto& [product, at] : times) {
    std::sort(at.begin(), at.end());
    for (std::size_t from = 0; from < at.size();) {
      std::size_t to = from + 1;
      while (to < at.size() && at[to] <= at[to - 1] + kGap) ++to;
      lines.push_back(product + " " + std::to_string(at[from]) + " " +
                      std::to_string(at[to - 1] + kGap) + " " + std::to_string(to - from));
      from = to;
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// Numbers each shop's sales in the order of time, which takes state, timers and a clean cut.
struct Numbering {
  ValueState<std::int64_t> count;
  MapState<Timestamp, std::int64_t> waiting;  // how many sales at each time

  void open(StateContext& states) {
    count = states.value<std::int64_t>("count");
    waiting = states.map<Timestamp, std::int64_t>("waiting");
  }
  void process(const Sale& sale, ProcessContext<std::string, std::string>& context) {
    const std::int64_t* there = waiting.get(sale.time);
    waiting.put(sale.time, there == nullptr ? 1 : *there + 1);
    context.registerEventTimer(sale.time);
  }
  void onTimer(Timestamp time, ProcessContext<std::string, std::string>& context) {
    for (std::int64_t left = *waiting.get(time); left > 0; --left) {
      count.set(count.valueOr(0) + 1);
      context.emit(context.key() + " " + std::to_string(time) + " " + std::to_string(*count.get()));
    }
    waiting.remove(time);
  }
};

void buildNumbering(Pipeline& pipeline) {
  salesOf(pipeline)
      .keyBy(&Sale::shop)
      .process<std::string>("numbers", Numbering{})
      .sink("out", toFiles("out"));
}

std::vector<std::string> numbersOf() {
  std::map<std::string, std::vector<Timestamp>> times;
  for (std::uint64_t i = 0; i < kRecords; ++i) times[saleAt(i).shop].push_back(saleAt(i).time);
  std::vector<std::string> lines;
  for (auto& [shop, at] : times) {
    std::sort(at.begin(), at.end());
    for (std::size_t i = 0; i < at.size(); ++i) {
      lines.push_back(shop + " " + std::to_string(at[i]) + " " + std::to_string(i + 1));
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// Counts to a system of another kind, and to files as well: both have to be right.
template <typename Sink>
void buildTwoSinks(Pipeline& pipeline, Sink sink) {
  const auto lines = salesOf(pipeline)
                         .keyBy(&Sale::shop)
                         .window(tumbling(1s))
                         .aggregate("counts", count())
                         .map(lineOf);
  lines.sink("broker", sink);
  lines.sink("out", toFiles("out"));
}

const Job kJobs[] = {
    {"tumbling counts", buildCounts, [] { return windowsOf(&Sale::shop, 1000, 1000, false); }},
    {"sliding sums", buildSliding, [] { return windowsOf(&Sale::product, 2000, 500, true); }},
    {"sessions", buildSessions, sessionsOf},
    {"state and timers", buildNumbering, numbersOf},
};

SimulatedLife::Events requireExact(const Job& job, std::uint64_t seed) {
  INFO("MILLRACE_SIMULATION_SEED=" << seed << " (" << job.name << ")");
  SimulatedLife life(seed);
  Pipeline pipeline("simulated");
  job.build(pipeline);
  REQUIRE(life.run(pipeline, kDeaths) == "");
  REQUIRE(life.linesIn("out") == job.expected());
  REQUIRE(life.unfinishedIn("out").empty());
  return life.events();
}

TEST_CASE("whatever happens, a job's finished files hold each result once") {
  const std::uint64_t only = numberFrom("MILLRACE_SIMULATION_SEED", 0);
  const std::uint64_t fixed = only != 0 ? 0 : kFixedSeeds;
  const std::uint64_t fresh = only != 0 ? 0 : numberFrom("MILLRACE_SIMULATION_SEEDS", kNewSeeds);
  std::vector<std::uint64_t> seeds;
  if (only != 0) seeds.push_back(only);
  for (std::uint64_t seed = 1; seed <= fixed; ++seed) seeds.push_back(seed);
  std::random_device device;
  for (std::uint64_t i = 0; i < fresh; ++i)
    seeds.push_back(std::uint64_t{device()} << 32 | device());
  SimulatedLife::Events all;
  for (const std::uint64_t seed : seeds) {
    const SimulatedLife::Events events = requireExact(kJobs[seed % std::size(kJobs)], seed);
    all.crashes += events.crashes;
    all.kills += events.kills;
    all.stops += events.stops;
    all.failures += events.failures;
    all.checkpoints += events.checkpoints;
  }
  if (only != 0) return;
  // A simulation in which nothing happens shows nothing.
  REQUIRE(all.crashes > 0);
  REQUIRE(all.kills > 0);
  REQUIRE(all.stops > 0);
  REQUIRE(all.failures > 0);
  REQUIRE(all.checkpoints > seeds.size());
}

TEST_CASE("whatever happens, what a commit point has committed holds each result once") {
  const std::uint64_t only = numberFrom("MILLRACE_SIMULATION_SEED", 0);
  const std::vector<std::string> expected = windowsOf(&Sale::shop, 1000, 1000, false);
  SimulatedLife::Events all;
  int lostAnswers = 0;
  int lateDecisions = 0;
  const std::uint64_t end =
      only != 0 ? only : numberFrom("MILLRACE_SIMULATION_SEEDS", kNewSeeds) + kFixedSeeds;
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= end; ++seed) {
    INFO("MILLRACE_SIMULATION_SEED=" << seed << " (a commit point)");
    SimulatedLife life(seed);
    SimulatedBroker broker(seed);
    life.onLastLives = [&] { broker.isKind = true; };
    Pipeline pipeline("simulated");
    buildTwoSinks(pipeline, BrokerSink(broker));
    REQUIRE(life.run(pipeline, kDeaths) == "");
    REQUIRE(broker.committedLines() == expected);
    REQUIRE(life.linesIn("out") == expected);
    all.crashes += life.events().crashes;
    all.kills += life.events().kills;
    lostAnswers += broker.lostAnswers();
    lateDecisions += broker.lateDecisions();
  }
  if (only != 0) return;
  REQUIRE(all.crashes > 0);
  REQUIRE(all.kills > 0);
  REQUIRE(lostAnswers > 0);
  REQUIRE(lateDecisions > 0);
}

// What a life with a commit point has come to: nothing, or what is wrong.
std::string troubleOf(std::uint64_t seed) {
  SimulatedLife life(seed);
  SimulatedBroker broker(seed);
  life.onLastLives = [&] { broker.isKind = true; };
  Pipeline pipeline("simulated");
  buildTwoSinks(pipeline, BrokerSink(broker));
  const std::string ended = life.run(pipeline, kDeaths);
  if (!ended.empty()) return ended;
  const bool isRight = broker.committedLines() == windowsOf(&Sale::shop, 1000, 1000, false);
  return isRight ? "" : "the lines are not those expected";
}

// Drops a rule for as long as it lives.
template <rules::Rule kRule>
struct Without {
  Without() {
    rules::ruleHook = [](rules::Rule rule) { return rule != kRule; };
  }
  ~Without() { rules::ruleHook = nullptr; }
};

template <rules::Rule kRule>
void requireNeeded(const std::string& harm) {
  INFO(rules::kRuleNames[static_cast<std::size_t>(kRule)]);
  std::uint64_t seed = 1;
  std::string trouble;
  {
    const Without<kRule> dropped;
    while (trouble.find(harm) == std::string::npos && seed <= kFixedSeeds)
      trouble = troubleOf(seed++);
  }
  INFO("MILLRACE_SIMULATION_SEED=" << seed - 1);
  REQUIRE(trouble.find(harm) != std::string::npos);
  REQUIRE(troubleOf(seed - 1) == "");
}

// The other rules take a broker: tests/kafka/test_rules.py has them, and which rules cannot be
// dropped.
TEST_CASE(
    "a job that commits an epoch before it is durable, or takes it for committed before it is, "
    "gets stuck") {
  requireNeeded<rules::Rule::kDurableFirst>("remembers epoch");
  requireNeeded<rules::Rule::kCommittedFirst>("by the state directory");
}

TEST_CASE(
    "whatever happens, what goes out at least once is all there, and files beside it are exact") {
  const std::uint64_t only = numberFrom("MILLRACE_SIMULATION_SEED", 0);
  const std::vector<std::string> expected = windowsOf(&Sale::shop, 1000, 1000, false);
  int failures = 0;
  const std::uint64_t end =
      only != 0 ? only : numberFrom("MILLRACE_SIMULATION_SEEDS", kNewSeeds) + kFixedSeeds;
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= end; ++seed) {
    INFO("MILLRACE_SIMULATION_SEED=" << seed << " (at least once)");
    SimulatedLife life(seed);
    SimulatedQueue queue(seed);
    life.onLastLives = [&] { queue.isKind = true; };
    Pipeline pipeline("simulated");
    buildTwoSinks(pipeline, QueueSink(queue));
    REQUIRE(life.run(pipeline, kDeaths) == "");
    REQUIRE(queue.lines() == expected);
    REQUIRE(life.linesIn("out") == expected);
    failures += queue.failures();
  }
  if (only != 0) return;
  REQUIRE(failures > 0);
}

// Sales at inputs that fall silent and wake. Which of them are late, and whether for their window's
// first pane or for good, is a matter of chance then.
void buildSilent(Pipeline& pipeline) {
  GeneratorOptions generated;
  generated.count = kRecords;
  generated.rate = 300;
  const auto counts =
      pipeline
          .source("sales", generator<Sale>(saleAt, generated),
                  boundedOutOfOrderness(100ms).withIdleness(4ms).timestamps(&Sale::time))
          .keyBy(&Sale::shop)
          .window(tumbling(100ms))
          .allowedLateness(300ms)
          .aggregate("counts", count());
  const auto lineWithPane = [](const WindowResult<std::string, std::int64_t>& result) {
    return lineOf(result) + " " + std::string(paneName(result.pane));
  };
  counts.sink("out", toFiles("out", lineWithPane));
  counts.late().sink("late", toFiles("late", [](const Sale& sale) { return sale.shop; }));
}

// What it is not a matter of: a window is told on time once at most, first, and anew for each
// record that comes after that. So its greatest value counts all its records, and the values of its
// rows differ.
void requireToldOnce(const std::vector<std::string>& rows, std::size_t lateRecords) {
  struct Told {
    std::set<std::int64_t> values;
    std::vector<std::int64_t> onTime;
  };
  std::map<std::string, Told> windows;
  for (const std::string& row : rows) {
    INFO(row);
    std::istringstream in(row);
    std::string shop, start, end, pane;
    std::int64_t value = 0;
    in >> shop >> start >> end >> value >> pane;
    Told& told = windows[shop + " " + start];
    REQUIRE(told.values.insert(value).second);
    if (pane != "late") told.onTime.push_back(value);
    REQUIRE(told.onTime.size() <= 1);
  }
  std::size_t accepted = 0;
  for (const auto& [window, told] : windows) {
    INFO(window);
    if (!told.onTime.empty()) REQUIRE(told.onTime.front() == *told.values.begin());
    accepted += static_cast<std::size_t>(*told.values.rbegin());
  }
  REQUIRE(accepted + lateRecords == kRecords);
}

TEST_CASE(
    "however many workers go on with windows that stand at different times, each is told once") {
  const std::uint64_t only = numberFrom("MILLRACE_SIMULATION_SEED", 0);
  const std::uint64_t end =
      only != 0 ? only : numberFrom("MILLRACE_SIMULATION_SEEDS", kNewSeeds) + kFixedSeeds;
  std::size_t lateRecords = 0;
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= end; ++seed) {
    INFO("MILLRACE_SIMULATION_SEED=" << seed << " (silent inputs)");
    SimulatedLife life(seed);
    Pipeline pipeline("simulated");
    buildSilent(pipeline);
    REQUIRE(life.run(pipeline, kDeaths) == "");
    const std::size_t late = life.linesIn("late").size();
    requireToldOnce(life.linesIn("out"), late);
    lateRecords += late;
  }
  if (only == 0) REQUIRE(lateRecords > 0);
}

TEST_CASE("a seed gives the same run again") {
  for (const Job& job : kJobs) {
    const SimulatedLife::Events first = requireExact(job, 42);
    const SimulatedLife::Events second = requireExact(job, 42);
    REQUIRE(first.checkpoints == second.checkpoints);
    REQUIRE(first.crashes == second.crashes);
    REQUIRE(first.failures == second.failures);
  }
}

}  // namespace
}  // namespace millrace::test
