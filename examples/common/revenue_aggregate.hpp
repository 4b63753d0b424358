// SPDX-License-Identifier: MIT
#pragma once

#include "rows.hpp"
#include "user_event.hpp"

#include <millrace/base/decimal.hpp>
#include <millrace/serde/serde.hpp>

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::examples {

/// Adds up purchases of one currency: the total, the orders and every product's
/// share. Exact, so it can subtract. Throws JobError when a sum does not fit.
/// REQUIRES: only purchases that ShopEvent accepts are added.
class RevenueAggregate {
 public:
  static constexpr std::size_t kTopProducts = 5;

  struct Sold {
    Decimal revenue;
    std::int64_t orders = 0;

    friend void millraceWrite(const Sold& s, ByteWriter& out) {
      writeAll(out, s.revenue, s.orders);
    }
    friend bool millraceRead(ByteReader& in, Sold& s) { return readAll(in, s.revenue, s.orders); }
  };
  struct Accumulator {
    std::string currency;  // empty until there is an order; only messages need it
    Sold all;
    absl::flat_hash_map<std::string, Sold> products;

    // For checkpoints.
    friend void millraceWrite(const Accumulator& a, ByteWriter& out) {
      writeAll(out, a.currency, a.all, a.products);
    }
    friend bool millraceRead(ByteReader& in, Accumulator& a) {
      return readAll(in, a.currency, a.all, a.products);
    }
  };
  struct Result {
    Decimal revenue;
    std::int64_t orders = 0;
    std::vector<ProductRevenue> topProducts;  ///< most revenue first, then by id in byte order
  };

  Accumulator create() const { return {}; }
  void add(Accumulator& into, const ShopEvent& purchase) const;
  void merge(Accumulator& into, const Accumulator& other) const;
  void subtract(Accumulator& from, const Accumulator& other) const;
  Result result(const Accumulator& sales) const;
};

}  // namespace millrace::examples
