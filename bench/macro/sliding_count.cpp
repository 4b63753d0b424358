// SPDX-License-Identifier: MIT
// Windows of 60 s, one each second, against windows of 60 s end to end: the same records.
#include "hand_sliding.hpp"
#include "keyed_pipeline.hpp"

#include <chrono>

namespace millrace::bench {
namespace {

using namespace std::chrono_literals;

constexpr Duration kSize = 60s;
constexpr Duration kSlide = 1s;

Outcome countByHand(const std::vector<KeyedRecord>& records) {
  HandSliding windows(kSize);
  for (const KeyedRecord& record : records) windows.add(record);
  return windows.finish();
}

int compare(const Arguments& arguments) {
  const std::uint64_t count = arguments.number("records", 20'000'000);
  const std::uint64_t perSecond = arguments.number("per-second", 1'000'000);
  const RecordMaker make{arguments.number("keys", 10'000), perSecond};
  const std::vector<KeyedRecord> records = makeRecords(make, count);
  const bool isComparing = arguments.text("only", "").empty();
  const int rounds = static_cast<int>(arguments.number("rounds", 5));

  const std::string suffix = "-at-" + std::to_string(perSecond);
  Contest contest("sliding-count" + suffix, count);
  contest.add("millrace", [&] { return countInPipeline(records, sliding(kSize, kSlide)); });
  if (isComparing) {
    contest.add("hand", [&] { return countByHand(records); });
    contest.addOther("millrace-tumbling",
                     [&] { return countInPipeline(records, tumbling(kSize)); });
  }
  return contest.run(rounds) ? 0 : 1;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  return millrace::bench::compare(millrace::bench::Arguments(argc, argv));
}
