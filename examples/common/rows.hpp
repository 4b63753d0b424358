// SPDX-License-Identifier: MIT
#pragma once

#include "money.hpp"

#include <millrace/base/decimal.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::examples {

/// The rows of the three jobs and how they are written: one JSON object each,
/// members in this order, no spaces, no line feed. `windowEnd` is exclusive.

/// Events of one type in one window.
struct EventCountRow {
  Timestamp windowStart = 0;
  Timestamp windowEnd = 0;
  std::string eventType;
  std::int64_t count = 0;
};

struct ProductRevenue {
  std::string productId;
  Decimal revenue;
  std::int64_t orders = 0;
};

/// Purchases in one currency in one window. REQUIRES: orders > 0. Writing it throws
/// JobError when the rounded average does not fit.
struct RevenueRow {
  Timestamp windowStart = 0;
  Timestamp windowEnd = 0;
  std::string currency;
  Decimal revenue;
  std::int64_t orders = 0;
  std::vector<ProductRevenue> topProducts;
};

/// One session of one user. `sessionEnd` is the last event's time.
struct SessionRow {
  std::string userId;
  Timestamp sessionStart = 0;
  Timestamp sessionEnd = 0;
  std::int64_t events = 0;
  std::int64_t purchases = 0;
  RevenueByCurrency revenue;
};

void appendRow(std::string& out, const EventCountRow& row);
void appendRow(std::string& out, const RevenueRow& row);
void appendRow(std::string& out, const SessionRow& row);

}  // namespace millrace::examples
