// SPDX-License-Identifier: MIT
// The sending half of keyBy: a batch of 1,024 records filled and spread over two workers; a
// time per batch.
#include "lone_context.hpp"

#include <millrace/operators/partition.hpp>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::bench {
namespace {

constexpr std::size_t kBatchSize = 1024;
constexpr std::size_t kWorkers = 2;

template <typename K>
struct Keyed {
  K key{};
  std::int64_t amount = 0;
};

std::uint64_t keyNumber(std::size_t i, std::uint64_t) { return mixHash(i) % 10'000; }
std::string keyNumber(std::size_t i, const std::string&) {
  return "user_" + std::to_string(mixHash(i) % 10'000);
}

template <typename K>
void exchange(benchmark::State& state) {
  using Record = Keyed<K>;
  LoneContext<Record> context(kWorkers, kBatchSize);
  PartitionOperator<Record, K Record::*> partition(&Record::key);
  if (!partition.open(context).ok()) return state.SkipWithError("cannot open");
  BatchPtr batch(new TypedBatch<Record>());
  auto& records = static_cast<TypedBatch<Record>&>(*batch);
  std::vector<K> keys;
  for (std::size_t i = 0; i < kBatchSize; ++i) {
    keys.push_back(keyNumber(i, K()));
    records.append(0);
  }
  for (auto _ : state) {
    // The operator swaps records with old ones of its outputs: fill the batch anew.
    for (std::size_t i = 0; i < kBatchSize; ++i) records[i].key = keys[i];
    records.setCursor(0);
    while (!records.isConsumed()) {
      partition.onBatch(0, batch);
      context.drain();
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatchSize));
}
BENCHMARK_TEMPLATE(exchange, std::uint64_t);
BENCHMARK_TEMPLATE(exchange, std::string);

}  // namespace
}  // namespace millrace::bench
