// SPDX-License-Identifier: MIT
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <millrace/state/timers.hpp>

#include "unit/state/replayed_changes.hpp"

using namespace millrace;

namespace {

using Pending = std::set<std::pair<Timestamp, std::string>>;

Pending eventTimersOf(const Timers<std::string>& timers) {
  Pending pending;
  timers.forEachEventTimer(
      [&](const std::string& key, Timestamp time) { pending.emplace(time, key); });
  return pending;
}

std::vector<Timestamp> sweepTimes(Timers<std::string>& timers, Timestamp watermark) {
  std::vector<Timestamp> times;
  while (auto timer = timers.popDueEvent(watermark)) times.push_back(timer->time);
  return times;
}

}  // namespace

TEST_CASE("Timers fire in time order, once the watermark has reached them") {
  Timers<std::string> timers;
  for (const Timestamp time : {30, -5, 10, 20}) timers.registerEventTimer("a", time);
  REQUIRE(sweepTimes(timers, -6).empty());
  REQUIRE(sweepTimes(timers, 20) == std::vector<Timestamp>{-5, 10, 20});
  REQUIRE(timers.nextEventTime() == 30);
  REQUIRE(sweepTimes(timers, kMaxTimestamp) == std::vector<Timestamp>{30});
  REQUIRE_FALSE(timers.nextEventTime().has_value());
}

TEST_CASE("A timer is unique per key and time, and deleting an absent one is nothing") {
  Timers<std::string> timers;
  REQUIRE(timers.registerEventTimer("a", 10));
  REQUIRE_FALSE(timers.registerEventTimer("a", 10));
  REQUIRE(timers.registerEventTimer("b", 10));
  REQUIRE(timers.registerEventTimer("a", 11));
  REQUIRE_FALSE(timers.deleteEventTimer("c", 10));
  REQUIRE_FALSE(timers.deleteProcessingTimer("a", 10));
  REQUIRE(timers.deleteEventTimer("a", 10));
  REQUIRE_FALSE(timers.deleteEventTimer("a", 10));
  REQUIRE(sweepTimes(timers, 100) == std::vector<Timestamp>{10, 11});
}

TEST_CASE("A timer registered while a sweep goes on fires in it, if it is due") {
  Timers<std::string> timers;
  timers.registerEventTimer("a", 10);
  timers.registerEventTimer("a", 50);
  std::vector<Timestamp> fired;
  while (auto timer = timers.popDueEvent(60)) {
    fired.push_back(timer->time);
    if (timer->time == 10 || timer->time == 20) timers.registerEventTimer("a", timer->time + 10);
    if (timer->time == 50) timers.registerEventTimer("a", 5);
    if (timer->time == 5) timers.registerEventTimer("a", 61);
  }
  REQUIRE(fired == std::vector<Timestamp>{10, 20, 30, 50, 5});
  REQUIRE(timers.nextEventTime() == 61);
}

TEST_CASE("Event time and processing time are apart") {
  Timers<std::string> timers;
  timers.registerEventTimer("a", 10);
  timers.registerProcessingTimer("a", 5);
  REQUIRE(timers.pendingEventTimers() == 1);
  REQUIRE(timers.pendingProcessingTimers() == 1);
  REQUIRE(timers.nextProcessingTime() == 5);
  REQUIRE_FALSE(timers.popDueProcessing(4));
  REQUIRE(timers.popDueProcessing(5) == Timer<std::string>{"a", 5});
  REQUIRE_FALSE(timers.nextProcessingTime());
  REQUIRE(timers.hasEventTimer("a", 10));
}

TEST_CASE("Moving one timer of a key again and again does not pile up") {
  Timers<std::string> timers;
  timers.registerEventTimer("first", 0);
  for (Timestamp time = 1; time < 100'000; ++time) {
    timers.registerEventTimer("a", time);
    timers.deleteEventTimer("a", time - 1);
  }
  REQUIRE(timers.pendingEventTimers() == 2);
  REQUIRE(timers.memoryBytes() < 64 * 1024);
}

