// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <limits>
#include <string>
#include <vector>

#include <millrace/runtime/watermark_valve.hpp>

namespace millrace {
namespace {

constexpr Timestamp kMin = kMinTimestamp;
constexpr Timestamp kMax = kMaxTimestamp;

struct Move {
  enum class Kind { kWatermark, kIdle, kActive, kEnd, kStop };
  std::size_t input;
  Kind kind;
  Timestamp time;
  Timestamp merged;  // afterwards
  bool isIdle = false;
};

constexpr auto wm = Move::Kind::kWatermark;
constexpr auto idle = Move::Kind::kIdle;
constexpr auto active = Move::Kind::kActive;
constexpr auto end = Move::Kind::kEnd;
constexpr auto stop = Move::Kind::kStop;

struct Case {
  std::string says;
  std::size_t inputs;
  std::vector<Move> moves;
};

void apply(WatermarkValve& valve, const Move& move) {
  switch (move.kind) {
    case wm:
      return valve.watermark(move.input, move.time);
    case idle:
      return valve.idle(move.input);
    case active:
      return valve.active(move.input);
    case end:
      return valve.end(move.input, true);
    case stop:
      return valve.end(move.input, false);
  }
}

void play(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    INFO(each.says);
    WatermarkValve valve(each.inputs);
    REQUIRE(valve.merged() == kMin);
    for (std::size_t i = 0; i < each.moves.size(); ++i) {
      INFO("move " << i);
      apply(valve, each.moves[i]);
      CHECK(valve.merged() == each.moves[i].merged);
      CHECK(valve.isIdle() == each.moves[i].isIdle);
    }
  }
}

TEST_CASE("the merged watermark is the minimum over inputs and never goes back") {
  play({
      {"one input is its own minimum", 1, {{0, wm, 5, 5}, {0, wm, 7, 7}}},
      {"an input that has said nothing holds the others", 2, {{0, wm, 5, kMin}, {1, wm, 3, 3}}},
      {"the slower input decides",
       2,
       {{0, wm, 5, kMin}, {1, wm, 3, 3}, {1, wm, 9, 5}, {0, wm, 6, 6}}},
      {"a lower watermark of an input is ignored", 1, {{0, wm, 5, 5}, {0, wm, 4, 5}}},
      {"negative times", 2, {{0, wm, -5, kMin}, {1, wm, -7, -7}, {1, wm, -1, -5}}},
  });
}

TEST_CASE("an idle input is left out, and waking it takes time nowhere back") {
  play({
      {"an idle input no longer holds back", 2, {{0, wm, 5, kMin}, {1, idle, 0, 5}, {0, wm, 8, 8}}},
      {"when the last one goes idle, the maximum over all is said",
       2,
       {{0, wm, 5, kMin}, {1, wm, 3, 3}, {0, idle, 0, 3}, {1, idle, 0, 5, true}}},
      {"a woken input behind the merged watermark does not count until it has caught up",
       2,
       {{0, wm, 5, kMin},
        {1, idle, 0, 5},
        {1, active, 0, 5},
        {0, wm, 8, 8},
        {1, wm, 6, 8},
        {0, wm, 9, 9},
        {1, wm, 9, 9},
        {0, wm, 12, 9},
        {1, wm, 10, 10}}},
      {"a woken input that is level counts at once",
       2,
       {{0, wm, 5, kMin}, {1, wm, 5, 5}, {1, idle, 0, 5}, {1, active, 0, 5}, {0, wm, 8, 5}}},
      {"what an idle input says is ignored",
       1,
       {{0, wm, 5, 5}, {0, idle, 0, 5, true}, {0, wm, 9, 5, true}}},
      {"all idle, then one wakes behind: time stands still until it has caught up",
       2,
       {{0, wm, 9, kMin},
        {1, wm, 3, 3},
        {0, idle, 0, 3},
        {1, idle, 0, 9, true},
        {1, active, 0, 9},
        {1, wm, 4, 9},
        {1, wm, 10, 10}}},
      {"idle before it said anything", 2, {{0, idle, 0, kMin}, {1, idle, 0, kMin, true}}},
  });
}

TEST_CASE("an input that has ended is left out, and the end of all is the highest watermark") {
  play({
      {"the other inputs go on",
       2,
       {{0, wm, 5, kMin}, {1, end, 0, 5}, {0, wm, 6, 6}, {0, end, 0, kMax}}},
      {"the end of a slow input lets the rest go on",
       2,
       {{0, wm, 5, kMin}, {1, wm, 1, 1}, {1, end, 0, 5}}},
      {"a stopped input fires nothing", 1, {{0, wm, 5, 5}, {0, stop, 0, 5}}},
      {"one of two stopped: nothing fires",
       2,
       {{0, wm, 5, kMin}, {1, wm, 3, 3}, {0, end, 0, 3}, {1, stop, 0, 3}}},
      {"an end beside an idle input does not fire what the idle one may still add to",
       2,
       {{0, wm, 5, kMin},
        {1, wm, 3, 3},
        {1, idle, 0, 5},
        {0, end, 0, 5, true},
        {1, active, 0, 5},
        {1, wm, 7, 7},
        {1, end, 0, kMax}}},
      {"an idle input ends",
       2,
       {{0, idle, 0, kMin}, {1, wm, 4, 4}, {0, end, 0, 4}, {1, end, 0, kMax}}},
      {"ending twice is once", 2, {{0, wm, 5, kMin}, {1, end, 0, 5}, {1, end, 0, 5}}},
      {"an ended input says nothing more",
       2,
       {{1, end, 0, kMin}, {1, wm, 9, kMin}, {1, active, 0, kMin}, {0, wm, 2, 2}}},
  });
}

TEST_CASE("an input that was stopped holds time back where it stood") {
  WatermarkValve valve(3);
  valve.watermark(0, 5);
  valve.watermark(1, 3);
  valve.watermark(2, 9);
  valve.stop(1);
  valve.watermark(0, 20);
  REQUIRE(valve.merged() == 3);
  valve.end(0, true);
  valve.stop(2);
  REQUIRE(valve.isEnded());
  REQUIRE_FALSE(valve.isDrained());
  REQUIRE(valve.merged() == 3);
}

TEST_CASE("an input that is added counts at once") {
  WatermarkValve valve(1);
  valve.watermark(0, 5);
  valve.addInput();
  valve.watermark(0, 9);
  REQUIRE(valve.merged() == 5);
  valve.watermark(1, 7);
  REQUIRE(valve.merged() == 7);
}

TEST_CASE("an input that is added to idle ones makes the valve active again") {
  WatermarkValve valve(1);
  valve.watermark(0, 5);
  valve.idle(0);
  REQUIRE(valve.isIdle());
  valve.addInput();
  REQUIRE_FALSE(valve.isIdle());
}

TEST_CASE("the input that holds the watermark back can be named") {
  WatermarkValve valve(3);
  valve.watermark(0, 5);
  valve.watermark(1, 3);
  valve.watermark(2, 4);
  REQUIRE(valve.slowest() == 1);
  valve.idle(1);
  REQUIRE(valve.slowest() == 2);
  valve.end(2, true);
  REQUIRE(valve.slowest() == 0);
  valve.end(0, true);
  REQUIRE(valve.slowest() == std::nullopt);
}

}  // namespace
}  // namespace millrace
