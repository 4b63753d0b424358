// SPDX-License-Identifier: MIT
#include "session_aggregate.hpp"

#include <algorithm>

namespace millrace::examples {
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