TEST_CASE("Timers are an ordered set") {
  REQUIRE(rc::check("model", [] {
    Timers<std::string> timers;
    Pending model;
    const auto steps = *rc::gen::inRange(0, 400);
    for (int step = 0; step < steps; ++step) {
      const std::string key(1, static_cast<char>('a' + *rc::gen::inRange(0, 4)));
      const Timestamp time = *rc::gen::inRange(-20, 20);
      switch (*rc::gen::inRange(0, 5)) {
        case 0:
        case 1:
          RC_ASSERT(timers.registerEventTimer(key, time) == model.emplace(time, key).second);
          break;
        case 2:
        case 3:
          RC_ASSERT(timers.deleteEventTimer(key, time) == (model.erase({time, key}) == 1));
          break;
        default: {
          const auto due = timers.popDueEvent(time);
          const bool isAnyDue = !model.empty() && model.begin()->first <= time;
          RC_ASSERT(due.has_value() == isAnyDue);
          if (!due) break;
          RC_ASSERT(due->time == model.begin()->first);
          RC_ASSERT(model.erase({due->time, due->key}) == 1U);
        }
      }
      RC_ASSERT(timers.hasEventTimer(key, time) == model.contains({time, key}));
      RC_ASSERT(timers.pendingEventTimers() == model.size());
      RC_ASSERT(timers.nextEventTime().has_value() == !model.empty());
      if (!model.empty()) RC_ASSERT(*timers.nextEventTime() == model.begin()->first);
    }
    RC_ASSERT(eventTimersOf(timers) == model);
  }));
}

TEST_CASE(
    "The changes of all epochs give the timers as they were at the barrier, and restore them") {
  REQUIRE(rc::check("replay", [] {
    constexpr std::uint32_t kGroups = 8;
    Timers<std::string> timers;
    timers.setStateIds(StateId{3}, StateId{4}, kGroups);
    timers.trackChanges();
    test::ReplayedChanges replayed;
    test::ReplayedChanges::Entries atBarrier;
    bool isWriting = false;
    const auto writePiece = [&](std::size_t limit) {
      StateChanges piece;
      isWriting = isWriting && timers.writeSnapshot(piece, limit);
      replayed.apply(piece);
      if (!isWriting) RC_ASSERT(replayed.entries() == atBarrier);
    };
    const auto barrier = [&] {
      while (isWriting) writePiece(1000);
      timers.beginSnapshot();
      StateChanges all;
      timers.writeAll(all);
      atBarrier = test::ReplayedChanges(all).entries();
      RC_ASSERT(atBarrier.size() == timers.pendingEventTimers() + timers.pendingProcessingTimers());
      isWriting = true;
    };
    for (int step = *rc::gen::inRange(0, 300); step > 0; --step) {
      const std::string key(1, static_cast<char>('a' + *rc::gen::inRange(0, 4)));
      const Timestamp time = *rc::gen::inRange(-5, 5);
      switch (*rc::gen::inRange(0, 9)) {
        case 0:
        case 1:
          timers.registerEventTimer(key, time);
          break;
        case 2:
          timers.deleteEventTimer(key, time);
          break;
        case 3:
          timers.popDueEvent(time);
          break;
        case 4:
          timers.registerProcessingTimer(key, time);
          break;
        case 5:
          timers.deleteProcessingTimer(key, time);
          break;
        case 6:
          timers.popDueProcessing(time);
          break;
        case 7:
          barrier();
          break;
        default:
          if (isWriting) writePiece(static_cast<std::size_t>(*rc::gen::inRange(0, 60)));
      }
    }
    barrier();
    while (isWriting) writePiece(20);

    Timers<std::string> restored;
    restored.setStateIds(StateId{3}, StateId{4}, kGroups);
    restored.trackChanges();
    for (const auto& [key, entry] : replayed.entries()) {
      RC_ASSERT(restored.isState(key.first));
      RC_ASSERT(restored.restoreEntry(key.first, key.second).ok());
      RC_ASSERT(!restored.restoreEntry(key.first, key.second).ok());
      RC_ASSERT(!restored.restoreEntry(key.first, key.second + "x").ok());
    }
    RC_ASSERT(eventTimersOf(restored) == eventTimersOf(timers));
    RC_ASSERT(restored.nextProcessingTime() == timers.nextProcessingTime());
    restored.beginSnapshot();
    StateChanges unchanged;
    RC_ASSERT(!restored.writeSnapshot(unchanged, 1000));
    RC_ASSERT(unchanged.isEmpty());
  }));
}

TEST_CASE("Timers that come and go within an epoch leave nothing to write") {
  Timers<std::string> timers;
  timers.setStateIds(StateId{3}, StateId{4}, 8);
  timers.trackChanges();
  for (Timestamp time = 0; time < 100'000; ++time) {
    timers.registerEventTimer("a", time);
    if (time % 2 == 0) {
      timers.deleteEventTimer("a", time);
    } else {
      timers.popDueEvent(time);
    }
  }
  REQUIRE(timers.memoryBytes() < 64 * 1024);
  timers.beginSnapshot();
  StateChanges changes;
  REQUIRE_FALSE(timers.writeSnapshot(changes, 1000));
  REQUIRE(changes.isEmpty());
}
