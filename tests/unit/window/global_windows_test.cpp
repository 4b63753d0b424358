// SPDX-License-Identifier: MIT
#include <millrace/window/global_windows.hpp>

#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <vector>

#include <millrace/window/aggregates.hpp>

namespace millrace::test {
namespace {

using Elements = CollectElements<int>;
using Windows = GlobalWindows<std::string, int, Elements>;

TEST_CASE("a count trigger fires and empties the window every n records of a key") {
  Windows windows(global(2), Elements{});
  std::vector<std::vector<int>> told;
  for (int i = 0; i < 5; ++i)
    if (windows.add("a", i, 0).due)
      windows.emitDue("a", [&](Windows::Result&& r) { told.push_back(r.value); });
  windows.add("b", 9, 0);
  CHECK(told == std::vector<std::vector<int>>{{0, 1}, {2, 3}});
  CHECK(windows.heldRecords() == 2);
  CHECK(windows.releasedRecords() == 4);
}

TEST_CASE("what a count trigger has left at the end of input is held, not told") {
  Windows windows(global(2), Elements{});
  windows.add("a", 1, 0);
  windows.advance(kMaxTimestamp, true);
  CHECK_FALSE(windows.fire([](auto&&) { FAIL("nothing is due"); }, 10));
  CHECK(windows.heldRecords() == 1);
}

TEST_CASE("without a trigger the end of input tells every key once, in pieces") {
  Windows windows(global(), Elements{});
  for (int i = 0; i < 100; ++i) windows.add(std::to_string(i % 10), i, 0);
  windows.advance(1000);
  CHECK_FALSE(windows.fire([](auto&&) { FAIL("not yet"); }, 10));
  windows.advance(kMaxTimestamp, true);
  std::set<std::string> keys;
  int pieces = 1;
  const auto emit = [&](Windows::Result&& r) {
    CHECK(r.value.size() == 10);
    CHECK(r.pane == Pane::kEndOfInput);
    CHECK(keys.insert(r.key).second);
  };
  while (windows.fire(emit, 3)) ++pieces;
  CHECK(keys.size() == 10);
  CHECK(pieces == 4);
  CHECK(windows.heldRecords() == 0);
  CHECK(windows.releasedRecords() == 100);
}

}  // namespace
}  // namespace millrace::test
