// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <millrace/base/check.hpp>
#include <millrace/base/hash.hpp>
#include <millrace/base/status.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/settling.hpp>
#include <millrace/state/state_below.hpp>
#include <millrace/state/state_changes.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {

/// A timer that is due.
template <typename K>
struct Timer {
  K key;
  Timestamp time;
  friend bool operator==(const Timer&, const Timer&) = default;
};

/// How many timers are fetched from a base, and kept from it.
struct TimerLimits {
  std::size_t chunk = 4096;  ///< are fetched at once, about, by all key groups of an instance
  std::size_t fewest = 256;  ///< stay in memory, however short it is
};

namespace detail {

// A timer as a key of stored state: the time in order, then Serde<K>.
template <typename K>
void writeTimer(const K& key, Timestamp time, ByteWriter& out) {
  writeTimePrefix(time, out);
  Serde<K>::write(key, out);
}

template <typename K>
bool readTimer(std::string_view bytes, K& key, Timestamp& time) {
  ByteReader in(bytes);
  return readTimePrefix(in, time) && Serde<K>::read(in, key) && in.isAtEnd();
}

// What a queue of timers knows of those that lie below it.
//
// A key group may be *cut* at a time: its timers before that are all in memory, the others need not
// be. A group without a cut is in memory as a whole. Reading goes on from the earliest cut, one
// group and a few of its timers at a time, and never stops inside one time.
//
// A timer that goes while it is stored below would be read again, until its removal is settled. So
// it is remembered that long; but for timers that were due: no cut is ever at or before them.
template <typename K>
class TimersBelow {
 public:
  void set(StateBelow& below, KeyGroupRange groups, bool holdsTimers, const TimerLimits& limits) {
    below_ = &below;
    groups_ = groups;
    limits_ = limits;
    cutOf_.assign(groups.size(), std::nullopt);
    if (holdsTimers) cutAll(kMinTimestamp);
  }

  bool isOn() const noexcept { return below_ != nullptr; }
  // Whether there is nothing below that is not in memory.
  bool isWhole() const noexcept { return cuts_.empty(); }
  const TimerLimits& limits() const noexcept { return limits_; }
  // REQUIRES: isOn().
  const StateBelow& base() const noexcept { return *below_; }

  // Timers that are below alone.
  std::size_t away() const noexcept { return away_; }
  void addAway(std::size_t timers) noexcept { away_ += timers; }
  void cameBack() noexcept { --away_; }

  std::optional<Timestamp> earliestCut() const noexcept {
    if (cuts_.empty()) return std::nullopt;
    return cuts_.front().time;
  }

  // Whether such timers may be below alone.
  bool mayHold(KeyGroup group, Timestamp time) const {
    if (cuts_.empty()) return false;
    MILLRACE_DCHECK(groups_.contains(group), "a timer of another instance's key");
    const std::optional<Timestamp>& cut = cutOf_[group.value - groups_.first];
    return cut.has_value() && *cut <= time;
  }

  // Whether a timer that is not in memory is below. Throws JobError.
  bool holds(StateId state, KeyGroup group, const K& key, Timestamp time) const {
    if (!mayHold(group, time) || isRemoved(key, time, below_->settledBarrier())) return false;
    std::string bytes;
    ByteWriter out(bytes);
    writeTimer(key, time, out);
    std::string value;
    const StatusOr<bool> isThere = below_->read(state, group, bytes, value);
    if (!isThere.ok()) throw JobError(annotate(isThere.status(), "looking for a timer"));
    return *isThere;
  }

  // Shows the next timers of the group with the earliest cut, whether they are in memory or not, by
  // `take(const K&, Timestamp)`, and moves its cut behind them. Throws JobError. REQUIRES:
  // !isWhole().
  template <typename Take>
  void loadNext(StateId state, Take&& take) {
    const Cut cut = cuts_.front();
    const std::size_t enough = std::max<std::size_t>(limits_.chunk / groups_.size(), 1);
    std::optional<Timestamp> next;
    std::size_t seen = 0;
    Timestamp last = cut.time;
    // What settles from here on may not be seen by the walk.
    const std::uint64_t settled = below_->settledBarrier();
    const auto see = [&](std::string_view bytes, std::string_view) -> StatusOr<bool> {
      K key{};
      Timestamp time = 0;
      if (!readTimer(bytes, key, time)) return absl::DataLossError("a timer is damaged");
      if (seen >= enough && time != last) {
        next = time;
        return false;
      }
      ++seen;
      last = time;
      if (!isRemoved(key, time, settled)) take(key, time);
      return true;
    };
    std::string from;
    ByteWriter out(from);
    writeTimePrefix(cut.time, out);
    const Status read = below_->readFrom(state, cut.group, from, see);
    if (!read.ok()) throw JobError(annotate(read, "fetching timers"));
    std::pop_heap(cuts_.begin(), cuts_.end(), Later{});
    cuts_.pop_back();
    cutOf_[cut.group.value - groups_.first] = next;
    if (next) pushCut({*next, cut.group});
  }

