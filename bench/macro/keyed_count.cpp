// SPDX-License-Identifier: MIT
// Typed records counted per 64-bit key and tumbling window.
#include "hand_windows.hpp"
#include "keyed_pipeline.hpp"

#include <chrono>

namespace millrace::bench {
namespace {

using namespace std::chrono_literals;

constexpr Duration kWindow = 1min;

Outcome countByHand(const std::vector<KeyedRecord>& records) {
  Outcome outcome;
  HandWindows windows(outcome, kWindow);
  std::uint64_t sinceWatermark = 0;
  for (const KeyedRecord& record : records) {
    windows.add(record);
    if (++sinceWatermark < kRecordsPerWatermark) continue;
    windows.advance();
    sinceWatermark = 0;
  }
  windows.finish();
  return outcome;
}

Outcome countMadeByHand(const RecordMaker& make, std::uint64_t count) {
  Outcome outcome;
  HandWindows windows(outcome, kWindow);
  for (std::uint64_t i = 0; i < count; ++i) {
    windows.add(make(i));
    if ((i + 1) % kRecordsPerWatermark == 0) windows.advance();
  }
  windows.finish();
  return outcome;
}

int compare(const Arguments& arguments) {
  const std::uint64_t count = arguments.number("records", 20'000'000);
  const std::uint64_t keys = arguments.number("keys", 10'000);
  const RecordMaker make{keys, arguments.number("per-second", 50'000)};
  const std::vector<KeyedRecord> records = makeRecords(make, count);
  Contest contest("keyed-count-" + std::to_string(keys), count);
  if (arguments.text("only", "") == "") {
    contest.add("millrace", [&] { return countInPipeline(records, tumbling(kWindow)); });
    contest.add("hand", [&] { return countByHand(records); });
    contest.add("millrace-generator",
                [&] { return countMadeInPipeline(make, count, tumbling(kWindow)); });
    contest.add("hand-generator", [&] { return countMadeByHand(make, count); });
  } else {
    contest.add("millrace", [&] { return countInPipeline(records, tumbling(kWindow)); });
  }
  return contest.run(static_cast<int>(arguments.number("rounds", 5))) ? 0 : 1;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  return millrace::bench::compare(millrace::bench::Arguments(argc, argv));
}
