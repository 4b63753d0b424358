// SPDX-License-Identifier: MIT
#pragma once

#include "money.hpp"
#include "user_event.hpp"

#include <millrace/base/decimal.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstdint>
#include <string>

namespace millrace::examples {

/// What a session needs of an event, and no more: it is what crosses from worker to worker.
struct Visit {
  Timestamp timestamp = 0;
  std::string userId;
  std::string currency;  ///< of a purchase; empty for any other event
  Decimal amount;

  static Visit of(const ShopEvent& event);
};

/// What one user did in one session. Throws JobError when a sum does not fit.
class SessionAggregate {
 public:
  struct Accumulator {
    Timestamp first = kMaxTimestamp;  ///< after `last` while there is no event
    Timestamp last = kMinTimestamp;
    std::int64_t events = 0;
    std::int64_t purchases = 0;
    RevenueByCurrency revenue;

    // For checkpoints.
    friend void millraceWrite(const Accumulator& a, ByteWriter& out) {
      writeAll(out, a.first, a.last, a.events, a.purchases, a.revenue);
    }
    friend bool millraceRead(ByteReader& in, Accumulator& a) {
      return readAll(in, a.first, a.last, a.events, a.purchases, a.revenue);
    }
  };

  Accumulator create() const { return {}; }
  void add(Accumulator& into, const ShopEvent& event) const;
  void add(Accumulator& into, const Visit& visit) const;
  void merge(Accumulator& into, const Accumulator& other) const;
  Accumulator result(const Accumulator& session) const { return session; }
};

}  // namespace millrace::examples
