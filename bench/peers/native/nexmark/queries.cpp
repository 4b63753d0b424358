// SPDX-License-Identifier: MIT
#include "queries.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace millrace::bench {
namespace {

using namespace std::chrono_literals;
using Events = Stream<NexmarkEvent>;

constexpr std::int64_t kThousandthsOfEuro = 908;  // a dollar

// Strings are part of a row's digest: short ones whole, the filling by its length.
std::uint64_t textDigest(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

// A bid as it travels on; `price` in dollars or thousandths of euros.
struct PlainBid {
  std::int64_t auction = 0;
  std::int64_t bidder = 0;
  std::int64_t price = 0;
  Timestamp time = 0;
  std::string extra;

  friend void millraceWrite(const PlainBid& b, ByteWriter& out) {
    writeAll(out, b.auction, b.bidder, b.price, b.time, b.extra);
  }
  friend bool millraceRead(ByteReader& in, PlainBid& b) {
    return readAll(in, b.auction, b.bidder, b.price, b.time, b.extra);
  }
};

void copyTo(PlainBid& to, const NexmarkEvent& event) {
  to.auction = event.bid.auction;
  to.bidder = event.bid.bidder;
  to.price = event.bid.price;
  to.time = event.time;
  to.extra = event.bid.extra;
}

void addTo(Outcome& outcome, const PlainBid& bid) {
  outcome.add(bid.auction, bid.bidder, bid.price, bid.time, bid.extra.size());
}

bool isBid(const NexmarkEvent& event) { return event.kind == NexmarkEvent::Kind::kBid; }

Stream<PlainBid> plainBids(const Events& events) {
  return events.flatMap<PlainBid>([](const NexmarkEvent& event, Collector<PlainBid>& out) {
    if (isBid(event)) copyTo(out.append(), event);
  });
}

struct Price {
  std::int64_t auction = 0;
  std::int64_t price = 0;
};

void addTo(Outcome& outcome, const Price& row) { outcome.add(row.auction, row.price); }

using Counted = WindowResult<std::int64_t, std::int64_t>;

void addTo(Outcome& outcome, const Counted& row) {
  outcome.add(row.key, row.windowStart, row.windowEnd, row.value);
}

template <typename Row>
auto into(Outcome& outcome) {
  return forEach([&outcome](const Row& row) { addTo(outcome, row); });
}

// All bids as they are.
void q0(const Events& events, Outcome& outcome) {
  plainBids(events).sink("rows", into<PlainBid>(outcome));
}

// Prices in euros.
void q1(const Events& events, Outcome& outcome) {
  events
      .flatMap<PlainBid>([](const NexmarkEvent& event, Collector<PlainBid>& out) {
        if (!isBid(event)) return;
        PlainBid& bid = out.append();
        copyTo(bid, event);
        bid.price *= kThousandthsOfEuro;
      })
      .sink("rows", into<PlainBid>(outcome));
}

// Some auctions only.
void q2(const Events& events, Outcome& outcome) {
  events
      .flatMap<Price>([](const NexmarkEvent& event, Collector<Price>& out) {
        if (isBid(event) && event.bid.auction % 123 == 0)
          out.append() = {event.bid.auction, event.bid.price};
      })
      .sink("rows", into<Price>(outcome));
}

Stream<std::int64_t> idsOfBids(const Events& events, std::int64_t Bid::*id) {
  return events.flatMap<std::int64_t>(
      [id](const NexmarkEvent& event, Collector<std::int64_t>& out) {
        if (isBid(event)) out.append() = event.bid.*id;
      });
}

// The auctions with the most bids: one, or several alike.
struct Hottest {
  struct Auctions {
    std::int64_t bids = 0;
    Timestamp windowStart = 0;
    std::vector<std::int64_t> ids;

    friend void millraceWrite(const Auctions& a, ByteWriter& out) {
      writeAll(out, a.bids, a.windowStart, a.ids);
    }
    friend bool millraceRead(ByteReader& in, Auctions& a) {
      return readAll(in, a.bids, a.windowStart, a.ids);
    }
  };

  Auctions create() const { return {}; }
  void add(Auctions& into, const Counted& counted) const {
    if (counted.value > into.bids) into = {counted.value, counted.windowStart, {}};
    if (counted.value == into.bids) into.ids.push_back(counted.key);
  }
  void merge(Auctions& into, const Auctions& other) const {
    if (other.bids > into.bids) into = {other.bids, other.windowStart, {}};
    if (other.bids == into.bids)
      into.ids.insert(into.ids.end(), other.ids.begin(), other.ids.end());
  }
  Auctions result(const Auctions& auctions) const { return auctions; }
};

// The auctions with the most bids of the last ten seconds, each two seconds.
void q5(const Events& events, Outcome& outcome) {
  using Told = WindowResult<Timestamp, Hottest::Auctions>;
  idsOfBids(events, &Bid::auction)
      .keyBy([](std::int64_t auction) { return auction; })
      .window(sliding(10s, 2s))
      .aggregate("bids-per-auction", count())
      .keyBy(&Counted::windowEnd)
      .window(tumbling(2s))
      .aggregate("hottest", Hottest())
      .sink("rows", forEach([&outcome](const Told& told) {
              for (const std::int64_t id : told.value.ids)
                outcome.add(id, told.value.bids, told.value.windowStart, told.key);
            }));
}

// The bids of the highest price: one, or several alike.
struct Highest {
  using Bids = std::vector<PlainBid>;

  Bids create() const { return {}; }
  void add(Bids& into, const PlainBid& bid) const {
    if (!into.empty() && bid.price < into.front().price) return;
    if (!into.empty() && bid.price > into.front().price) into.clear();
    into.push_back(bid);
  }
  void merge(Bids& into, const Bids& other) const {
    for (const PlainBid& bid : other) add(into, bid);
  }
  Bids result(const Bids& bids) const { return bids; }
};

// The highest bids of each ten seconds.
void q7(const Events& events, Outcome& outcome) {
  using Told = WindowResult<int, Highest::Bids>;
  plainBids(events)
      .keyBy([](const PlainBid&) { return 0; })
      .window(tumbling(10s))
      .aggregate("highest", Highest())
      .sink("rows", forEach([&outcome](const Told& told) {
              for (const PlainBid& bid : told.value) addTo(outcome, bid);
            }));
}

// A new person, or a new auction's seller, who has no name here.
struct Newcomer {
  std::int64_t id = 0;
  std::string name;
};

struct NewSellers {
  struct Seen {
    std::string name;
    bool hasAuction = false;

    friend void millraceWrite(const Seen& s, ByteWriter& out) {
      writeAll(out, s.name, s.hasAuction);
    }
    friend bool millraceRead(ByteReader& in, Seen& s) { return readAll(in, s.name, s.hasAuction); }
  };

  Seen create() const { return {}; }
  void add(Seen& into, const Newcomer& one) const {
    if (one.name.empty())
      into.hasAuction = true;
    else
      into.name = one.name;
  }
  void merge(Seen& into, const Seen& other) const {
    if (!other.name.empty()) into.name = other.name;
    into.hasAuction = into.hasAuction || other.hasAuction;
  }
  Seen result(const Seen& seen) const { return seen; }
};

// Who came and opened an auction within the same ten seconds.
void q8(const Events& events, Outcome& outcome) {
  using Told = WindowResult<std::int64_t, NewSellers::Seen>;
  events
      .flatMap<Newcomer>([](const NexmarkEvent& event, Collector<Newcomer>& out) {
        if (isBid(event)) return;
        const bool isPerson = event.kind == NexmarkEvent::Kind::kPerson;
        Newcomer& one = out.append();
        one.id = isPerson ? event.person.id : event.auction.seller;
        one.name.assign(isPerson ? event.person.name : "");
      })
      .keyBy(&Newcomer::id)
      .window(tumbling(10s))
      .aggregate("new-sellers", NewSellers())
      .sink("rows", forEach([&outcome](const Told& told) {
              if (!told.value.name.empty() && told.value.hasAuction)
                outcome.add(told.key, textDigest(told.value.name), told.windowStart);
            }));
}

// Bids per bidder and session.
void q11(const Events& events, Outcome& outcome) {
  idsOfBids(events, &Bid::bidder)
      .keyBy([](std::int64_t bidder) { return bidder; })
      .window(session(10s))
      .aggregate("bids-per-session", count())
      .sink("rows", into<Counted>(outcome));
}

// Counts for ten seconds of the wall clock, and what is left at the end.
class ClockWindows {
 public:
  static constexpr Timestamp kMillis = 10'000;

  struct Row {
    std::int64_t bidder = 0;
    std::int64_t bids = 0;
  };
  using Context = ProcessContext<std::int64_t, Row>;

  void open(StateContext& states) { bids_ = states.value<std::int64_t>("bids"); }

  void process(std::int64_t, Context& context) {
    if (bids_.edit(0)++ > 0) return;
    context.registerProcessingTimer((floorDivide(context.processingTime(), kMillis) + 1) * kMillis);
    context.registerEventTimer(kMaxTimestamp);
  }

  void onTimer(Timestamp, Context& context) {
    const std::int64_t* bids = bids_.get();
    if (bids == nullptr) return;
    context.emit({context.key(), *bids});
    bids_.clear();
    context.deleteEventTimer(kMaxTimestamp);
  }

 private:
  ValueState<std::int64_t> bids_;
};

// Bids per bidder and ten seconds of the wall clock. How they fall apart is another in each run:
// only their sum is told.
void q12(const Events& events, Outcome& outcome) {
  idsOfBids(events, &Bid::bidder)
      .keyBy([](std::int64_t bidder) { return bidder; })
      .process<ClockWindows::Row>("bids-per-clock-window", ClockWindows())
      .sink("rows", forEach([&outcome](const ClockWindows::Row& row) {
              outcome.rows += static_cast<std::uint64_t>(row.bids);
              outcome.digest += static_cast<std::uint64_t>(row.bidder * row.bids);
            }));
}

struct CountedBid {
  PlainBid bid;
  std::string_view dayTime;
  std::int64_t letters = 0;
};

std::string_view dayTimeOf(Timestamp time) {
  const Timestamp hour = floorDivide(time, 3'600'000) % 24;
  if (hour >= 8 && hour <= 18) return "dayTime";
  return hour <= 6 || hour >= 20 ? "nightTime" : "otherTime";
}

// Bids of a middle price, with the time of the day and how often their filling has a 'c'.
void q14(const Events& events, Outcome& outcome) {
  events
      .flatMap<CountedBid>([](const NexmarkEvent& event, Collector<CountedBid>& out) {
        const std::int64_t price = event.bid.price * kThousandthsOfEuro;
        if (!isBid(event) || price <= 1'000'000'000 || price >= 50'000'000'000) return;
        CountedBid& counted = out.append();
        copyTo(counted.bid, event);
        counted.bid.price = price;
        counted.dayTime = dayTimeOf(event.time);
        counted.letters = std::count(event.bid.extra.begin(), event.bid.extra.end(), 'c');
      })
      .sink("rows", forEach([&outcome](const CountedBid& row) {
              outcome.add(row.bid.auction, row.bid.bidder, row.bid.price, row.bid.time,
                          row.bid.extra.size(), textDigest(row.dayTime), row.letters);
            }));
}

struct Directories {
  std::int64_t auction = 0;
  std::int64_t bidder = 0;
  std::int64_t price = 0;
  std::string channel, first, second, third;
};

// The `index`th part of the text between slashes; empty where there is none.
std::string_view partOf(std::string_view text, int index) {
  for (; index > 0; --index) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return {};
    text.remove_prefix(slash + 1);
  }
  return text.substr(0, text.find('/'));
}

// Three directories of each bid's address.
void q22(const Events& events, Outcome& outcome) {
  events
      .flatMap<Directories>([](const NexmarkEvent& event, Collector<Directories>& out) {
        if (!isBid(event)) return;
        const Bid& bid = event.bid;
        Directories& row = out.append();
        row.auction = bid.auction;
        row.bidder = bid.bidder;
        row.price = bid.price;
        row.channel = bid.channel;
        row.first = partOf(bid.url, 3);
        row.second = partOf(bid.url, 4);
        row.third = partOf(bid.url, 5);
      })
      .sink("rows", forEach([&outcome](const Directories& row) {
              outcome.add(row.auction, row.bidder, row.price, textDigest(row.channel),
                          textDigest(row.first), textDigest(row.second), textDigest(row.third));
            }));
}

using Query = void (*)(const Events&, Outcome&);
const std::map<std::string, Query> kQueries = {
    {"q0", q0}, {"q1", q1},   {"q2", q2},   {"q5", q5},   {"q7", q7},
    {"q8", q8}, {"q11", q11}, {"q12", q12}, {"q14", q14}, {"q22", q22}};

}  // namespace

void addNexmarkQuery(const std::string& name, const Stream<NexmarkEvent>& events,
                     Outcome& outcome) {
  const auto found = kQueries.find(name);
  if (found == kQueries.end()) throw std::invalid_argument("no such query: " + name);
  found->second(events, outcome);
}

}  // namespace millrace::bench
