// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <chrono>
#include <string>

#include "pipeline/sales.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace test;

TEST_CASE("a window of windows is the same however it is run") {
  requireSameHoweverRun([](const auto& sales, const auto& rows) {
    auto perProduct = sales.keyBy(&Sale::product)
                          .window(tumbling(1s))
                          .aggregate("per-product", sum(&Sale::cents));
    using Row = typename decltype(perProduct)::RecordType;
    perProduct.keyBy([](const Row&) { return std::string("all"); })
        .window(tumbling(5s))
        .aggregate("best", topN(3, &Row::value, &Row::key))
        .template flatMap<std::string>([](const auto& result, Collector<std::string>& out) {
          for (const Row& row : result.value)
            out.emit(std::to_string(result.windowStart) + " " + row.key);
        })
        .sink("out", collectInto(rows));
  });
}

// Emits a row for every shop and second of event time in which it sold, by timers.
struct PerSecond {
  MapState<Timestamp, std::int64_t> sums;
  void open(StateContext& states) { sums = states.map<Timestamp, std::int64_t>("sums"); }
  void process(const Sale& sale, ProcessContext<std::string, std::string>& context) {
    const Timestamp second = floorDivide(sale.time, 1'000) * 1'000;
    const std::int64_t* sum = sums.get(second);
    sums.put(second, (sum == nullptr ? 0 : *sum) + sale.cents);
    context.registerEventTimer(second + 999);
  }
  void onTimer(Timestamp time, ProcessContext<std::string, std::string>& context) {
    const std::int64_t* sum = sums.get(time - 999);
    if (sum == nullptr) return;
    context.emit(context.key() + " " + std::to_string(time) + " " + std::to_string(*sum));
    sums.remove(time - 999);
  }
};

TEST_CASE("process functions with state and timers give the same however they are run") {
  requireSameHoweverRun([](const auto& sales, const auto& rows) {
    sales.keyBy(&Sale::shop)
        .template process<std::string>("per-second", PerSecond{})
        .sink("out", collectInto(rows));
  });
}

TEST_CASE("split, united and allowed-late streams give the same however they are run") {
  requireSameHoweverRun([](const auto& sales, const auto& rows) {
    auto [cheap, dear] = sales.split([](const Sale& sale) { return sale.cents < 2'500; });
    auto halved = dear.map([](const Sale& sale) {
      Sale half = sale;
      half.cents /= 2;
      return half;
    });
    cheap.unite(halved)
        .keyBy(&Sale::shop)
        .window(cumulating(4s, 1s))
        .allowedLateness(1s)
        .aggregate("growing", sum(&Sale::cents))
        .map([](const auto& result) { return rowOf(result); })
        .sink("out", collectInto(rows));
  });
}

TEST_CASE("what a graph gives is what a plain loop does") {
  std::map<std::pair<std::string, Timestamp>, int> counts;
  for (std::uint64_t i = 0; i < kSales; ++i) {
    const Sale sale = saleAt(i);
    ++counts[{sale.shop, floorDivide(sale.time, 1'000) * 1'000}];
  }
  Rows expected;
  for (const auto& [key, sold] : counts) {
    expected.push_back(key.first + " " + std::to_string(key.second) + " " +
                       std::to_string(key.second + 1'000) + " " + std::to_string(sold));
  }
  std::sort(expected.begin(), expected.end());
  const Rows rows = rowsOf(
      [](const auto& sales, const auto& out) {
        sales.keyBy(&Sale::shop)
            .window(tumbling(1s))
            .aggregate("counts", count())
            .map([](const auto& result) { return rowOf(result); })
            .sink("out", collectInto(out));
      },
      4, 1);
  REQUIRE(rows == expected);
}

}  // namespace
}  // namespace millrace
