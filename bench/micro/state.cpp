// SPDX-License-Identifier: MIT
// A counter per key in keyed state, as a process function would keep it.
#include <millrace/state/keyed_rows.hpp>
#include <millrace/state/state_context.hpp>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

namespace millrace::bench {
namespace {

void incrementValue(benchmark::State& state) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  KeyedRows<std::uint64_t> rows;
  StateContext context(rows);
  auto counter = context.value<std::int64_t>("counter");
  std::vector<std::uint64_t> order(std::size_t{1} << 20);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = mixHash(i) % keys;
  std::size_t i = 0;
  for (auto _ : state) {
    rows.setCurrentKey(order[i++ % order.size()]);
    counter.update([](std::int64_t& value) { ++value; });
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(incrementValue)->Arg(10)->Arg(10'000)->Arg(1'000'000);

}  // namespace
}  // namespace millrace::bench
