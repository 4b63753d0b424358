// SPDX-License-Identifier: MIT
// revenue: purchases per currency and window.
#include "common/job_program.hpp"
#include "common/revenue_aggregate.hpp"
#include "common/rows.hpp"
#include "common/user_event.hpp"

#include <string>

namespace millrace::examples {
namespace {

using Sales = WindowResult<std::string, RevenueAggregate::Result>;

const JobKind kRevenue{
    .program = "revenue",
    .purpose =
        "Adds up purchases per currency and window, exactly, with the best-selling products.",
    .example =
        "  revenue --source file:events.ndjson --window 1h\n"
        "  revenue --source stdin --window 1h --slide 5m --sink file:out < events.ndjson\n"};

void build(JobProgram& job) {
  const auto byCurrency = job.events<ShopEvent>()
                              .filter([](const ShopEvent& event) { return event.isPurchase(); })
                              .keyBy([](const ShopEvent& purchase) -> const std::string& {
                                return purchase.data.currency.value();
                              });
  job.inWindows(byCurrency, [&job](const auto& windows) {
    const auto sales = windows.aggregate("per-currency", RevenueAggregate());
    job.results(sales, [](const Sales& sold, std::string& out) {
      appendRow(out, RevenueRow{sold.windowStart, sold.windowEnd, sold.key, sold.value.revenue,
                                sold.value.orders, sold.value.topProducts});
    });
    job.late(sales);
  });
}

}  // namespace
}  // namespace millrace::examples

int main(int argc, char** argv) {
  return millrace::examples::jobMain(millrace::examples::kRevenue, argc, argv,
                                     millrace::examples::build);
}
