// SPDX-License-Identifier: MIT
#include "session_aggregate.hpp"

#include "money.hpp"

#include <algorithm>

namespace millrace::examples {
namespace {

void addRevenue(SessionAggregate::Revenue& revenue, const std::string& currency, Decimal amount) {
  auto entry = std::lower_bound(
      revenue.begin(), revenue.end(), currency,
      [](const auto& each, const std::string& wanted) { return each.first < wanted; });
  if (entry == revenue.end() || entry->first != currency)
    entry = revenue.insert(entry, {currency, Decimal()});
  addMoney(entry->second, amount, currency);
}

}  // namespace

void SessionAggregate::add(Accumulator& into, const ShopEvent& event) const {
  into.first = std::min(into.first, event.timestamp);
  into.last = std::max(into.last, event.timestamp);
  ++into.events;
  if (!event.isPurchase()) return;
  ++into.purchases;
  addRevenue(into.revenue, event.data.currency.value(), event.data.amount.value());
}

void SessionAggregate::merge(Accumulator& into, const Accumulator& other) const {
  into.first = std::min(into.first, other.first);
  into.last = std::max(into.last, other.last);
  into.events += other.events;
  into.purchases += other.purchases;
  for (const auto& [currency, amount] : other.revenue) addRevenue(into.revenue, currency, amount);
}

}  // namespace millrace::examples
