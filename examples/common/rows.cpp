// SPDX-License-Identifier: MIT
#include "rows.hpp"

#include <millrace/base/check.hpp>
#include <millrace/formats/json_writer.hpp>

#include <optional>

namespace millrace::examples {

void appendRow(std::string& out, const EventCountRow& row) {
  JsonWriter json(out);
  json.beginObject();
  json.key("window_start").timestamp(row.windowStart);
  json.key("window_end").timestamp(row.windowEnd);
  json.key("event_type").string(row.eventType);
  json.key("count").integer(row.count);
  json.endObject();
}

void appendRow(std::string& out, const RevenueRow& row) {
  const std::optional<Decimal> average = roundedAverage(row.revenue, row.orders);
  if (!average) throw JobError("the average order value does not fit");
  JsonWriter json(out);
  json.beginObject();
  json.key("window_start").timestamp(row.windowStart);
  json.key("window_end").timestamp(row.windowEnd);
  json.key("currency").string(row.currency);
  json.key("revenue").decimal(row.revenue);
  json.key("orders").integer(row.orders);
  json.key("average_order_value").decimal(*average);
  json.key("top_products").beginArray();
  for (const ProductRevenue& product : row.topProducts) {
    json.beginObject();
    json.key("product_id").string(product.productId);
    json.key("revenue").decimal(product.revenue);
    json.key("orders").integer(product.orders);
    json.endObject();
  }
  json.endArray().endObject();
}

void appendRow(std::string& out, const SessionRow& row) {
  JsonWriter json(out);
  json.beginObject();
  json.key("user_id").string(row.userId);
  json.key("session_start").timestamp(row.sessionStart);
  json.key("session_end").timestamp(row.sessionEnd);
  json.key("duration_ms").integer(row.sessionEnd - row.sessionStart);
  json.key("events").integer(row.events);
  json.key("purchases").integer(row.purchases);
  json.key("revenue").beginObject();
  for (const auto& [currency, revenue] : row.revenue) json.key(currency).decimal(revenue);
  json.endObject().endObject();
}

}  // namespace millrace::examples
