// SPDX-License-Identifier: MIT
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <millrace/state/timers.hpp>

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
