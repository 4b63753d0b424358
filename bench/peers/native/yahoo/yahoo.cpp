// SPDX-License-Identifier: MIT
// The core of the Yahoo Streaming Benchmark, as bench/peers/flink has it: JSON, the views alone,
// the campaign of each ad from a table, counts per campaign and ten seconds. Or makes its input.
//
//   bench_peer_yahoo --job make --file ads.ndjson --records 1000000 --per-second 10000
//   bench_peer_yahoo --job count --file ads.ndjson --records 1000000 --rows DIRECTORY --workers 1
#include "advertising.hpp"
#include "meter.hpp"

#include <millrace/millrace.hpp>

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <fstream>
#include <optional>
#include <stdexcept>

namespace millrace::bench {

struct AdEvent {
  std::string adId;
  std::string eventType;
  std::string eventTime;

  /// Nothing when it is no number.
  std::optional<Timestamp> time() const {
    Timestamp millis = 0;
    const char* const end = eventTime.data() + eventTime.size();
    const auto [at, error] = std::from_chars(eventTime.data(), end, millis);
    if (error != std::errc() || at != end) return std::nullopt;
    return millis;
  }
};

}  // namespace millrace::bench

template <>
struct millrace::Description<millrace::bench::AdEvent> {
  static void describe(Describer<bench::AdEvent>& d) {
    d.name("AdEvent");
    d.field("ad_id", &bench::AdEvent::adId).required();
    d.field("event_type", &bench::AdEvent::eventType).required();
    d.field("event_time", &bench::AdEvent::eventTime).required();
  }
};

namespace millrace::bench {
namespace {

using namespace std::chrono_literals;

absl::flat_hash_map<std::string, std::string> campaignsOfAds() {
  absl::flat_hash_map<std::string, std::string> campaigns;
  for (std::uint64_t ad = 0; ad < kCampaigns * kAdsOfCampaign; ++ad)
    campaigns[adId(ad)] = campaignId(ad / kAdsOfCampaign);
  return campaigns;
}

Outcome countViews(const Arguments& arguments, Meter& meter) {
  using Counted = WindowResult<std::string, std::int64_t>;
  const std::size_t workers = arguments.number("workers", 1);
  Pipeline pipeline("yahoo");
  pipeline
      .source("events", file<AdEvent>(arguments.text("file", "")),
              monotonousTimestamps().timestamps([](const AdEvent& event) { return event.time(); }))
      .peek(WarmingPeek(meter, workers))
      .filter([](const AdEvent& event) { return event.eventType == "view"; })
      .flatMap<std::string>(
          [campaigns = campaignsOfAds()](const AdEvent& event, Collector<std::string>& out) {
            const auto found = campaigns.find(event.adId);
            if (found != campaigns.end()) out.append().assign(found->second);
          })
      .keyBy([](const std::string& campaign) -> const std::string& { return campaign; })
      .window(tumbling(10s))
      .aggregate("views", count())
      .sink("results",
            toFiles(arguments.text("rows", ""), [](const Counted& row, std::string& out) {
              out += fmt::format(R"({{"campaign":"{}","window_start":{},"views":{}}})", row.key,
                                 row.windowStart, row.value);
            }));
  const Status done = run(pipeline, JobOptions{.workers = workers});
  if (!done.ok()) throw JobError(done);
  return {};
}

int makeInput(const Arguments& arguments) {
  const std::uint64_t records = arguments.number("records", 1'000'000);
  const std::uint64_t perSecond = arguments.number("per-second", 10'000);
  std::ofstream out(arguments.text("file", "ads.ndjson"), std::ios::binary);
  std::string text;
  for (std::uint64_t i = 0; i < records; ++i) {
    appendAdEvent(text, i, perSecond);
    if (text.size() < (1 << 20) && i + 1 < records) continue;
    out << text;
    text.clear();
  }
  out.flush();
  return out ? 0 : 1;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  using namespace millrace::bench;
  const Arguments arguments(argc, argv);
  if (arguments.text("job", "count") == "make") return makeInput(arguments);
  return runContender(arguments,
                      {{"millrace", [&](Meter& meter) { return countViews(arguments, meter); }}});
}
