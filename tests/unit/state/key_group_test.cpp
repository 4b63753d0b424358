// SPDX-License-Identifier: MIT
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <vector>

#include <millrace/base/hash.hpp>
#include <millrace/state/key_group.hpp>

using namespace millrace;

TEST_CASE("Key groups of known keys never change") {
  REQUIRE(keyGroupOf(millraceHash(std::uint64_t{42})) ==
          KeyGroup{static_cast<std::uint16_t>(mixHash(42) % 128)});
  REQUIRE(keyGroupOf(0) == KeyGroup{0});
  REQUIRE(keyGroupOf(127) == KeyGroup{127});
  REQUIRE(keyGroupOf(128) == KeyGroup{0});
  REQUIRE(keyGroupOf(1000, 7) == KeyGroup{6});
}

TEST_CASE("Owners are keyGroup * workers / groups") {
  REQUIRE(ownerOf(KeyGroup{0}, 3) == 0);
  REQUIRE(ownerOf(KeyGroup{42}, 3) == 0);
  REQUIRE(ownerOf(KeyGroup{43}, 3) == 1);
  REQUIRE(ownerOf(KeyGroup{127}, 3) == 2);
  REQUIRE(ownerOf(KeyGroup{127}, 128) == 127);
  REQUIRE(ownerOf(KeyGroup{32767}, 32768, 32768) == 32767);
}

TEST_CASE("A worker's range is exactly the groups it owns") {
  REQUIRE(rc::check("ranges", [] {
    const auto groups = *rc::gen::inRange<std::uint32_t>(1, 300);
    const auto workers = *rc::gen::inRange<std::uint32_t>(1, groups + 1);
    std::uint32_t next = 0;
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
      const KeyGroupRange range = keyGroupsOf(worker, workers, groups);
      RC_ASSERT(range.first == next);
      RC_ASSERT(range.size() > 0U);
      next = range.end;
      for (std::uint32_t group = 0; group < groups; ++group) {
        const KeyGroup id{static_cast<std::uint16_t>(group)};
        RC_ASSERT(range.contains(id) == (ownerOf(id, workers, groups) == worker));
      }
    }
    RC_ASSERT(next == groups);
  }));
}
