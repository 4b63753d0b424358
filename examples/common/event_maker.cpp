// SPDX-License-Identifier: MIT
#include "event_maker.hpp"

#include <millrace/base/check.hpp>
#include <millrace/base/hash.hpp>
#include <millrace/formats/json_writer.hpp>
#include <millrace/time/rfc3339.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace millrace::examples {
namespace {

constexpr std::int64_t kNanosPerMilli = 1'000'000;
constexpr std::int64_t kProducts = 500;
constexpr std::int64_t kCheapestCents = 100;
constexpr std::int64_t kDearestCents = 50'000;
constexpr std::int64_t kMicrosPerCent = 10'000;

// The twelve slots are the proportions.
constexpr std::string_view kCurrencies[] = {"USD", "USD", "USD", "USD", "USD", "USD",
                                            "EUR", "EUR", "EUR", "GBP", "GBP", "JPY"};
constexpr std::string_view kDevices[] = {"mobile", "mobile", "desktop", "desktop", "tablet"};
constexpr std::string_view kBrowsers[] = {"chrome", "chrome", "safari", "firefox", "edge"};
constexpr std::string_view kSearches[] = {"shoes", "winter coat", "phone case", "café", "gift"};

// Lines that break a rule every job has.
constexpr std::string_view kBroken[] = {
    R"({"timestamp":"2025-12-12T10:30:00.000Z","event_type":"purch)",
    R"(not json)",
    R"([1,2,3])",
    R"({"event_type":"login","user_id":"user_1","version":"1.0"})",
    R"({"timestamp":"yesterday","event_type":"login","user_id":"user_1"})",
    R"({"timestamp":"2025-02-30T00:00:00Z","event_type":"login","user_id":"user_1"})",
    R"({"timestamp":"2025-12-12T10:30:00.000Z","event_type":"","user_id":"user_1"})",
    R"({"timestamp":"2025-12-12T10:30:00.000Z","event_type":"login","user_id":null})",
    R"({"timestamp":"2025-12-12T10:30:00.000Z","event_type":"login","user_id":"u","data":[]})",
    R"({"timestamp":"2025-12-12T10:30:00.000Z","event_type":"login","user_id":"u"} and more)"};

// SplitMix64 started at a point that depends on seed and index.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t index) : state_(combineHashes(mixHash(seed), index)) {}

  std::uint64_t next() { return mixHash(state_++); }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  template <std::size_t N>
  std::string_view oneOf(const std::string_view (&values)[N]) {
    return values[below(N)];
  }

 private:
  std::uint64_t state_;
};

void appendNumber(std::string& out, std::uint64_t number) {
  char text[20];
  out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

void appendMember(std::string& out, std::string_view before, std::string_view value) {
  out += before;
  out += value;
}

// What this type of event carries in "data", ahead of the members all have.
void appendDetails(std::string& out, const MadeEvent& event, Draws& draws) {
  if (event.isPurchase) {
    if (event.product >= 0) {
      out += R"("product_id":"prod_)";
      appendNumber(out, static_cast<std::uint64_t>(event.product));
      out += R"(",)";
    }
    out += R"("amount":)";
    event.amount.appendTo(out);
    appendMember(out, R"(,"currency":")", event.currency);
    out += R"(",)";
  } else if (event.type == "page_view") {
    out += R"("page":"/products/)";
    appendNumber(out, draws.below(kProducts));
    out += R"(",)";
  } else if (event.type == "add_to_cart" || event.type == "remove_from_cart") {
    out += R"("product_id":"prod_)";
    appendNumber(out, draws.below(kProducts));
    out += R"(",)";
  } else if (event.type == "search") {
    appendMember(out, R"("query":")", draws.oneOf(kSearches));
    out += R"(",)";
  }
}

