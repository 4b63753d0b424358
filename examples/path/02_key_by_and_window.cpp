// SPDX-License-Identifier: MIT
// Keys and windows: what did each shop take per product and hour, leaving out what was free?

#include <millrace/millrace.hpp>

#include <iostream>
#include <string>
#include <utility>

using namespace std::chrono_literals;

constexpr millrace::Timestamp kMinute = 60'000;

struct Sale {
  std::string shop;
  std::string product;
  std::int64_t cents;
  millrace::Timestamp time;
};

const std::vector<Sale> kSales = {
    {"Oslo", "tea", 350, 5 * kMinute},  {"Oslo", "cake", 500, 10 * kMinute},
    {"Rome", "tea", 200, 20 * kMinute}, {"Oslo", "tea", 350, 40 * kMinute},
    {"Oslo", "tea", 0, 50 * kMinute},   {"Rome", "tea", 220, 61 * kMinute},
    {"Oslo", "tea", 400, 70 * kMinute}, {"Rome", "tea", 180, 119 * kMinute},
};

int main() {
  millrace::Pipeline pipeline("takings");
  // [keys]
  // A key is a pointer to a member, or a function; here two members together.
  const auto shopAndProduct = [](const Sale& sale) { return std::pair(sale.shop, sale.product); };

  pipeline
      .source("sales", millrace::collection(kSales),
              millrace::monotonousTimestamps().timestamps(&Sale::time))
      .filter([](const Sale& sale) { return sale.cents > 0; })
      .keyBy(shopAndProduct)
      .window(millrace::tumbling(1h))
      .aggregate("takings", millrace::all(millrace::count(), millrace::sum(&Sale::cents),
                                          millrace::max(&Sale::cents)))
      .map([](const auto& takings) {
        const auto& [shop, product] = takings.key;
        const auto& [sales, total, dearest] = takings.value;
        return millrace::formatUtc(takings.windowStart).substr(11, 5) + " " + shop + " " + product +
               ": " + std::to_string(sales) + " sold for " + std::to_string(total) +
               ", the dearest for " + std::to_string(dearest);
      })
      .sink("out", millrace::toStdout());
  // [keys end]

  const millrace::Status status = millrace::run(pipeline);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
