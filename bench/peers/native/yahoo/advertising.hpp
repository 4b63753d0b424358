// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace millrace::bench {

/// The input of the Yahoo Streaming Benchmark (github.com/yahoo/streaming-benchmarks, its
/// core.clj): views, clicks and purchases of the ads of a hundred campaigns, one JSON object a
/// line, in the order of time.
inline constexpr std::uint64_t kCampaigns = 100;
inline constexpr std::uint64_t kAdsOfCampaign = 10;

std::string campaignId(std::uint64_t campaign);
std::string adId(std::uint64_t ad);

/// Appends event number i and a line feed; so many events to a second of event time.
void appendAdEvent(std::string& out, std::uint64_t i, std::uint64_t perSecond);

}  // namespace millrace::bench
