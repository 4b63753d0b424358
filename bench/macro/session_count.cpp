// SPDX-License-Identifier: MIT
// Typed records counted per 64-bit key and session.
#include "hand_sessions.hpp"
#include "keyed_pipeline.hpp"

#include <chrono>

namespace millrace::bench {
namespace {

using namespace std::chrono_literals;

constexpr Duration kGap = 3s;

Outcome countByHand(const std::vector<KeyedRecord>& records) {
  HandSessions sessions(kGap);
  std::uint64_t sinceWatermark = 0;
  for (const KeyedRecord& record : records) {
    sessions.add(record);
    if (++sinceWatermark < kRecordsPerWatermark) continue;
    sessions.advance(record.time - 1);
    sinceWatermark = 0;
  }
  sessions.advance(kMaxTimestamp);
  return sessions.outcome();
}

int compare(const Arguments& arguments) {
  const std::uint64_t count = arguments.number("records", 20'000'000);
  const std::uint64_t keys = arguments.number("keys", 10'000);
  const RecordMaker make{keys, arguments.number("per-second", keys)};
  const std::vector<KeyedRecord> records = makeRecords(make, count);
  Contest contest("session-count-" + std::to_string(keys), count);
  contest.add("millrace", [&] { return countInPipeline(records, session(kGap)); });
  if (arguments.text("only", "").empty()) contest.add("hand", [&] { return countByHand(records); });
  return contest.run(static_cast<int>(arguments.number("rounds", 5))) ? 0 : 1;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  return millrace::bench::compare(millrace::bench::Arguments(argc, argv));
}
