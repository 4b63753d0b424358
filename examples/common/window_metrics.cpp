// SPDX-License-Identifier: MIT
#include "window_metrics.hpp"

#include <millrace/formats/json_writer.hpp>

#include <algorithm>
#include <string_view>

namespace millrace::examples {
namespace {

void addCounts(WindowMetrics::Counts& into, const WindowMetrics::Counts& other) {
  for (const auto& [name, count] : other) into[name] += count;
}

WindowMetrics::Ranking rank(const WindowMetrics::Counts& counts, std::size_t top) {
  WindowMetrics::Ranking ranking(counts.begin(), counts.end());
  const std::size_t kept = std::min(top, ranking.size());
  std::partial_sort(ranking.begin(), ranking.begin() + static_cast<std::ptrdiff_t>(kept),
                    ranking.end(), [](const auto& a, const auto& b) {
                      return a.second != b.second ? a.second > b.second : a.first < b.first;
                    });
  ranking.resize(kept);
  return ranking;
}

void appendRanking(JsonWriter& json, std::string_view name, const WindowMetrics::Ranking& ranking) {
  json.beginArray();
  for (const auto& [value, count] : ranking) {
    json.beginObject();
    json.key(name).string(value);
    json.key("events").integer(count);
    json.endObject();
  }
  json.endArray();
}

}  // namespace

void WindowMetrics::add(Accumulator& into, const ShopEvent& event) const {
  ++into.events;
  ++into.types[event.eventType];
  ++into.users[event.userId];
  if (event.isPurchase())
    addRevenue(into.revenue, event.data.currency.value(), event.data.amount.value());
}

void WindowMetrics::merge(Accumulator& into, const Accumulator& other) const {
  into.events += other.events;
  addCounts(into.types, other.types);
  addCounts(into.users, other.users);
  for (const auto& [currency, amount] : other.revenue) addRevenue(into.revenue, currency, amount);
}

WindowMetrics::Result WindowMetrics::result(const Accumulator& window) const {
  return {window.events, static_cast<std::int64_t>(window.users.size()), window.revenue,
          rank(window.types, top_), rank(window.users, top_)};
}

void appendRow(std::string& out, const WindowResult<int, WindowMetrics::Result>& window) {
  JsonWriter json(out);
  json.beginObject();
  json.key("window_start").timestamp(window.windowStart);
  json.key("window_end").timestamp(window.windowEnd);
  json.key("events").integer(window.value.events);
  json.key("revenue").beginObject();
  for (const auto& [currency, amount] : window.value.revenue) json.key(currency).decimal(amount);
  json.endObject();
  json.key("active_users").integer(window.value.activeUsers);
  appendRanking(json.key("top_event_types"), "event_type", window.value.topTypes);
  appendRanking(json.key("top_users"), "user_id", window.value.topUsers);
  json.endObject();
}

}  // namespace millrace::examples
