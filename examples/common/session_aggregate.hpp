// SPDX-License-Identifier: MIT
#pragma once

#include "money.hpp"
#include "user_event.hpp"

#include <millrace/time/timestamp.hpp>

#include <cstdint>

namespace millrace::examples {

/// What one user did in one session. Throws JobError when a sum does not fit.
class SessionAggregate {
 public:
  struct Accumulator {
    Timestamp first = kMaxTimestamp;  ///< after `last` while there is no event
    Timestamp last = kMinTimestamp;
    std::int64_t events = 0;
    std::int64_t purchases = 0;
    RevenueByCurrency revenue;
  };

  Accumulator create() const { return {}; }
  void add(Accumulator& into, const ShopEvent& event) const;
  void merge(Accumulator& into, const Accumulator& other) const;
  Accumulator result(const Accumulator& session) const { return session; }
};

}  // namespace millrace::examples