  // Cuts every group at `time` that is not cut before it.
  void cutAll(Timestamp time) {
    cuts_.clear();
    for (std::uint32_t i = 0; i < groups_.size(); ++i) {
      cutOf_[i] = std::min(cutOf_[i].value_or(time), time);
      pushCut({*cutOf_[i], KeyGroup{static_cast<std::uint16_t>(groups_.first + i)}});
    }
  }

  // No cut may come to this time or before it: they have been due.
  void notePopped(Timestamp time) noexcept { popped_ = std::max(popped_, time); }
  bool mayBeCutAt(Timestamp time) const noexcept { return time > popped_; }

  // To be called for a timer that goes while it is, or may be, stored below.
  void noteRemoval(const K& key, Timestamp time) {
    forgetSettled(2);
    if (time < popped_) return;
    const std::uint64_t settles = below_->lastBarrier() + 1;
    const auto [removal, isNew] = removals_.try_emplace(Timer<K>{key, time}, settles);
    if (!isNew && removal->second == settles) return;
    removal->second = settles;
    inOrder_.push_back({&removal->first, settles});
  }

  // Forgets removals that are settled, looking at so many of them.
  void forgetSettled(std::size_t most) {
    if (inOrder_.empty()) return;
    const std::uint64_t settled = below_->settledBarrier();
    for (; most > 0 && !inOrder_.empty() && inOrder_.front().settles <= settled; --most) {
      const auto removal = removals_.find(*inOrder_.front().timer);
      if (removal->second == inOrder_.front().settles) removals_.erase(removal);
      inOrder_.pop_front();
    }
  }

  std::size_t memoryBytes() const noexcept {
    constexpr std::size_t kNode = sizeof(typename Removals::value_type) + 2 * sizeof(void*);
    return removals_.size() * kNode + removals_.bucket_count() * sizeof(void*) +
           inOrder_.size() * sizeof(Removal) + cuts_.capacity() * sizeof(Cut) +
           cutOf_.capacity() * sizeof(std::optional<Timestamp>);
  }

  static std::uint64_t hashOf(const K& key, Timestamp time) {
    return combineHashes(millraceHash(key), static_cast<std::uint64_t>(time));
  }

 private:
  struct Cut {
    Timestamp time;
    KeyGroup group;
  };
  struct Later {
    bool operator()(const Cut& a, const Cut& b) const noexcept { return a.time > b.time; }
  };
  struct Hash {
    std::size_t operator()(const Timer<K>& timer) const { return hashOf(timer.key, timer.time); }
  };
  using Removals = std::unordered_map<Timer<K>, std::uint64_t, Hash>;
  // Of one timer that is removed again and again the last one counts. Those before point to it too,
  // and go before it.
  struct Removal {
    const Timer<K>* timer;
    std::uint64_t settles;  // with this barrier
  };

  void pushCut(Cut cut) {
    cuts_.push_back(cut);
    std::push_heap(cuts_.begin(), cuts_.end(), Later{});
  }

  // A settled removal may still be remembered, while the timer is back and below again.
  bool isRemoved(const K& key, Timestamp time, std::uint64_t settled) const {
    if (removals_.empty()) return false;
    const auto removal = removals_.find(Timer<K>{key, time});
    return removal != removals_.end() && removal->second > settled;
  }

  StateBelow* below_ = nullptr;
  KeyGroupRange groups_;
  TimerLimits limits_;
  std::vector<std::optional<Timestamp>> cutOf_;  // by group, from the first of groups_
  std::vector<Cut> cuts_;                        // the same, a heap
  std::size_t away_ = 0;
  Timestamp popped_ = kMinTimestamp;
  Removals removals_;
  std::deque<Removal> inOrder_;
};

}  // namespace detail
}  // namespace millrace
