// SPDX-License-Identifier: MIT
#include "session_aggregate.hpp"

#include <algorithm>

namespace millrace::examples {
namespace {

void addEvent(SessionAggregate::Accumulator& into, Timestamp timestamp) {
  into.first = std::min(into.first, timestamp);
  into.last = std::max(into.last, timestamp);
  ++into.events;
}

}  // namespace

Visit Visit::of(const ShopEvent& event) {
  if (!event.isPurchase()) return {event.timestamp, event.userId, {}, {}};
  return {event.timestamp, event.userId, event.data.currency.value(), event.data.amount.value()};
}

void SessionAggregate::add(Accumulator& into, const ShopEvent& event) const {
  addEvent(into, event.timestamp);
  if (!event.isPurchase()) return;
  ++into.purchases;
  addRevenue(into.revenue, event.data.currency.value(), event.data.amount.value());
}

void SessionAggregate::add(Accumulator& into, const Visit& visit) const {
  addEvent(into, visit.timestamp);
  if (visit.currency.empty()) return;
  ++into.purchases;
  addRevenue(into.revenue, visit.currency, visit.amount);
}

void SessionAggregate::merge(Accumulator& into, const Accumulator& other) const {
  into.first = std::min(into.first, other.first);
  into.last = std::max(into.last, other.last);
  into.events += other.events;
  into.purchases += other.purchases;
  for (const auto& [currency, amount] : other.revenue) addRevenue(into.revenue, currency, amount);
}

}  // namespace millrace::examples
