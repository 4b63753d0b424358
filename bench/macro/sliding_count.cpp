// SPDX-License-Identifier: MIT
// Windows of 60 s, one each second, against windows of 60 s end to end: the same records.
#include "keyed_pipeline.hpp"

#include <absl/container/flat_hash_map.h>

#include <chrono>
#include <deque>

namespace millrace::bench {
namespace {

using namespace std::chrono_literals;

constexpr Duration kSize = 60s;
constexpr Duration kSlide = 1s;

using Counts = absl::flat_hash_map<std::uint64_t, std::int64_t>;

// Sliding windows by hand, for records in the order of time: a table a second, and a running total
// that a second is added to when it is over and taken from when it leaves the window.
class HandSliding {
 public:
  void add(const KeyedRecord& record) {
    while (record.time >= currentStart_ + kSlide.count()) endSecond();
    ++seconds_.back()[record.key];
  }

  Outcome finish() {
    do endSecond();
    while (!total_.empty());
    return outcome_;
  }

 private:
  static constexpr std::size_t kSeconds = 60;

  void endSecond() {
    for (const auto& [key, value] : seconds_.back()) total_[key] += value;
    currentStart_ += kSlide.count();
    for (const auto& [key, value] : total_)
      addRow(outcome_, key, currentStart_ - kSize.count(), currentStart_, value);
    seconds_.emplace_back();
    if (seconds_.size() <= kSeconds) return;
    for (const auto& [key, value] : seconds_.front()) {
      const auto total = total_.find(key);
      if ((total->second -= value) == 0) total_.erase(total);
    }
    seconds_.pop_front();
  }

  Outcome outcome_;
  std::deque<Counts> seconds_ = std::deque<Counts>(1);
  Counts total_;
  Timestamp currentStart_ = 0;
};

Outcome countByHand(const std::vector<KeyedRecord>& records) {
  HandSliding windows;
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