void drawPurchase(MadeEvent& event, Draws& draws) {
  constexpr std::uint64_t kOneInWithoutProduct = 25;
  event.isPurchase = true;
  const auto cents = static_cast<std::int64_t>(draws.below(kDearestCents - kCheapestCents + 1));
  event.amount = Decimal::fromMicros((kCheapestCents + cents) * kMicrosPerCent);
  event.currency = draws.oneOf(kCurrencies);
  if (draws.below(kOneInWithoutProduct) != 0)
    event.product = static_cast<std::int64_t>(draws.below(kProducts));
}

}  // namespace

std::vector<WeightedType> usualEventTypes() {
  return {{"page_view", 45},       {"button_click", 20}, {"search", 10}, {"add_to_cart", 8},
          {"purchase", 7},         {"login", 3},         {"logout", 2},  {"form_submit", 2},
          {"remove_from_cart", 2}, {"signup", 1}};
}

StatusOr<std::vector<WeightedType>> parseEventTypes(std::string_view text) {
  std::vector<WeightedType> types;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = text.substr(0, comma);
    const std::size_t equals = std::min(item.find('='), item.size());
    WeightedType type{std::string(item.substr(0, equals)), 1};
    if (type.name.empty())
      return invalidArgumentError(fmt::format("'{}' has no name (a,b=3)", item));
    if (equals < item.size()) {
      const std::string_view weight = item.substr(equals + 1);
      const char* const end = weight.data() + weight.size();
      const auto [stop, error] = std::from_chars(weight.data(), end, type.weight);
      if (error != std::errc() || stop != end || type.weight == 0)
        return invalidArgumentError(
            fmt::format("'{}' is not a weight of 1 or more (a,b=3)", weight));
    }
    types.push_back(std::move(type));
    if (comma == text.size()) return types;
    text.remove_prefix(comma + 1);
  }
}

EventMaker::EventMaker(EventMakerOptions options) : options_(std::move(options)) {
  MILLRACE_CHECK(!options_.types.empty() && options_.users > 0, "nothing to make events of");
  std::uint64_t total = 0;
  for (const WeightedType& type : options_.types) {
    total += type.weight;
    cumulativeWeight_.push_back(total);
    JsonWriter(names_.emplace_back()).string(type.name);
  }
}

std::size_t EventMaker::pickType(std::uint64_t draw) const {
  const auto above = std::upper_bound(cumulativeWeight_.begin(), cumulativeWeight_.end(),
                                      draw % cumulativeWeight_.back());
  return static_cast<std::size_t>(above - cumulativeWeight_.begin());
}

MadeEvent EventMaker::append(std::uint64_t index, std::string& line) const {
  Draws draws(options_.seed, index);
  MadeEvent event;
  if (options_.invalidFraction > 0 && draws.unit() < options_.invalidFraction) {
    line += draws.oneOf(kBroken);
    event.valid = false;
    return event;
  }
  const std::int64_t offset =
      static_cast<std::int64_t>(index) * options_.spacingNanos / kNanosPerMilli;
  const auto early = static_cast<Timestamp>(
      draws.below(static_cast<std::uint64_t>(options_.disorder.count()) + 1));
  event.timestamp = options_.start + offset - early;
  const std::size_t type = pickType(draws.next());
  event.type = options_.types[type].name;
  // Cubed, so that a few users are busy and most are not.
  const double share = draws.unit();
  event.user =
      static_cast<std::int64_t>(share * share * share * static_cast<double>(options_.users));
  if (event.type == "purchase") drawPurchase(event, draws);

  char time[kMaxUtcLength];
  line += R"({"timestamp":")";
  line.append(time, formatUtc(event.timestamp, time));
  appendMember(line, R"(","event_type":)", names_[type]);
  line += R"(,"user_id":"user_)";
  appendNumber(line, static_cast<std::uint64_t>(event.user));
  line += R"(","version":"1.0","data":{)";
  appendDetails(line, event, draws);
  line += R"("session_id":"session_)";
  appendNumber(line, static_cast<std::uint64_t>(event.user) * 7 + draws.below(7));
  appendMember(line, R"(","device":")", draws.oneOf(kDevices));
  appendMember(line, R"(","browser":")", draws.oneOf(kBrowsers));
  line += R"("}})";
  return event;
}

}  // namespace millrace::examples
