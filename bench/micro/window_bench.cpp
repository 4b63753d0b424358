// SPDX-License-Identifier: MIT
// Window state alone: adding records to it and firing it.
#include <millrace/base/hash.hpp>
#include <millrace/window/aggregates.hpp>
#include <millrace/window/session_windows.hpp>
#include <millrace/window/sliced_windows.hpp>

#include <benchmark/benchmark.h>

#include <chrono>

namespace millrace {
namespace {

using namespace std::chrono_literals;

struct Nothing {};

// A million records in order, 100 for each millisecond, keys drawn evenly.
constexpr std::uint64_t kRecords = 1'000'000;

template <typename Windows>
std::uint64_t play(Windows& windows, std::uint64_t keys) {
  std::uint64_t results = 0;
  const auto count = [&](auto&&) { ++results; };
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    const auto time = static_cast<Timestamp>(i / 100);
    const AddResult added = windows.add(mixHash(i) % keys, Nothing{}, time);
    benchmark::DoNotOptimize(added);
    if (i % 1024 != 0) continue;
    windows.advance(time - 1);
    while (windows.fire(count, 1024)) {
    }
  }
  windows.advance(kMaxTimestamp, true);
  while (windows.fire(count, 1024)) {
  }
  return results;
}

template <bool kOverlap>
void sliced(benchmark::State& state, const WindowSpec& spec) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    SlicedWindows<std::uint64_t, Nothing, Count, kOverlap, false> windows(
        *WindowLayout::compile(spec), Count{});
    benchmark::DoNotOptimize(play(windows, keys));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRecords));
}

void tumblingAddAndFire(benchmark::State& state) { sliced<false>(state, tumbling(5s)); }
BENCHMARK(tumblingAddAndFire)->Arg(10)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void slidingAddAndFire(benchmark::State& state) { sliced<true>(state, sliding(5s, 100ms)); }
BENCHMARK(slidingAddAndFire)->Arg(10)->Arg(1'000)->Unit(benchmark::kMillisecond);

void sessionAddAndFire(benchmark::State& state) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    MergingSessions<std::uint64_t, Nothing, Count> windows(session(50ms), Count{});
    benchmark::DoNotOptimize(play(windows, keys));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRecords));
}
BENCHMARK(sessionAddAndFire)->Arg(10)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace millrace
