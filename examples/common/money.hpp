// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/check.hpp>
#include <millrace/base/decimal.hpp>

#include <string>

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

}  // namespace millrace::examples
