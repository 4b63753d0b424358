// SPDX-License-Identifier: MIT
// Typed records counted per 64-bit key and tumbling window.
#include "keyed_pipeline.hpp"

#include <absl/container/flat_hash_map.h>

#include <chrono>
#include <map>

namespace millrace::bench {
namespace {

using namespace std::chrono_literals;

constexpr Duration kWindow = 1min;

// Tumbling windows by hand: a table per window; windows may be filled out of order as in the
// pipeline, and become rows when the watermark, looked at every so many records, has passed them.
class HandWindows {
 public:
  explicit HandWindows(Outcome& outcome) : outcome_(outcome) {}

  void add(const KeyedRecord& record) {
    if (record.time < currentStart_ || record.time >= currentStart_ + kWindow.count())
      if (!enter(record.time)) return;
    ++(*current_)[record.key];
    highest_ = std::max(highest_, record.time);
  }

  void advance() { closeUntil(highest_ - 1); }
  void finish() { closeUntil(kMaxTimestamp); }

 private:
  bool enter(Timestamp time) {
    const Timestamp start = floorDivide(time, kWindow.count()) * kWindow.count();
    if (start + kWindow.count() - 1 <= watermark_) return false;
    current_ = &open_[start];
    currentStart_ = start;
    return true;
  }

  void closeUntil(Timestamp watermark) {
    watermark_ = watermark;
    while (!open_.empty() && open_.begin()->first + kWindow.count() - 1 <= watermark) {
      const auto& [start, counts] = *open_.begin();
      for (const auto& [key, value] : counts)
        addRow(outcome_, key, start, start + kWindow.count(), value);
      if (&counts == current_) currentStart_ = kMinTimestamp;
      open_.erase(open_.begin());
    }
  }

  Outcome& outcome_;
  std::map<Timestamp, absl::flat_hash_map<std::uint64_t, std::int64_t>> open_;
  absl::flat_hash_map<std::uint64_t, std::int64_t>* current_ = nullptr;
  Timestamp currentStart_ = kMinTimestamp;
  Timestamp highest_ = kMinTimestamp + 1;
  Timestamp watermark_ = kMinTimestamp;
};

constexpr std::uint64_t kRecordsPerWatermark = 1024;

Outcome countByHand(const std::vector<KeyedRecord>& records) {
  Outcome outcome;
  HandWindows windows(outcome);
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
  HandWindows windows(outcome);
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
