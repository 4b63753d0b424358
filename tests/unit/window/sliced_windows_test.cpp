// SPDX-License-Identifier: MIT
#include <millrace/window/sliced_windows.hpp>

#include <catch2/catch.hpp>

#include "unit/window/window_scenario.hpp"

namespace millrace::test {
namespace {

using namespace std::chrono_literals;

template <typename Kind>
using Sliced = SlicedWindows<std::string, Rec, decltype(Kind::make())>;

template <typename Kind>
bool matchesNaive(const std::string& what) {
  return rc::check(what, [] {
    const WindowSpec spec = drawSpec();
    const WindowOptions options = drawOptions();
    Sliced<Kind> windows(*WindowLayout::compile(spec), Kind::make(), options);
    NaiveWindows<Kind> naive(spec, options);
    compare(windows, naive, options, drawSteps());
  });
}

template <typename Windows>
std::vector<Row> fireAll(Windows& windows, Timestamp watermark, bool endOfInput = false) {
  std::vector<Row> rows;
  windows.advance(watermark, endOfInput);
  while (windows.fire([&](auto&& r) { rows.push_back(textOf(windows.aggregate())(r)); }, 1000)) {
  }
  return sorted(rows);
}

TEST_CASE("sliced windows tell what windows with lists of their own would") {
  CHECK(matchesNaive<CountAndSum>("with an aggregate that can subtract"));
  CHECK(matchesNaive<Greatest>("with one that cannot"));
  CHECK(matchesNaive<Elements>("with one that keeps all elements"));
}

TEST_CASE("a record late for some of its windows goes into the others") {
  Sliced<CountAndSum> windows(*WindowLayout::compile(sliding(10ms, 5ms)), CountAndSum::make());
  CHECK(windows.add("k", Rec{1}, 12).placement == Placement::kAccepted);
  fireAll(windows, 14);
  CHECK(windows.add("k", Rec{2}, 13).placement == Placement::kLatePartial);
  CHECK(windows.add("k", Rec{4}, 4).placement == Placement::kLate);
  CHECK(fireAll(windows, 19) == std::vector<Row>{{"k", "2/3", 10, 20, Pane::kOnTime}});
}

TEST_CASE("an event in the gap between windows is outside, not late") {
  Sliced<CountAndSum> windows(*WindowLayout::compile(sliding(2ms, 10ms)), CountAndSum::make());
  CHECK(windows.add("k", Rec{1}, 5).placement == Placement::kOutside);
  CHECK(windows.add("k", Rec{1}, 11).placement == Placement::kAccepted);
  fireAll(windows, 100);
  CHECK(windows.add("k", Rec{1}, 5).placement == Placement::kOutside);
  CHECK(windows.add("k", Rec{1}, 11).placement == Placement::kLate);
}

TEST_CASE("years between records with a slide of a millisecond fire at once") {
  Sliced<CountAndSum> counted(*WindowLayout::compile(sliding(3ms, 1ms)), CountAndSum::make());
  Sliced<Greatest> greatest(*WindowLayout::compile(sliding(3ms, 1ms)), Greatest::make());
  constexpr Timestamp kCentury = 3'155'760'000'000;
  for (int i = 0; i < 5; ++i) {
    counted.add("k", Rec{1}, i * kCentury);
    greatest.add("k", Rec{1}, i * kCentury);
  }
  CHECK(fireAll(counted, 5 * kCentury).size() == 15);
  CHECK(fireAll(greatest, 5 * kCentury).size() == 15);
  CHECK(counted.heldEntries() == 0);
}

TEST_CASE("only the end of input makes end-of-input panes") {
  for (const bool endOfInput : {false, true}) {
    Sliced<CountAndSum> windows(*WindowLayout::compile(tumbling(10ms)), CountAndSum::make());
    windows.add("k", Rec{1}, 5);
    windows.add("k", Rec{1}, 15);
    CHECK(fireAll(windows, 9).at(0).pane == Pane::kOnTime);
    CHECK(fireAll(windows, kMaxTimestamp, endOfInput).at(0).pane ==
          (endOfInput ? Pane::kEndOfInput : Pane::kOnTime));
  }
}

TEST_CASE("windows at both ends of time fire once and hold every record") {
  for (const WindowSpec& spec : std::vector<WindowSpec>{
           tumbling(1min), sliding(1min, 7s), sliding(7s, 1min, 1s), cumulating(1min, 10s)}) {
    Sliced<CountAndSum> windows(*WindowLayout::compile(spec), CountAndSum::make(),
                                {.allowedLateness = 1s});
    std::uint64_t in = 0;
    for (const Timestamp t :
         {kMinTimestamp, kMinTimestamp + 1, kMinTimestamp + 60'000, Timestamp{0},
          kMaxTimestamp - 60'000, kMaxTimestamp - 1, kMaxTimestamp}) {
      const AddResult result = windows.add("k", Rec{1}, t);
      in += result.placement == Placement::kOutside ? 0 : 1;
    }
    CHECK(windows.heldRecords() == in);
    const std::vector<Row> rows = fireAll(windows, kMaxTimestamp, true);
    CHECK(!rows.empty());
    for (const Row& row : rows) CHECK(row.start < row.end);
    CHECK(windows.releasedRecords() == in);
    CHECK(fireAll(windows, kMaxTimestamp, true).empty());
    CHECK(windows.add("k", Rec{1}, kMaxTimestamp).placement != Placement::kAccepted);
  }
}

TEST_CASE("a batch goes in as its records would one by one") {
  using Windows = SlicedWindows<std::uint64_t, Rec, Count>;
  const auto layout = *WindowLayout::compile(tumbling(10ms));
  Windows batched(layout, count());
  Windows single(layout, count());
  constexpr std::size_t kRecords = 200'000;
  const auto keyAt = [](std::size_t i) { return i * 7919 % 50'000; };
  const auto timeAt = [](std::size_t i) { return static_cast<Timestamp>(i / 1000); };
  for (std::size_t i = 0; i < kRecords; ++i) single.add(keyAt(i), Rec{}, timeAt(i));
  for (std::size_t first = 0; first < kRecords; first += 1000)
    batched.addBatch(
        1000, [&](std::size_t i) { return keyAt(first + i); }, [](std::size_t) { return Rec{}; },
        [&](std::size_t i) { return timeAt(first + i); }, [](std::size_t, AddResult) { FAIL(); });
  CHECK(batched.heldRecords() == single.heldRecords());
  CHECK(batched.heldEntries() == single.heldEntries());
}

TEST_CASE("a known hash and a string_view find the same key") {
  Sliced<CountAndSum> windows(*WindowLayout::compile(tumbling(10ms)), CountAndSum::make());
  const std::string key = "a key too long for the small string buffer";
  windows.add(key, Rec{1}, 1);
  windows.add(std::string_view(key), Rec{2}, 2);
  windows.add(HashedKey{std::string_view(key), millraceHash(key)}, Rec{3}, 3);
  CHECK(fireAll(windows, 9) == std::vector<Row>{{key, "3/6", 0, 10, Pane::kOnTime}});
}

TEST_CASE("a sum that overflows in a merge fails the job") {
  struct Big {
    std::int64_t value;
  };
  const auto aggregate = bindAggregate<Big>(sum(&Big::value));
  SlicedWindows<int, Big, decltype(aggregate)> windows(*WindowLayout::compile(sliding(2ms, 1ms)),
                                                       aggregate);
  windows.add(1, Big{std::numeric_limits<std::int64_t>::max()}, 0);
  windows.add(1, Big{1}, 1);
  windows.advance(5);
  CHECK_THROWS_AS(windows.fire([](auto&&) {}, 100), JobError);
}

}  // namespace
}  // namespace millrace::test
