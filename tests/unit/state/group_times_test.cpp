// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <string>

#include <millrace/state/group_times.hpp>

namespace millrace {
namespace {

constexpr KeyGroup groupAt(std::uint16_t value) { return {value}; }

std::string bytesOf(const GroupTimes& times) {
  std::string bytes;
  ByteWriter out(bytes);
  times.write(out);
  return bytes;
}

TEST_CASE("the latest time that was said of a key group counts, of those that are own") {
  GroupTimes times({4, 8});
  CHECK(times.isEmpty());
  CHECK(times.of(groupAt(4)) == kMinTimestamp);
  times.raise({0, 4}, 50);
  CHECK(times.isEmpty());
  times.raise({0, 6}, 20);
  times.raise({5, 100}, 10);
  CHECK(times.of(groupAt(4)) == 20);
  CHECK(times.of(groupAt(5)) == 20);
  CHECK(times.of(groupAt(6)) == 10);
  CHECK(times.of(groupAt(7)) == 10);
  CHECK(times.latest() == 20);
}

TEST_CASE("times of key groups are forgotten once the watermark has come up to the latest") {
  GroupTimes times({0, 4});
  times.raise({0, 2}, 10);
  times.raise({2, 4}, 20);
  times.pass(19);
  CHECK(times.of(groupAt(3)) == 20);
  times.pass(20);
  CHECK(times.isEmpty());
  CHECK(times.latest() == kMinTimestamp);
  times.raise({2, 4}, 30);
  CHECK(times.of(groupAt(3)) == 30);
}

TEST_CASE("times of key groups are written by ranges, and read by whoever has some of the groups") {
  GroupTimes times({0, 8});
  times.raise({1, 5}, 10);
  times.raise({5, 8}, -1);
  std::string expected;
  ByteWriter out(expected);
  out.length(3);
  const struct {
    std::uint32_t first, end;
    Timestamp time;
  } ranges[] = {{0, 1, kMinTimestamp}, {1, 5, 10}, {5, 8, -1}};
  for (const auto& range : ranges) {
    out.fixed(range.first);
    out.fixed(range.end);
    out.fixed(range.time);
  }
  CHECK(bytesOf(times) == expected);

  GroupTimes some({4, 8});
  some.raise({4, 8}, 0);
  ByteReader in(expected);
  CHECK(some.read(in));
  CHECK(some.of(groupAt(4)) == 10);
  CHECK(some.of(groupAt(5)) == 0);
}

TEST_CASE("where no key group is ahead nothing is written, and nothing need be there") {
  CHECK(bytesOf(GroupTimes({0, 8})).empty());
  GroupTimes times({0, 8});
  ByteReader in("");
  CHECK(times.read(in));
  CHECK(times.isEmpty());
}

TEST_CASE("damaged times of key groups are refused") {
  GroupTimes times({0, 8});
  times.raise({0, 4}, 10);
  const std::string bytes = bytesOf(times);
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    ByteReader in(std::string_view(bytes).substr(0, size));
    CHECK_FALSE(GroupTimes({0, 8}).read(in));
  }
  const std::string longer = bytes + "x";
  ByteReader in(longer);
  CHECK_FALSE(GroupTimes({0, 8}).read(in));
}

}  // namespace
}  // namespace millrace
