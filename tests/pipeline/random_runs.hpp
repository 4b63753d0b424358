// SPDX-License-Identifier: MIT
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <string>
#include <vector>

#include <millrace/testing/test_driver.hpp>

#include "unit/window/window_scenario.hpp"

namespace millrace::test {

/// Any way to run a pipeline: workers, batches, queues, and the order in which workers get their
/// turns.
inline testing::TestDriverOptions drawRun() {
  testing::TestDriverOptions options;
  options.workers = *rc::gen::element<std::size_t>(1, 2, 4).as("workers");
  options.batchSize = *rc::gen::element<std::size_t>(1, 3, 1024).as("batch size");
  options.exchangeCapacity = *rc::gen::element<std::size_t>(2, 8).as("exchange capacity");
  options.seed = *rc::gen::arbitrary<std::uint64_t>().as("seed");
  options.runsAtOnce = false;
  return options;
}

struct Event {
  std::string key;
  int value = 0;
};

/// Sends the steps through one split, whose order every worker then sees. Calls `onAdd(event,
/// time)` and `onAdvance(watermark)` for the oracle.
template <typename OnAdd, typename OnAdvance>
void send(testing::TestDriver& driver, const std::vector<Step>& steps, OnAdd onAdd,
          OnAdvance onAdvance) {
  auto in = driver.input<Event>("in").onWorker(0);
  Timestamp clock = -300;
  for (const Step& step : steps) {
    if (step.kind == Step::Kind::kAdd) {
      const Event event{"k" + std::to_string(step.key), step.value};
      in.send(event, clock + step.time);
      onAdd(event, clock + step.time);
    } else if (step.kind == Step::Kind::kAdvance) {
      clock += step.time;
      in.watermark(clock);
      onAdvance(clock);
    }
  }
  driver.input<Event>("in").end();
  driver.run();
}

}  // namespace millrace::test
