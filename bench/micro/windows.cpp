// SPDX-License-Identifier: MIT
// The state of windowed counts by itself: records in, and results out, for 10 to a million keys.
#include <millrace/window/aggregates.hpp>
#include <millrace/window/session_windows.hpp>
#include <millrace/window/sliced_windows.hpp>
#include <millrace/window/window_layout.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace millrace::bench {
namespace {

using namespace std::chrono_literals;

struct Record {
  std::uint64_t key;
};
using Sliced = SlicedWindows<std::uint64_t, Record, Count>;
using Sessions = MergingSessions<std::uint64_t, Record, Count>;

constexpr std::size_t kBatchSize = 1024;
constexpr std::size_t kBatches = 1024;
constexpr std::uint64_t kFewResults = 10'000;

std::vector<Record> recordsOver(std::uint64_t keys) {
  std::vector<Record> records(kBatchSize * kBatches);
  for (std::size_t i = 0; i < records.size(); ++i) records[i].key = mixHash(i) % keys;
  return records;
}

template <typename Windows>
void addBatch(Windows& windows, const Record* records, Timestamp time) {
  windows.addBatch(
      kBatchSize, [&](std::size_t i) { return records[i].key; },
      [&](std::size_t i) -> const Record& { return records[i]; }, [&](std::size_t) { return time; },
      [](std::size_t, AddResult) {});
}

// Adds without ever firing: what a record costs while its window is open.
template <typename Windows>
void measureAdds(benchmark::State& state, Windows& windows) {
  const std::vector<Record> records = recordsOver(static_cast<std::uint64_t>(state.range(0)));
  for (std::size_t batch = 0; batch < kBatches; ++batch)
    addBatch(windows, &records[batch * kBatchSize], 1);
  std::size_t batch = 0;
  for (auto _ : state) addBatch(windows, &records[batch++ % kBatches * kBatchSize], 1);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatchSize));
}

void addTumbling(benchmark::State& state) {
  Sliced windows(*WindowLayout::compile(tumbling(1min)), Count());
  measureAdds(state, windows);
}
BENCHMARK(addTumbling)->Arg(10)->Arg(10'000)->Arg(1'000'000);

void addSliding(benchmark::State& state) {
  Sliced windows(*WindowLayout::compile(sliding(1min, 1s)), Count());
  measureAdds(state, windows);
}
BENCHMARK(addSliding)->Arg(10)->Arg(10'000)->Arg(1'000'000);

void addSession(benchmark::State& state) {
  Sessions windows(session(1min), Count());
  measureAdds(state, windows);
}
BENCHMARK(addSession)->Arg(10)->Arg(10'000)->Arg(1'000'000);

// Tells everything the watermark has completed; returns how many results that was.
template <typename Windows>
std::int64_t fire(Windows& windows, Timestamp watermark) {
  std::int64_t results = 0;
  windows.advance(watermark);
  while (windows.fire(
      [&](typename Windows::Result&& result) {
        benchmark::DoNotOptimize(result.value);
        ++results;
      },
      kBatchSize)) {
  }
  return results;
}

// Windows of each key in, untimed, and out again: the items are results. Few keys come in many
// windows, or the stopping of the clock would be all there is to see.
template <typename Windows>
void measureFirings(benchmark::State& state, Windows& windows, Timestamp step, Timestamp length) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  const std::uint64_t steps = std::max<std::uint64_t>(1, kFewResults / keys);
  Timestamp time = 0;
  std::int64_t results = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Timestamp last = time;
    for (std::uint64_t i = 0; i < steps; ++i, time += step) {
      for (std::uint64_t key = 0; key < keys; ++key) windows.add(key, Record{key}, time);
      last = time;
    }
    state.ResumeTiming();
    results += fire(windows, last + length - 1);
  }
  state.SetItemsProcessed(results);
}

void fireTumbling(benchmark::State& state) {
  Sliced windows(*WindowLayout::compile(tumbling(1min)), Count());
  measureFirings(state, windows, 60'000, 60'000);
}
BENCHMARK(fireTumbling)->Arg(10)->Arg(10'000)->Arg(1'000'000);

void fireSliding(benchmark::State& state) {
  Sliced windows(*WindowLayout::compile(sliding(1min, 1s)), Count());
  measureFirings(state, windows, 1'000, 1'000);
}
BENCHMARK(fireSliding)->Arg(10)->Arg(10'000)->Arg(1'000'000);

void fireSession(benchmark::State& state) {
  Sessions windows(session(1s), Count());
  measureFirings(state, windows, 2'000, 1'000);
}
BENCHMARK(fireSession)->Arg(10)->Arg(10'000)->Arg(1'000'000);

}  // namespace
}  // namespace millrace::bench
