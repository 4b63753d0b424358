// SPDX-License-Identifier: MIT
#pragma once

#include "keyed_records.hpp"

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <queue>
#include <vector>

namespace millrace::bench {

/// Sessions by hand, for records in the order of time: one open session a key. A session ends when
/// its key's next record is too far away, or when the watermark, looked at every so many records,
/// has passed it; a timer that goes off too early, for the session has grown since, is set anew.
class HandSessions {
 public:
  explicit HandSessions(Duration gap) : gap_(gap.count()) {}

  void add(const KeyedRecord& record) {
    const auto [at, isNew] = open_.try_emplace(record.key);
    Session& session = at->second;
    if (!isNew && record.time <= session.last + gap_) {
      session.last = record.time;
      ++session.count;
      return;
    }
    if (!isNew) tell(record.key, session);
    session = {record.time, record.time, 1};
    if (isNew) timers_.push({record.time + gap_ - 1, record.key});
  }

  void advance(Timestamp watermark) {
    while (!timers_.empty() && timers_.top().time <= watermark) {
      const std::uint64_t key = timers_.top().key;
      timers_.pop();
      const auto at = open_.find(key);
      const Timestamp due = at->second.last + gap_ - 1;
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
    addRow(outcome_, key, session.first, session.last + gap_, session.count);
  }

  const Timestamp gap_;
  Outcome outcome_;
  absl::flat_hash_map<std::uint64_t, Session> open_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
};

}  // namespace millrace::bench
