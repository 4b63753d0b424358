// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <chrono>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <millrace/connectors/collection/collection.hpp>

#include "harness/balance.hpp"
#include "pipeline/random_runs.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace test;
using testing::TestDriver;

using Totals = std::tuple<std::int64_t, std::int64_t>;
using Result = WindowResult<std::string, Totals>;

auto countAndSum() { return all(count(), sum(&Event::value)); }

std::vector<Row> rowsOf(const std::vector<Result>& results) {
  std::vector<Row> rows;
  for (const Result& result : results) {
    rows.push_back(
        {result.key, text(result.value), result.windowStart, result.windowEnd, result.pane});
  }
  return sorted(rows);
}

// Windows of a keyed stream, with results and, if asked for, late records.
template <typename Windows>
Pipeline windowed(Windows windows, WindowOptions options, bool readsLate) {
  Pipeline pipeline("windowed");
  auto keyed =
      pipeline.source("in", collection(std::vector<Event>{}), noWatermarks()).keyBy(&Event::key);
  const auto finish = [&](auto stream) {
    auto results = stream.aggregate("windows", countAndSum());
    results.sink("out", discard());
    if (readsLate) results.late().sink("late", discard());
  };
  auto cut = keyed.window(windows);
  if (options == WindowOptions{}) {
    finish(cut);
  } else {
    auto changed = cut.allowedLateness(options.allowedLateness).early(options.early);
    options.discarding ? finish(changed.discarding()) : finish(changed);
  }
  return pipeline;
}

// Runs the pipeline in any way and holds its results, late records and account to the naive
// windows.
template <typename Naive>
void holdToOracle(const Pipeline& pipeline, Naive naive, bool readsLate) {
  const std::vector<test::Step> steps = drawSteps();
  TestDriver driver(pipeline, drawRun());
  std::vector<Row> expected;
  std::vector<std::pair<int, Timestamp>> late;
  std::uint64_t latePartial = 0;
  std::uint64_t outside = 0;
  const auto take = [&](const std::vector<Row>& rows) {
    expected.insert(expected.end(), rows.begin(), rows.end());
  };
  send(
      driver, steps,
      [&](const Event& event, Timestamp time) {
        const Placement placement = naive.add(event.key, event.value, time, expected);
        if (placement == Placement::kLate) late.emplace_back(event.value, time);
        latePartial += placement == Placement::kLatePartial ? 1 : 0;
        outside += placement == Placement::kOutside ? 1 : 0;
      },
      [&](Timestamp watermark) { take(naive.advance(watermark, false)); });
  take(naive.advance(kMaxTimestamp, true));
  RC_ASSERT(rowsOf(driver.output<Result>("out").values()) == sorted(expected));
  const OperatorCounts counts = driver.countsOf("windows");
  RC_ASSERT(counts.late == late.size());
  RC_ASSERT(counts.latePartial == latePartial);
  RC_ASSERT(counts.filtered == outside);
  RC_ASSERT(counts.held == 0U);
  RC_ASSERT(imbalanceOf(driver.counts()) == "");
  if (!readsLate) return;
  std::vector<std::pair<int, Timestamp>> told;
  for (const auto& record : driver.output<Event>("late").drain())
    told.emplace_back(record.value.value, record.time);
  std::sort(told.begin(), told.end());
  std::sort(late.begin(), late.end());
  RC_ASSERT(told == late);
}

WindowOptions drawTimedOptions() {
  WindowOptions options = drawOptions();
  if (options.early.kind == EarlyFiring::Kind::kProcessingTime) options.early = {};
  return options;
}

TEST_CASE("tumbling windows give what naive ones do, however they are run") {
  REQUIRE(rc::check("tumbling", [] {
    const auto windows = tumbling(Duration(*drawIn(1, 40).as("size")));
    const bool readsLate = *rc::gen::arbitrary<bool>().as("reads late");
    holdToOracle(windowed(windows, {}, readsLate), NaiveWindows<CountAndSum>(windows, {}),
                 readsLate);
  }));
}

TEST_CASE("sliding windows give what naive ones do, however they are run") {
  REQUIRE(rc::check("sliding", [] {
    const auto windows =
        sliding(Duration(*drawIn(1, 60).as("size")), Duration(*drawIn(1, 30).as("slide")));
    const bool readsLate = *rc::gen::arbitrary<bool>().as("reads late");
    holdToOracle(windowed(windows, {}, readsLate), NaiveWindows<CountAndSum>(windows, {}),
                 readsLate);
  }));
}

TEST_CASE("windows with lateness, early panes and discarding give what naive ones do") {
  REQUIRE(rc::check("refiring", [] {
    const auto windows =
        sliding(Duration(*drawIn(1, 60).as("size")), Duration(*drawIn(1, 30).as("slide")));
    const WindowOptions options = drawTimedOptions();
    holdToOracle(windowed(windows, options, true), NaiveWindows<CountAndSum>(windows, options),
                 true);
  }));
}

TEST_CASE("sessions give what naive ones do, however they are run") {
  REQUIRE(rc::check("sessions", [] {
    const Duration gap(*drawIn(1, 50).as("gap"));
    const WindowOptions options = drawTimedOptions();
    holdToOracle(windowed(session(gap), options, true), NaiveSessions<CountAndSum>(gap, options),
                 true);
  }));
}

TEST_CASE("records read by several workers come to the same counts while nothing is late") {
  REQUIRE(rc::check("several splits", [] {
    const auto options = drawRun();
    const auto windows = tumbling(Duration(*drawIn(1, 40).as("size")));
    TestDriver driver(windowed(windows, {}, false), options);
    const std::vector<test::Step> steps = drawSteps();
    std::map<std::pair<std::string, Timestamp>, std::pair<std::int64_t, std::int64_t>> expected;
    std::vector<Timestamp> lowestAfter(steps.size() + 1, 1'000);
    for (std::size_t i = steps.size(); i-- > 0;) {
      lowestAfter[i] = std::min<Timestamp>(lowestAfter[i + 1], steps[i].time);
    }
    auto in = driver.input<Event>("in");
    in.watermark(-1'000);  // so that every worker's share holds time, also before its first record
    driver.run();
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const test::Step& step = steps[i];
      const std::size_t worker = static_cast<std::size_t>(*drawIn(0, 4)) % options.workers;
      if (step.kind == test::Step::Kind::kAdd) {
        const std::string key = "k" + std::to_string(step.key);
        in.onWorker(worker).send({key, step.value}, step.time);
        auto& total =
            expected[{key, floorDivide(step.time, windows.size.count()) * windows.size.count()}];
        ++total.first;
        total.second += step.value;
      } else {
        in.onWorker(worker).watermark(lowestAfter[i] - 1);
      }
    }
    in.end();
    driver.run();
    std::map<std::pair<std::string, Timestamp>, std::pair<std::int64_t, std::int64_t>> told;
    for (const Result& result : driver.output<Result>("out").values()) {
      const bool isNew = told.try_emplace({result.key, result.windowStart},
                                          std::get<0>(result.value), std::get<1>(result.value))
                             .second;
      RC_ASSERT(isNew);
    }
    RC_ASSERT(told == expected);
    RC_ASSERT(driver.counts().late() == 0U);
    RC_ASSERT(imbalanceOf(driver.counts()) == "");
  }));
}

}  // namespace
}  // namespace millrace
