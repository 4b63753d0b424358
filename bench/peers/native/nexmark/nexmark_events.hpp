// SPDX-License-Identifier: MIT
#pragma once

#include "split_random.hpp"

#include <millrace/time/timestamp.hpp>

#include <cstdint>
#include <string>

namespace millrace::bench {

struct Person {
  std::int64_t id = 0;
  std::string name, email, creditCard, city, state, extra;
};

struct Auction {
  std::int64_t id = 0;
  std::string itemName, description;
  std::int64_t initialBid = 0;
  std::int64_t reserve = 0;
  Timestamp expires = 0;
  std::int64_t seller = 0;
  std::int64_t category = 0;
  std::string extra;
};

struct Bid {
  std::int64_t auction = 0;
  std::int64_t bidder = 0;
  std::int64_t price = 0;
  std::string channel, url, extra;
};

/// What goes on at the auction house: of the three members the one that `kind` names holds.
struct NexmarkEvent {
  enum class Kind : std::uint8_t { kPerson, kAuction, kBid };

  Kind kind = Kind::kBid;
  Timestamp time = 0;
  Person person;
  Auction auction;
  Bid bid;
};

/// Event number i of the Nexmark benchmark, by the rules and with the default proportions, ratios
/// and sizes of github.com/nexmark/nexmark (its package generator), so many events to a second of
/// event time, in the order of time. Deviations: the random numbers of event i come from a seed of
/// its own, that both sides of a contest make the same and in any order; ten to the power of x is
/// worked out by arithmetic that every machine does alike, without fused products; there may be
/// another number of events to a second than upstream's 10,000; and queries take euros as whole
/// thousandths, where upstream has DECIMAL(23, 3).
struct NexmarkMaker {
  std::uint64_t perSecond = 10'000;

  void operator()(std::uint64_t i, NexmarkEvent& event) const;
};

/// 10^x for 0 <= x <= 6 from sums and products alone, the same in C++ and Java; exact to about
/// 1e-13.
double tenTo(double x);

}  // namespace millrace::bench
