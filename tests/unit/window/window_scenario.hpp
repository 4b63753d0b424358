// SPDX-License-Identifier: MIT
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/window/windows.hpp>

#include "unit/window/naive_windows.hpp"

namespace millrace::test {

/// What happens to windows under test, drawn at random.
struct Step {
  enum class Kind { kAdd, kAdvance, kFireEarly };
  Kind kind = Kind::kAdd;
  int key = 0;
  int value = 0;
  int time = 0;  // of a record: after the clock; of a watermark: how far the clock goes

  friend std::ostream& operator<<(std::ostream& os, const Step& step) {
    switch (step.kind) {
      case Kind::kAdd:
        return os << "add(k" << step.key << ", " << step.value << ", clock+" << step.time << ")";
      case Kind::kAdvance:
        return os << "advance(+" << step.time << ")";
      case Kind::kFireEarly:
        break;
    }
    return os << "fireEarly()";
  }
};

// Even over the whole range from the first case on (inRange alone widens with the case's size).
inline rc::Gen<int> drawIn(int from, int to) {
  return rc::gen::resize(rc::kNominalSize, rc::gen::inRange(from, to));
}

inline rc::Gen<Step> anyStep() {
  const auto add = rc::gen::construct<Step>(rc::gen::just(Step::Kind::kAdd), drawIn(0, 4),
                                            drawIn(-9, 100), drawIn(-60, 60));
  const auto advance = rc::gen::construct<Step>(
      rc::gen::just(Step::Kind::kAdvance), rc::gen::just(0), rc::gen::just(0),
      rc::gen::weightedOneOf<int>({{12, drawIn(0, 30)}, {1, rc::gen::just(1'000'000'000)}}));
  const auto early = rc::gen::construct<Step>(rc::gen::just(Step::Kind::kFireEarly),
                                              rc::gen::just(0), rc::gen::just(0), rc::gen::just(0));
  return rc::gen::weightedOneOf<Step>({{16, add}, {3, advance}, {1, early}});
}

inline std::vector<Step> drawSteps() {
  return *rc::gen::scale(4.0, rc::gen::container<std::vector<Step>>(anyStep())).as("steps");
}

inline WindowOptions drawOptions() {
  WindowOptions options;
  options.allowedLateness = Duration(*rc::gen::element(0, 0, 1, 7, 25, 100).as("lateness"));
  switch (*drawIn(0, 4).as("early")) {
    case 1:
      options.early = EarlyFiring::everyProcessingTime(Duration(1));
      break;
    case 2:
      options.early = EarlyFiring::everyRecords(static_cast<std::uint64_t>(*drawIn(1, 4)));
    default:
      break;
  }
  options.discarding = *rc::gen::element(false, true).as("discarding");
  return options;
}

inline WindowSpec drawSpec() {
  const int slide = *drawIn(1, 30).as("slide");
  const int offset = *drawIn(-slide + 1, slide).as("offset");
  switch (*drawIn(0, 3).as("kind")) {
    case 0:
      return tumbling(Duration(slide), Duration(offset));
    case 1:
      return cumulating(Duration(slide * *drawIn(1, 6)), Duration(slide), Duration(offset));
    default:
      return sliding(Duration(*drawIn(1, 80).as("size")), Duration(slide), Duration(offset));
  }
}

inline std::vector<Row> sorted(std::vector<Row> rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// Plays the steps to the windows under test and to the naive ones; after each step both must have
/// told the same. Firings come in pieces of random size and must follow the window ends.
template <typename Windows, typename Naive>
void compare(Windows& windows, Naive& naive, const WindowOptions& options,
             const std::vector<Step>& steps) {
  Timestamp clock = -300;
  std::uint64_t accepted = 0;
  std::size_t limit = 1;
  std::vector<Row> told;
  const auto emit = [&](auto&& result) { told.push_back(textOf(windows.aggregate())(result)); };
  const auto fire = [&](Timestamp watermark, bool endOfInput) {
    told.clear();
    windows.advance(watermark, endOfInput);
    while (windows.fire(emit, limit = limit % 7 + 1)) {
    }
    RC_ASSERT(std::is_sorted(told.begin(), told.end(),
                             [](const Row& a, const Row& b) { return a.end < b.end; }));
    RC_ASSERT(sorted(told) == sorted(naive.advance(watermark, endOfInput)));
  };
  for (const Step& step : steps) {
    switch (step.kind) {
      case Step::Kind::kAdd: {
        told.clear();
        const std::string key = "k" + std::to_string(step.key);
        const AddResult result =
            windows.add(std::string_view(key), Rec{step.value}, clock + step.time);
        if (result.due) windows.emitDue(std::string_view(key), emit);
        std::vector<Row> expected;
        RC_ASSERT(result.placement == naive.add(key, step.value, clock + step.time, expected));
        RC_ASSERT(sorted(told) == sorted(expected));
        RC_ASSERT(result.due == !expected.empty());
        const bool isIn =
            result.placement == Placement::kAccepted || result.placement == Placement::kLatePartial;
        accepted += isIn ? 1 : 0;
        break;
      }
      case Step::Kind::kAdvance:
        clock += step.time;
        fire(clock, false);
        break;
      case Step::Kind::kFireEarly:
        if (options.early.kind != EarlyFiring::Kind::kProcessingTime) break;
        told.clear();
        while (windows.fireEarly(emit, limit = limit % 7 + 1)) {
        }
        RC_ASSERT(sorted(told) == sorted(naive.fireEarly()));
        break;
    }
    RC_ASSERT(windows.acceptedRecords() == accepted);
  }
  fire(kMaxTimestamp, true);
  RC_ASSERT(windows.heldRecords() == 0u);
  RC_ASSERT(windows.releasedRecords() == accepted);
}

}  // namespace millrace::test
