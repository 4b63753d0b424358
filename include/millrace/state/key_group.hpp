// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstdint>

namespace millrace {

/// The unit in which keyed state moves between workers: every key belongs to one
/// key group for the life of its state, and every group to one worker of a run.
///
/// Invariants:
/// 1. `keyGroupOf` depends on the key's stable hash and the number of groups alone.
/// 2. A worker owns one contiguous range of groups, so that changing the number of
///    workers moves ranges. [Flink, KeyGroupRangeAssignment]
/// Thread safety: pure functions.
struct KeyGroup {
  std::uint16_t value = 0;
  friend constexpr auto operator<=>(KeyGroup, KeyGroup) = default;
};

/// How many key groups a state has where nothing else is said; fixed for the life
/// of the state, and the upper limit of workers.
inline constexpr std::uint32_t kDefaultKeyGroups = 128;

/// A key group is two bytes in every stored key.
inline constexpr std::uint32_t kMaxKeyGroups = 32768;

/// The group of a key with this `millraceHash`. REQUIRES: 0 < groups <= kMaxKeyGroups.
constexpr KeyGroup keyGroupOf(std::uint64_t hash,
                              std::uint32_t groups = kDefaultKeyGroups) noexcept {
  return KeyGroup{static_cast<std::uint16_t>(hash % groups)};
}

/// The worker that owns `group`. REQUIRES: group.value < groups, 0 < workers <= groups.
constexpr std::uint32_t ownerOf(KeyGroup group, std::uint32_t workers,
                                std::uint32_t groups = kDefaultKeyGroups) noexcept {
  return static_cast<std::uint32_t>(std::uint64_t{group.value} * workers / groups);
}

/// The groups `first, first + 1, ... end - 1`.
struct KeyGroupRange {
  std::uint32_t first = 0;
  std::uint32_t end = 0;

  constexpr std::uint32_t size() const noexcept { return end - first; }
  constexpr bool contains(KeyGroup group) const noexcept {
    return first <= group.value && group.value < end;
  }
  friend constexpr bool operator==(KeyGroupRange, KeyGroupRange) = default;
};

/// Exactly the groups whose `ownerOf` is `worker`.
constexpr KeyGroupRange keyGroupsOf(std::uint32_t worker, std::uint32_t workers,
                                    std::uint32_t groups = kDefaultKeyGroups) noexcept {
  const auto firstOf = [=](std::uint64_t w) {
    return static_cast<std::uint32_t>((w * groups + workers - 1) / workers);
  };
  return {firstOf(worker), firstOf(std::uint64_t{worker} + 1)};
}

}  // namespace millrace
