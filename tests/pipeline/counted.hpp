// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <millrace/connectors/collection/collection.hpp>
#include <millrace/testing/test_driver.hpp>

namespace millrace::test {

struct Tick {
  std::string key = "k";
};

using CountRow = WindowResult<std::string, std::int64_t>;

/// A pipeline that counts ticks per key in windows, with its late records, under the test's hand.
template <typename Cut>
Pipeline countingPipeline(Cut cut) {
  Pipeline pipeline("counting");
  auto counts =
      cut(pipeline.source("in", collection(std::vector<Tick>{}), noWatermarks()).keyBy(&Tick::key))
          .aggregate("windows", count());
  counts.sink("out", discard());
  counts.late().sink("late", discard());
  return pipeline;
}

class Counted {
 public:
  template <typename Cut>
  explicit Counted(Cut cut, testing::TestDriverOptions options = {})
      : driver(countingPipeline(cut), std::move(options)), in(driver.input<Tick>("in")) {}

  void tick(Timestamp time, std::string key = "k") { in.send({std::move(key)}, time); }
  void watermark(Timestamp time) { in.watermark(time); }

  /// What has come out since the last look, sorted: "k=2 [0,10) on-time".
  std::vector<std::string> out() {
    std::vector<std::string> texts;
    for (const auto& [result, time] : driver.output<CountRow>("out").drain()) {
      std::string text = result.key + "=" + std::to_string(result.value) + " [" +
                         std::to_string(result.windowStart) + "," +
                         std::to_string(result.windowEnd) + ")";
      if (result.pane != Pane::kOnTime) text += " " + std::string(paneName(result.pane));
      if (time != result.windowEnd - 1) text += " dated " + std::to_string(time);
      texts.push_back(std::move(text));
    }
    std::sort(texts.begin(), texts.end());
    return texts;
  }

  /// The event times of the late records since the last look.
  std::vector<Timestamp> late() {
    std::vector<Timestamp> times;
    for (const auto& record : driver.output<Tick>("late").drain()) times.push_back(record.time);
    return times;
  }

  OperatorCounts counts() const { return driver.countsOf("windows"); }

  testing::TestDriver driver;
  testing::TestInput<Tick> in;
};

using Texts = std::vector<std::string>;
using Times = std::vector<Timestamp>;

}  // namespace millrace::test
