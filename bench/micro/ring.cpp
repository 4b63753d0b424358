// SPDX-License-Identifier: MIT
// Batches of 1,024 records through a channel; a time per batch.
#include <millrace/runtime/batch_pool.hpp>
#include <millrace/runtime/channel.hpp>

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>

namespace millrace::bench {
namespace {

constexpr std::size_t kCapacity = 8;
constexpr std::size_t kBatchSize = 1024;

using Values = TypedBatch<std::uint64_t>;

BatchPool makePool() {
  return BatchPool([]() -> Batch* { return new Values(); });
}

BatchPtr filledBatch(BatchPool& pool, std::uint64_t& next) {
  BatchPtr batch = pool.acquire();
  auto& values = static_cast<Values&>(*batch);
  for (std::size_t i = 0; i < kBatchSize; ++i) values.append(0) = next++;
  return batch;
}

std::uint64_t sumOf(const Batch& batch) {
  const auto& values = static_cast<const Values&>(batch);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += values[i];
  return sum;
}

void setCounts(benchmark::State& state) {
  state.counters["records"] = benchmark::Counter(
      static_cast<double>(state.iterations() * static_cast<std::int64_t>(kBatchSize)),
      benchmark::Counter::kIsRate);
}

void ringOneThread(benchmark::State& state) {
  BatchPool pool = makePool();
  Channel channel(kCapacity, nullptr, nullptr);
  std::uint64_t next = 0;
  for (auto _ : state) {
    channel.push({filledBatch(pool, next), {}});
    benchmark::DoNotOptimize(sumOf(*channel.pop().batch));
  }
  setCounts(state);
}
BENCHMARK(ringOneThread);

// The other thread takes what it gets and sends the batches home.
void ringTwoThreads(benchmark::State& state) {
  BatchPool pool = makePool();
  Waker producer;
  Waker consumer;
  Channel channel(kCapacity, &producer, &consumer);
  std::thread reader([&] {
    for (bool isOpen = true; isOpen;) {
      if (channel.front() == nullptr) {
        std::this_thread::yield();
        continue;
      }
      const Item item = channel.pop();
      isOpen = item.batch != nullptr;
      if (isOpen) benchmark::DoNotOptimize(sumOf(*item.batch));
    }
  });
  const auto waitForRoom = [&] {
    while (!channel.hasRoom()) std::this_thread::yield();
  };
  std::uint64_t next = 0;
  for (auto _ : state) {
    BatchPtr batch = filledBatch(pool, next);
    waitForRoom();
    channel.push({std::move(batch), {}});
  }
  waitForRoom();
  channel.push({nullptr, Mark::end(true)});
  reader.join();
  setCounts(state);
}
BENCHMARK(ringTwoThreads)->UseRealTime();

}  // namespace
}  // namespace millrace::bench
