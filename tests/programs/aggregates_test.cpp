// SPDX-License-Identifier: MIT
#include "common/revenue_aggregate.hpp"
#include "common/rows.hpp"
#include "common/session_aggregate.hpp"

#include <millrace/base/check.hpp>
#include <millrace/window/aggregates.hpp>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::examples;

static_assert(Aggregate<RevenueAggregate, ShopEvent> && Subtractable<RevenueAggregate>);
static_assert(Aggregate<SessionAggregate, ShopEvent> && Mergeable<SessionAggregate>);

namespace {

ShopEvent purchase(std::int64_t micros, const std::string& product,
                   const std::string& currency = "USD", Timestamp time = 0) {
  ShopEvent event;
  event.timestamp = time;
  event.eventType = "purchase";
  event.userId = "user_1";
  event.data.amount.set(Decimal::fromMicros(micros));
  event.data.currency.set(currency);
  if (!product.empty()) event.data.productId.set(product);
  return event;
}

std::vector<ShopEvent> purchases() {
  return *rc::gen::container<std::vector<ShopEvent>>(rc::gen::apply(
      [](int micros, int product, int currency, int time) {
        return purchase(micros, product == 0 ? "" : "p" + std::to_string(product),
                        currency == 0 ? "EUR" : "USD", time);
      },
      rc::gen::inRange(0, 5), rc::gen::inRange(0, 12), rc::gen::inRange(0, 2),
      rc::gen::inRange(-1000, 1000)));
}

// Orders, revenue and every product's share, the plain way: `orders revenue id:revenue:orders...`.
std::string plainRevenue(const std::vector<ShopEvent>& events) {
  std::int64_t total = 0;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> products;
  for (const ShopEvent& event : events) {
    total += event.data.amount.value().micros();
    if (!event.data.productId.hasValue()) continue;
    auto& [micros, orders] = products[event.data.productId.value()];
    micros += event.data.amount.value().micros();
    ++orders;
  }
  std::string text = std::to_string(events.size()) + " " + std::to_string(total);
  for (int place = 0; place < 5 && !products.empty(); ++place) {
    auto best = products.begin();
    for (auto each = products.begin(); each != products.end(); ++each)
      if (each->second.first > best->second.first) best = each;
    text += " " + best->first + ":" + std::to_string(best->second.first) + ":" +
            std::to_string(best->second.second);
    products.erase(best);
  }
  return text;
}

std::string shown(const RevenueAggregate::Result& result) {
  std::string text = std::to_string(result.orders) + " " + std::to_string(result.revenue.micros());
  for (const ProductRevenue& product : result.topProducts)
    text += " " + product.productId + ":" + std::to_string(product.revenue.micros()) + ":" +
            std::to_string(product.orders);
  return text;
}

template <typename A>
auto fold(const A& aggregate, const std::vector<ShopEvent>& events) {
  auto accumulator = aggregate.create();
  for (const ShopEvent& event : events) aggregate.add(accumulator, event);
  return accumulator;
}

std::vector<ShopEvent> joined(std::vector<ShopEvent> a, const std::vector<ShopEvent>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("Revenue added, merged and subtracted equals revenue counted the plain way") {
  CHECK(rc::check([] {
    const RevenueAggregate aggregate;
    const std::vector<ShopEvent> first = purchases();
    const std::vector<ShopEvent> second = purchases();
    auto sales = fold(aggregate, first);
    RC_ASSERT(shown(aggregate.result(sales)) == plainRevenue(first));
    const auto others = fold(aggregate, second);
    aggregate.merge(sales, others);
    RC_ASSERT(shown(aggregate.result(sales)) == plainRevenue(joined(first, second)));
    aggregate.subtract(sales, others);
    RC_ASSERT(shown(aggregate.result(sales)) == plainRevenue(first));
  }));
}

TEST_CASE("Sessions merged equal one session of all events") {
  CHECK(rc::check([] {
    const SessionAggregate aggregate;
    const std::vector<ShopEvent> first = purchases();
    const std::vector<ShopEvent> second = purchases();
    auto merged = fold(aggregate, first);
    aggregate.merge(merged, fold(aggregate, second));
    const auto whole = fold(aggregate, joined(first, second));
    RC_ASSERT(merged.first == whole.first);
    RC_ASSERT(merged.last == whole.last);
    RC_ASSERT(merged.events == whole.events);
    RC_ASSERT(merged.purchases == whole.purchases);
    RC_ASSERT(merged.revenue == whole.revenue);
    RC_ASSERT(std::is_sorted(merged.revenue.begin(), merged.revenue.end()));
  }));
}

TEST_CASE("A sum that does not fit is an error that names the currency") {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const RevenueAggregate revenue;
  auto sales = fold(revenue, {purchase(most, "p")});
  CHECK_THROWS_AS(revenue.add(sales, purchase(1, "")), JobError);
  CHECK_THROWS_WITH(revenue.merge(sales, fold(revenue, {purchase(1, "p")})),
                    Catch::Contains("USD") && Catch::Contains("does not fit"));
  const SessionAggregate sessions;
  auto session = fold(sessions, {purchase(most, "p", "EUR")});
  CHECK_THROWS_WITH(sessions.add(session, purchase(1, "p", "EUR")), Catch::Contains("EUR"));
}

TEST_CASE("Rows are written in their exact form") {
  std::string out;
  appendRow(out, EventCountRow{-1000, 59'000, "a\"b", 12});
  CHECK(out ==
        R"({"window_start":"1969-12-31T23:59:59.000Z","window_end":"1970-01-01T00:00:59.000Z",)"
        R"("event_type":"a\"b","count":12})");
  out.clear();
  appendRow(out, RevenueRow{0,
                            60'000,
                            "USD",
                            Decimal::fromMicros(100'000'001),
                            3,
                            {{"p", Decimal::fromMicros(300'000'000), 2}}});
  CHECK(out ==
        R"({"window_start":"1970-01-01T00:00:00.000Z","window_end":"1970-01-01T00:01:00.000Z",)"
        R"("currency":"USD","revenue":100.000001,"orders":3,"average_order_value":33.33,)"
        R"("top_products":[{"product_id":"p","revenue":300.00,"orders":2}]})");
  out.clear();
  appendRow(out, SessionRow{"u",
                            0,
                            61'000,
                            7,
                            1,
                            {{"EUR", Decimal::fromMicros(500'000)},
                             {"USD", Decimal::fromMicros(99'990'000)}}});
  CHECK(out == R"({"user_id":"u","session_start":"1970-01-01T00:00:00.000Z",)"
               R"("session_end":"1970-01-01T00:01:01.000Z","duration_ms":61000,"events":7,)"
               R"("purchases":1,"revenue":{"EUR":0.50,"USD":99.99}})");
  out.clear();
  appendRow(out, SessionRow{"u", 5, 5, 1, 0, {}});
  CHECK_THAT(out, Catch::EndsWith(R"("purchases":0,"revenue":{}})"));
}

TEST_CASE("Only a purchase has to be one") {
  ShopEvent event = purchase(0, "");
  CHECK(ShopEvent::refusal(event) == nullptr);
  event.data.amount.set(Decimal::fromMicros(-1));
  CHECK(ShopEvent::refusal(event) != nullptr);
  event.data.amount.clear(LooseState::kMismatched);
  CHECK(ShopEvent::refusal(event) != nullptr);
  event.eventType = "page_view";
  CHECK(ShopEvent::refusal(event) == nullptr);
  for (const char* currency : {"usd", "US", "USDX", "", "U1D"}) {
    event = purchase(1, "p", currency);
    CHECK(ShopEvent::refusal(event) != nullptr);
  }
  event = purchase(1, "p");
  event.data.productId.clear(LooseState::kNull);
  CHECK(ShopEvent::refusal(event) == nullptr);
  event.data.productId.clear(LooseState::kMismatched);
  CHECK(ShopEvent::refusal(event) != nullptr);
}
