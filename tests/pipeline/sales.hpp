// SPDX-License-Identifier: MIT
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <millrace/base/random.hpp>
#include <millrace/connectors/collection/collection.hpp>
#include <millrace/connectors/generator/generator.hpp>
#include <millrace/dsl/pipeline.hpp>
#include <millrace/job/job.hpp>

#include "harness/balance.hpp"

namespace millrace::test {

struct Sale {
  std::string shop;
  std::string product;
  std::int64_t cents = 0;
  Timestamp time = 0;
};

inline constexpr int kSales = 3'000;
inline constexpr Duration kDisorder{500};

// Sale number i: at about 10 i milliseconds, at most kDisorder behind.
inline Sale saleAt(std::uint64_t i) {
  Random random(i);
  Sale sale;
  sale.shop = "shop" + std::to_string(random.below(7));
  sale.product = "product" + std::to_string(random.below(40));
  sale.cents = random.between(-50, 5'000);
  sale.time = static_cast<Timestamp>(i) * 10 - random.between(0, kDisorder.count());
  return sale;
}

using Rows = std::vector<std::string>;
using Build = std::function<void(const SourceStream<Sale>&, const Collected<std::string>&)>;

// Runs the graph on threads and gives its rows, sorted.
inline Rows rowsOf(const Build& build, std::size_t workers, std::size_t batchSize) {
  Collected<std::string> rows;
  Pipeline pipeline("sales");
  GeneratorOptions generated;
  generated.count = kSales;
  // The workers share the numbers out: one that runs ahead is held by the slowest, and nothing is
  // late.
  build(pipeline.source("sales", generator<Sale>(saleAt, generated),
                        boundedOutOfOrderness(kDisorder).timestamps(&Sale::time)),
        rows);
  JobOptions options;
  options.workers = workers;
  options.batchSize = batchSize;
  StatusOr<Job> job = start(pipeline, options);
  REQUIRE(job.ok());
  const Status status = job->wait();
  INFO(status);
  REQUIRE(status.ok());
  const JobCounts counts = job->counts();
  REQUIRE(counts.recordsIn() == kSales);
  REQUIRE(counts.late() == 0);
  REQUIRE(imbalanceOf(counts) == "");
  Rows sorted = rows.values();
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

inline void requireSameHoweverRun(const Build& build) {
  const Rows expected = rowsOf(build, 1, 1024);
  REQUIRE_FALSE(expected.empty());
  for (const std::size_t workers : {1U, 2U, 4U}) {
    for (const std::size_t batchSize : {1U, 1024U}) {
      INFO(workers << " workers, batches of " << batchSize);
      REQUIRE(rowsOf(build, workers, batchSize) == expected);
    }
  }
}

template <typename K, typename R>
std::string rowOf(const WindowResult<K, R>& result) {
  return result.key + " " + std::to_string(result.windowStart) + " " +
         std::to_string(result.windowEnd) + " " + std::to_string(result.value);
}

}  // namespace millrace::test
