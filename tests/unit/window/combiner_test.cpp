// SPDX-License-Identifier: MIT
#include <millrace/window/combiner.hpp>

#include <catch2/catch.hpp>

#include <millrace/window/sliced_windows.hpp>

#include "unit/window/window_scenario.hpp"

namespace millrace::test {
namespace {

using namespace std::chrono_literals;

template <typename Kind>
class Shuffle {
 public:
  using Agg = decltype(Kind::make());

  Shuffle(const WindowSpec& spec, const WindowOptions& options, CombinerLimits limits)
      : combiner_(*WindowLayout::compile(spec), Kind::make(), options, limits),
        windows_(*WindowLayout::compile(spec), Kind::make(), options) {}

  void add(const std::string& key, int value, Timestamp t) {
    if (combiner_.isFull()) flush();
    if (combiner_.add(key, Rec{value}, t) == Combiner<std::string, Rec, Agg>::Answer::kTaken)
      return;
    if (windows_.add(key, Rec{value}, t).due) windows_.emitDue(key, emit());
  }

  void advance(Timestamp watermark, bool endOfInput) {
    if (combiner_.mustFlushBefore(watermark)) flush();
    combiner_.advance(watermark);
    windows_.advance(watermark, endOfInput);
    while (windows_.fire(emit(), 3)) {
    }
  }

  std::vector<Row> take() { return sorted(std::exchange(rows_, {})); }
  const Combiner<std::string, Rec, Agg>& combiner() const { return combiner_; }

 private:
  auto emit() {
    return [this](auto&& result) { rows_.push_back(textOf(windows_.aggregate())(result)); };
  }
  void flush() {
    const auto send = [this](Timestamp sliceStart, const std::string& key, auto&& partial,
                             std::uint64_t records) {
      const AddResult result = windows_.addPartial(key, partial, records, sliceStart);
      RC_ASSERT(result == AddResult{});
    };
    while (combiner_.flush(send, 2)) {
    }
    RC_ASSERT(combiner_.isEmpty());
  }

  Combiner<std::string, Rec, Agg> combiner_;
  SlicedWindows<std::string, Rec, Agg> windows_;
  std::vector<Row> rows_;
};

template <typename Kind>
bool matchesUncombined(const std::string& what) {
  return rc::check(what, [] {
    const WindowSpec spec = drawSpec();
    WindowOptions options = drawOptions();
    options.early = EarlyFiring::none();
    CombinerLimits limits;
    limits.maxEntries = static_cast<std::size_t>(*drawIn(1, 10));
    limits.maxRecords = static_cast<std::uint64_t>(*drawIn(1, 30));
    Shuffle<Kind> combined(spec, options, limits);
    NaiveWindows<Kind> naive(spec, options);
    Timestamp clock = -300;
    std::vector<Row> expected;
    const auto advance = [&](Timestamp watermark, bool endOfInput) {
      combined.advance(watermark, endOfInput);
      for (const Row& row : naive.advance(watermark, endOfInput)) expected.push_back(row);
      RC_ASSERT(combined.take() == sorted(std::exchange(expected, {})));
    };
    for (const Step& step : drawSteps()) {
      if (step.kind == Step::Kind::kAdd) {
        const std::string key = "k" + std::to_string(step.key);
        combined.add(key, step.value, clock + step.time);
        naive.add(key, step.value, clock + step.time, expected);
        RC_ASSERT(combined.combiner().heldRecords() <= limits.maxRecords);
        RC_ASSERT(combined.combiner().heldEntries() <= limits.maxEntries);
      } else if (step.kind == Step::Kind::kAdvance) {
        advance(clock += step.time, false);
      }
    }
    advance(kMaxTimestamp, true);
  });
}

TEST_CASE("combining ahead of the shuffle changes no result") {
  CHECK(matchesUncombined<CountAndSum>("counted and summed"));
  CHECK(matchesUncombined<Elements>("all their elements"));
}

TEST_CASE("a combiner is flushed only when the watermark completes a window it holds part of") {
  Combiner<int, Rec, Count> combiner(*WindowLayout::compile(tumbling(10ms)), count());
  CHECK_FALSE(combiner.mustFlushBefore(1000));
  combiner.add(1, Rec{}, 15);
  CHECK_FALSE(combiner.mustFlushBefore(18));
  CHECK(combiner.mustFlushBefore(19));
  CHECK(combiner.isWorthPassingOn(9));
  combiner.advance(9);
  CHECK_FALSE(combiner.isWorthPassingOn(18));
  CHECK(combiner.add(1, Rec{}, 9) == Combiner<int, Rec, Count>::Answer::kSendAsIs);
}

TEST_CASE(
    "early firing in event time calls for a flush too, early firing by records rules combining "
    "out") {
  const WindowOptions early{.early = EarlyFiring::everyEventTime(5ms)};
  Combiner<int, Rec, Count> combiner(*WindowLayout::compile(tumbling(100ms)), count(), early);
  combiner.add(1, Rec{}, 15);
  combiner.flush([](auto&&...) {}, 100);
  combiner.advance(16);
  combiner.add(1, Rec{}, 15);
  CHECK_FALSE(combiner.mustFlushBefore(19));
  CHECK(combiner.mustFlushBefore(20));
  CHECK(combiner.combines(early));
  CHECK_FALSE(combiner.combines({.early = EarlyFiring::everyRecords(5)}));
}

TEST_CASE("a combiner tells how much it combines") {
  Combiner<int, Rec, Count> combiner(*WindowLayout::compile(tumbling(10ms)), count());
  const auto round = [&](int keys) {
    for (int i = 0; i < 1000; ++i) combiner.add(i % keys, Rec{}, 5);
    combiner.flush([](auto&&...) {}, 5000);
  };
  round(10);
  CHECK(combiner.reduction() == 100.0);
  CHECK(combiner.isWorthwhile());
  for (int i = 0; i < 10; ++i) round(1000);
  CHECK_FALSE(combiner.isWorthwhile());
}

}  // namespace
}  // namespace millrace::test
