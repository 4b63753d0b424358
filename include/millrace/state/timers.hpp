// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <millrace/base/hash.hpp>
#include <millrace/base/status.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/state_below.hpp>
#include <millrace/state/state_changes.hpp>
#include <millrace/state/state_declaration.hpp>
#include <millrace/state/timer_queue.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {

/// The timers of one operator instance in one namespace: event-time timers, which
/// the watermark makes due, and processing-time timers, which the clock does.
///
/// Invariants:
/// 1. A timer is unique per (key, time) and domain: registering it again is nothing,
///    deleting one that is not there is nothing.
/// 2. Due timers come out in time order. A timer registered while a sweep goes on,
///    for a time the sweep covers, comes out in the same sweep. [Flink,
///    InternalTimerServiceImpl] Among equal times the order is unspecified, but without a base the
///    same for the same sequence of calls; a checkpoint does not keep it.
/// 3. A popped timer is gone: whoever pops it runs it.
/// 4. The changes of all epochs, one after the other, put into a set give the timers there were
///    at the last barrier. An entry is the time (writeTimePrefix()), then Serde<K>; its value is
///    empty.
/// 5. Over a base (setBelow()) timers that are settled and far ahead may be away; every call
/// answers as
///    if they were not. Those that read the base throw JobError when it cannot be read; the timers
///    are then as they were.
/// Thread safety: none; a worker's own. Each operator namespace has its own object.
/// Costs: register and pop O(log n), delete O(1) amortised.
/// REQUIRES: fewer than 2^32 timers a domain in memory at a time.
template <typename K>
requires StablyHashable<K> && Serialisable<K>
class Timers {
 public:
  using Key = K;

  /// True when the timer is new.
  bool registerEventTimer(const K& key, Timestamp time) { return event_.add(key, time); }
  bool registerProcessingTimer(const K& key, Timestamp time) { return processing_.add(key, time); }

  /// True when there was one.
  bool deleteEventTimer(const K& key, Timestamp time) { return event_.remove(key, time); }
  bool deleteProcessingTimer(const K& key, Timestamp time) { return processing_.remove(key, time); }

  bool hasEventTimer(const K& key, Timestamp time) const { return event_.contains(key, time); }
  bool hasProcessingTimer(const K& key, Timestamp time) const {
    return processing_.contains(key, time);
  }

  /// Takes out the earliest timer with `time <= watermark`; nothing when none is due.
  /// A sweep is `while (auto timer = popDueEvent(watermark)) ...`, to be broken off
  /// and taken up again at any point.
  std::optional<Timer<K>> popDueEvent(Timestamp watermark) { return event_.popDue(watermark); }
  std::optional<Timer<K>> popDueProcessing(Timestamp now) { return processing_.popDue(now); }

  /// When the next timer is due; nothing when there is no timer.
  std::optional<Timestamp> nextEventTime() { return event_.next(); }
  std::optional<Timestamp> nextProcessingTime() { return processing_.next(); }
  /// Until when no processing-time timer is due: the same without a base, over one it may be
  /// sooner, but not after popDueProcessing() has answered nothing for that time. Never reads the
  /// base.
  std::optional<Timestamp> processingDeadline() const { return processing_.notBefore(); }

  /// Timers waiting. Over a base it is those of all the operator's instances together that count:
  /// after a change of workers one of them counts for the others, which may then be below zero,
  /// modulo 2^64.
  std::size_t pendingEventTimers() const noexcept { return event_.size(); }
  std::size_t pendingProcessingTimers() const noexcept { return processing_.size(); }

  /// Calls `visit(const K&, Timestamp)` for every timer in memory, in no particular order.
  /// `visit` must not change the timers.
  template <typename F>
  void forEachEventTimer(F&& visit) const {
    event_.forEach(visit);
  }
  template <typename F>
  void forEachProcessingTimer(F&& visit) const {
    processing_.forEach(visit);
  }

  /// Memory held, without what the keys hold on the heap.
  std::size_t memoryBytes() const noexcept {
    return event_.memoryBytes() + processing_.memoryBytes();
  }

  /// Which ids stand for the timers of each domain as states.
  void setStateIds(StateId event, StateId processing, std::uint32_t keyGroups) {
    event_.setStateId(event, keyGroups);
    processing_.setStateId(processing, keyGroups);
  }

  /// Notes from now on what changes. REQUIRES: setStateIds(), no timers yet.
  void trackChanges() noexcept {
    event_.trackChanges();
    processing_.trackChanges();
  }

  /// Lets timers that are settled go to what lies below when memory is short, and fetches them
  /// before they are due. `groups`: the key groups of all keys to come. `holdsEvent`,
  /// `holdsProcessing`: there are timers below already; restoreEntry() is then not called for them.
  /// REQUIRES: trackChanges(), no timers yet; `below` outlives the timers.
  void setBelow(StateBelow& below, KeyGroupRange groups, bool holdsEvent, bool holdsProcessing,
                const TimerLimits& limits = {}) {
    event_.setBelow(below, groups, holdsEvent, limits);
    processing_.setBelow(below, groups, holdsProcessing, limits);
  }
  /// Counts timers that are below.
  void addTimersBelow(std::size_t event, std::size_t processing) noexcept {
    event_.addAway(event);
    processing_.addAway(processing);
  }

  /// Over a base: what the timers take of the memory, which letGo() can do something about.
  MemoryUse memoryInUse() { return event_.memoryInUse() + processing_.memoryInUse(); }
  /// Over a base: lets go of about so many bytes, as far as they are settled.
  void letGo(std::size_t bytes) {
    const std::size_t event = event_.memoryInUse().bytes;
    const std::size_t part = shareOf(bytes, event, event + processing_.memoryInUse().bytes);
    event_.letGo(part);
    processing_.letGo(bytes - part);
  }

  /// As KeyedStateStore has them.
  void beginSnapshot() {
    event_.beginSnapshot();
    processing_.beginSnapshot();
  }
  bool writeSnapshot(StateChanges& out, std::size_t limit) {
    return event_.writeSnapshot(out, limit) || processing_.writeSnapshot(out, limit);
  }
  /// Those in memory.
  void writeAll(StateChanges& out) const {
    event_.writeAll(out);
    processing_.writeAll(out);
  }

  /// True for the ids of setStateIds().
  bool isState(StateId id) const noexcept {
    return id == event_.stateId() || id == processing_.stateId();
  }
  /// Puts a timer back; it counts as unchanged. REQUIRES: isState(state). kDataLoss: the bytes
  /// are damaged, or the timer is there already.
  Status restoreEntry(StateId state, std::string_view key) {
    return (state == event_.stateId() ? event_ : processing_).restoreEntry(key);
  }

  /// Puts a timer back that was stored under another state, `from`, as Serde<K>, then the time
  /// (i64). It counts as new, and the entry there is erased. kDataLoss, as above.
  Status restoreUnorderedEventEntry(StateId from, KeyGroup group, std::string_view key) {
    return event_.restoreUnorderedEntry(from, group, key);
  }
  Status restoreUnorderedProcessingEntry(StateId from, KeyGroup group, std::string_view key) {
    return processing_.restoreUnorderedEntry(from, group, key);
  }

 private:
  detail::TimerQueue<K> event_;
  detail::TimerQueue<K> processing_;
};

}  // namespace millrace
