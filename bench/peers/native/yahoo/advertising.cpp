// SPDX-License-Identifier: MIT
#include "advertising.hpp"

#include <millrace/base/hash.hpp>

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <string_view>

namespace millrace::bench {
namespace {

constexpr std::array<std::string_view, 5> kAdTypes = {"banner", "modal", "sponsored-search", "mail",
                                                      "mobile"};
constexpr std::array<std::string_view, 3> kEventTypes = {"view", "click", "purchase"};
constexpr std::uint64_t kBaseMillis = 1'465'344'000'000;
constexpr std::uint64_t kUsers = 100;  // and pages

// Something that looks like a UUID, of number `i` of a kind.
std::string uuid(std::uint64_t kind, std::uint64_t i) {
  const std::uint64_t high = mixHash((kind << 56) + 2 * i);
  const std::uint64_t low = mixHash((kind << 56) + 2 * i + 1);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffffffffffff);
}

}  // namespace

std::string campaignId(std::uint64_t campaign) { return uuid(1, campaign); }
std::string adId(std::uint64_t ad) { return uuid(2, ad); }

void appendAdEvent(std::string& out, std::uint64_t i, std::uint64_t perSecond) {
  const std::uint64_t random = mixHash(i);
  fmt::format_to(std::back_inserter(out),
                 R"({{"user_id":"{}","page_id":"{}","ad_id":"{}","ad_type":"{}","event_type":"{}",)"
                 R"("event_time":"{}","ip_address":"1.2.3.4"}})"
                 "\n",
                 uuid(3, random % kUsers), uuid(4, (random >> 8) % kUsers),
                 adId((random >> 16) % (kCampaigns * kAdsOfCampaign)),
                 kAdTypes[(random >> 32) % kAdTypes.size()],
                 kEventTypes[(random >> 40) % kEventTypes.size()],
                 kBaseMillis + i * 1000 / perSecond);
}

}  // namespace millrace::bench
