// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/check.hpp>
#include <millrace/base/decimal.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace millrace::examples {

/// sum += amount. Throws JobError naming the currency when the sum does not fit.
inline void addMoney(Decimal& sum, Decimal amount, const std::string& currency) {
  if (!sum.add(amount))
    throw JobError("the revenue in " + currency + " does not fit: " + sum.toString() + " and " +
                   amount.toString());
}

/// sum -= amount, likewise.
inline void takeMoney(Decimal& sum, Decimal amount, const std::string& currency) {
  if (!sum.subtract(amount))
    throw JobError("the revenue in " + currency + " does not fit: " + sum.toString() + " less " +
                   amount.toString());
}

/// Sums by currency, in byte order; nearly always one or none, so a sorted vector.
using RevenueByCurrency = std::vector<std::pair<std::string, Decimal>>;

/// Adds to the currency's sum. Throws as addMoney.
inline void addRevenue(RevenueByCurrency& revenue, const std::string& currency, Decimal amount) {
  auto entry = std::lower_bound(
      revenue.begin(), revenue.end(), currency,
      [](const auto& each, const std::string& wanted) { return each.first < wanted; });
  if (entry == revenue.end() || entry->first != currency)
    entry = revenue.insert(entry, {currency, Decimal()});
  addMoney(entry->second, amount, currency);
}

}  // namespace millrace::examples
