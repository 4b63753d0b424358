// SPDX-License-Identifier: MIT
#include "nexmark_events.hpp"

#include <millrace/base/hash.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace millrace::bench {
namespace {

constexpr std::int64_t kPersons = 1, kAuctions = 3, kAll = 50;  // of so many events
constexpr std::int64_t kFirstId = 1000, kFirstCategory = 10;
constexpr std::int64_t kIdLead = 10;  // ids drawn may be so far ahead of those there are
constexpr std::int64_t kHotBatch = 100;
constexpr int kHotAuctionRatio = 2, kHotSellerRatio = 4, kHotBidderRatio = 4;
constexpr std::int64_t kAuctionsInFlight = 100, kActivePeople = 1000;
constexpr int kPersonBytes = 200, kAuctionBytes = 500, kBidBytes = 100;
constexpr int kCategories = 5, kChannels = 10'000;
constexpr Timestamp kBaseTime = 1'436'918'400'000;  // 2015-07-15T00:00:00Z
constexpr std::uint64_t kFixedSeed = 0x6e65786d61726bULL;

constexpr std::array<std::string_view, 6> kStates = {"AZ", "CA", "ID", "OR", "WA", "WY"};
constexpr std::array<std::string_view, 10> kCities = {
    "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
    "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
constexpr std::array<std::string_view, 11> kFirstNames = {
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"};
constexpr std::array<std::string_view, 9> kLastNames = {
    "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"};
constexpr std::array<std::string_view, 4> kHotChannels = {"Google", "Facebook", "Baidu", "Apple"};

template <std::size_t N>
std::string_view oneOf(const std::array<std::string_view, N>& all, SplitRandom& random) {
  return all[static_cast<std::size_t>(random.nextInt(static_cast<std::int32_t>(N)))];
}

std::int64_t below(SplitRandom& random, std::int64_t bound) {
  return random.nextInt(static_cast<std::int32_t>(bound));
}

// Three letters to fewer than `most`, one in 13 of them `special`; blanks at the ends go.
void appendWord(std::string& out, SplitRandom& random, int most, char special = ' ') {
  const std::size_t begin = out.size();
  for (int left = 3 + random.nextInt(most - 3); left > 0; --left)
    out += random.nextInt(13) == 0 ? special : static_cast<char>('a' + random.nextInt(26));
  while (out.size() > begin && out.back() == ' ') out.pop_back();
  const std::size_t blanks = std::min(out.find_first_not_of(' ', begin), out.size()) - begin;
  out.erase(begin, blanks);
}

// A million letters of which events hold parts. Some are no letters: the remainder may be negative.
const std::string& filling() {
  static const std::string text = [] {
    SplitRandom random(kFixedSeed);
    std::string made;
    std::int32_t number = 0;
    for (int i = 0; i < 1024 * 1024; ++i) {
      if (i % 6 == 0) number = random.nextInt();
      made += static_cast<char>('a' + number % 26);
      number /= 26;
    }
    return made;
  }();
  return text;
}

// Fills up to `average` bytes, a fifth more or less.
void setExtra(std::string& out, SplitRandom& random, int size, int average) {
  out.clear();
  if (size > average) return;
  const int wanted = average - size;
  const int delta = static_cast<int>(std::floor(wanted * 0.2 + 0.5));
  const int length = wanted - delta + (delta == 0 ? 0 : random.nextInt(2 * delta));
  const int offset = random.nextInt(static_cast<std::int32_t>(filling().size()) - length);
  out.assign(filling(), static_cast<std::size_t>(offset), static_cast<std::size_t>(length));
}

std::int64_t nextPrice(SplitRandom& random) {
  return static_cast<std::int64_t>(std::floor(tenTo(random.nextDouble() * 6.0) * 100.0 + 0.5));
}

std::int64_t lastPerson(std::int64_t event) {
  return event / kAll * kPersons + std::min(event % kAll, kPersons - 1);
}

std::int64_t lastAuction(std::int64_t event) {
  const std::int64_t epoch = event / kAll;
  const std::int64_t offset = event % kAll;
  if (offset < kPersons) return (epoch - 1) * kAuctions + kAuctions - 1;
  return epoch * kAuctions + std::min(offset - kPersons, kAuctions - 1);
}

std::int64_t anyPerson(std::int64_t event, SplitRandom& random) {
  const std::int64_t people = lastPerson(event) + 1;
  const std::int64_t active = std::min(people, kActivePeople);
  return people - active + below(random, active + kIdLead);
}

std::int64_t anyAuction(std::int64_t event, SplitRandom& random) {
  const std::int64_t last = lastAuction(event);
  const std::int64_t first = std::max<std::int64_t>(last - kAuctionsInFlight, 0);
  return first + below(random, last - first + 1 + kIdLead);
}

void appendAddress(std::string& out, SplitRandom& random) {
  out += "https://www.nexmark.com/";
  for (int i = 0; i < 3; ++i) {
    appendWord(out, random, 5, '_');
    out += '/';
  }
  out += "item.htm?query=1";
}

struct Channel {
  std::string name;
  std::string url;
};

std::int64_t reversedBits(std::uint32_t x) {
  std::uint32_t reversed = 0;
  for (int i = 0; i < 32; ++i) reversed |= ((x >> i) & 1U) << (31 - i);
  return std::abs(static_cast<std::int64_t>(static_cast<std::int32_t>(reversed)));
}

// The hot ones first.
const std::vector<Channel>& channels() {
  static const std::vector<Channel> all = [] {
    SplitRandom random(kFixedSeed + 1);
    std::vector<Channel> made;
    for (const std::string_view name : kHotChannels) {
      made.push_back({std::string(name), ""});
      appendAddress(made.back().url, random);
    }
    for (std::uint32_t i = 0; i < kChannels; ++i) {
      made.push_back({"channel-" + std::to_string(i), ""});
      appendAddress(made.back().url, random);
      if (random.nextInt(10) > 0)
        made.back().url += "&channel_id=" + std::to_string(reversedBits(i));
    }
    return made;
  }();
  return all;
}

void appendCardNumber(std::string& out, SplitRandom& random) {
  for (int i = 0; i < 4; ++i) {
    if (i > 0) out += ' ';
    const std::string digits = std::to_string(random.nextInt(10'000));
    out.append(4 - digits.size(), '0').append(digits);
  }
}

void make(Person& person, std::int64_t event, SplitRandom& random) {
  person.id = lastPerson(event) + kFirstId;
  person.name.assign(oneOf(kFirstNames, random)).append(" ").append(oneOf(kLastNames, random));
  person.email.clear();
  appendWord(person.email, random, 7);
  person.email += '@';
  appendWord(person.email, random, 5);
  person.email += ".com";
  person.creditCard.clear();
  appendCardNumber(person.creditCard, random);
  person.city = oneOf(kCities, random);
  person.state = oneOf(kStates, random);
  const std::size_t size = 8 + person.name.size() + person.email.size() + person.creditCard.size() +
                           person.city.size() + person.state.size();
  setExtra(person.extra, random, static_cast<int>(size), kPersonBytes);
}

void make(Auction& auction, std::int64_t event, Timestamp time, std::uint64_t perSecond,
          SplitRandom& random) {
  auction.id = lastAuction(event) + kFirstId;
  const bool isHot = random.nextInt(kHotSellerRatio) > 0;
  auction.seller =
      (isHot ? lastPerson(event) / kHotBatch * kHotBatch : anyPerson(event, random)) + kFirstId;
  auction.category = kFirstCategory + random.nextInt(kCategories);
  auction.initialBid = nextPrice(random);
  // An auction is open until as many others as may be in flight have begun, on average.
  const std::int64_t ahead = event + kAuctionsInFlight * kAll / kAuctions;
  const Timestamp horizon = kBaseTime + ahead * 1000 / static_cast<std::int64_t>(perSecond) - time;
  auction.expires = time + 1 + below(random, std::max<std::int64_t>(horizon * 2, 1));
  auction.itemName.clear();
  appendWord(auction.itemName, random, 20);
  auction.description.clear();
  appendWord(auction.description, random, 100);
  auction.reserve = auction.initialBid + nextPrice(random);
  const std::size_t size = 8 + auction.itemName.size() + auction.description.size() + 5 * 8;
  setExtra(auction.extra, random, static_cast<int>(size), kAuctionBytes);
}

void make(Bid& bid, std::int64_t event, SplitRandom& random) {
  const bool isHotAuction = random.nextInt(kHotAuctionRatio) > 0;
  bid.auction =
      (isHotAuction ? lastAuction(event) / kHotBatch * kHotBatch : anyAuction(event, random)) +
      kFirstId;
  const bool isHotBidder = random.nextInt(kHotBidderRatio) > 0;
  // The second of a batch, so that hot bidders are no hot sellers; and the first id twice, as it is
  // there.
  bid.bidder =
      (isHotBidder ? lastPerson(event) / kHotBatch * kHotBatch + 1 : anyPerson(event, random)) +
      2 * kFirstId;
  bid.price = nextPrice(random);
  const bool isHotChannel = random.nextInt(2) > 0;
  const std::int32_t number =
      isHotChannel ? random.nextInt(static_cast<std::int32_t>(kHotChannels.size()))
                   : static_cast<std::int32_t>(kHotChannels.size()) + random.nextInt(kChannels);
  const Channel& channel = channels()[static_cast<std::size_t>(number)];
  bid.channel = channel.name;
  bid.url = channel.url;
  setExtra(bid.extra, random, 4 * 8, kBidBytes);
}

}  // namespace

double tenTo(double x) {
  // 2^y with y cut into a whole number and a rest of at most a half, whose power is a series.
  const double y = x * 3.321928094887362;
  const double whole = std::floor(y + 0.5);
  const double z = (y - whole) * 0.6931471805599453;
  double power = 1.0;
  for (int i = 15; i > 0; --i) power = 1.0 + power * z / i;
  return power * static_cast<double>(std::int64_t{1} << static_cast<int>(whole));
}

void NexmarkMaker::operator()(std::uint64_t i, NexmarkEvent& event) const {
  const auto number = static_cast<std::int64_t>(i);
  SplitRandom random(mixHash(i));
  event.time = kBaseTime + number * 1000 / static_cast<std::int64_t>(perSecond);
  const std::int64_t turn = number % kAll;
  if (turn < kPersons) {
    event.kind = NexmarkEvent::Kind::kPerson;
    make(event.person, number, random);
  } else if (turn < kPersons + kAuctions) {
    event.kind = NexmarkEvent::Kind::kAuction;
    make(event.auction, number, event.time, perSecond, random);
  } else {
    event.kind = NexmarkEvent::Kind::kBid;
    make(event.bid, number, random);
  }
}

}  // namespace millrace::bench
