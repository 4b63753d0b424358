// SPDX-License-Identifier: MIT
// Typed records counted per 64-bit key and session.
#include "keyed_pipeline.hpp"

#include <absl/container/flat_hash_map.h>

#include <chrono>
#include <functional>
#include <queue>

namespace millrace::bench {
namespace {

using namespace std::chrono_literals;

constexpr Duration kGap = 3s;
constexpr std::uint64_t kRecordsPerWatermark = 1024;

// Sessions by hand, for records in the order of time: one open session a key. A session ends when
// its key's next record is too far away, or when the watermark, looked at every so many records,
// has passed it; a timer that goes off too early, for the session has grown since, is set anew.
class HandSessions {
 public:
  void add(const KeyedRecord& record) {
    const auto [at, isNew] = open_.try_emplace(record.key);
    Session& session = at->second;
    if (!isNew && record.time <= session.last + kGap.count()) {
      session.last = record.time;
      ++session.count;
      return;
    }
    if (!isNew) tell(record.key, session);
    session = {record.time, record.time, 1};
    if (isNew) timers_.push({record.time + kGap.count() - 1, record.key});
  }

  void advance(Timestamp watermark) {
    while (!timers_.empty() && timers_.top().time <= watermark) {
      const std::uint64_t key = timers_.top().key;
      timers_.pop();
      const auto at = open_.find(key);
      const Timestamp due = at->second.last + kGap.count() - 1;
      if (due > watermark) {
        timers_.push({due, key});
        continue;
      }
      tell(key, at->second);
      open_.erase(at);
    }
  }

  const Outcome& outcome() const { return outcome_; }

 private:
  struct Session {
    Timestamp first = 0;
    Timestamp last = 0;
    std::int64_t count = 0;
  };
  struct Timer {
    Timestamp time;
    std::uint64_t key;
    bool operator>(const Timer& other) const { return time > other.time; }
  };

  void tell(std::uint64_t key, const Session& session) {
    addRow(outcome_, key, session.first, session.last + kGap.count(), session.count);
  }

  Outcome outcome_;
  absl::flat_hash_map<std::uint64_t, Session> open_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
};

Outcome countByHand(const std::vector<KeyedRecord>& records) {
  HandSessions sessions;
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
