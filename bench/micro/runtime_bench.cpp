// SPDX-License-Identifier: MIT
// What moves batches: the ring between two tasks and the exchange in front of keyed state.
#include <millrace/base/hash.hpp>
#include <millrace/operators/partition.hpp>
#include <millrace/runtime/batch_pool.hpp>
#include <millrace/runtime/channel.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <thread>

namespace millrace {
namespace {

constexpr std::size_t kBatch = 1024;

Batch* makeNumbers() { return new TypedBatch<std::uint64_t>; }

BatchPtr filled(BatchPool& pool) {
  BatchPtr batch = pool.acquire();
  auto& numbers = static_cast<TypedBatch<std::uint64_t>&>(*batch);
  for (std::uint64_t i = 0; i < kBatch; ++i) numbers.append(0) = mixHash(i);
  return batch;
}

void ringOfOneThread(benchmark::State& state) {
  BatchPool pool(makeNumbers);
  Channel ring(8, nullptr, nullptr);
  for (auto _ : state) {
    ring.push({pool.acquire(), {}});
    benchmark::DoNotOptimize(ring.pop());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}
BENCHMARK(ringOfOneThread);

void ringAcrossThreads(benchmark::State& state) {
  BatchPool pool(makeNumbers);
  Channel ring(8, nullptr, nullptr);
  std::thread consumer([&] {
    while (true) {
      if (ring.front() == nullptr) continue;
      if (ring.pop().batch == nullptr) return;
    }
  });
  for (auto _ : state) {
    BatchPtr batch = pool.acquire();
    while (!ring.hasRoom()) {
    }
    ring.push({std::move(batch), {}});
  }
  while (!ring.hasRoom()) {
  }
  ring.push({nullptr, Mark::end(true)});
  consumer.join();
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}
BENCHMARK(ringAcrossThreads)->UseRealTime();

// The loop of the exchange: a batch spread over two outputs by key group.
void exchangeOverTwo(benchmark::State& state) {
  BatchPool pool(makeNumbers);
  const KeyRouter router(128, 2);
  const BatchPtr batch = filled(pool);
  auto& in = static_cast<TypedBatch<std::uint64_t>&>(*batch);
  for (auto _ : state) {
    std::array<BatchPtr, 2> outs{pool.acquire(), pool.acquire()};
    for (std::size_t i = 0; i < in.size(); ++i) {
      auto& out =
          static_cast<TypedBatch<std::uint64_t>&>(*outs[router.workerOf(millraceHash(in[i]))]);
      std::swap(out.append(in.time(i)), in[i]);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}
BENCHMARK(exchangeOverTwo);

}  // namespace
}  // namespace millrace
