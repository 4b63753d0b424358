// SPDX-License-Identifier: MIT
#pragma once

#include <absl/container/flat_hash_map.h>

#include <millrace/state/state_changes.hpp>

#include <cstdint>
#include <vector>

namespace millrace::checkpoint {

/// What has been dropped of a state and group after some moment.
struct DropLimit {
  bool everything = false;
  bool byTime = false;
  Timestamp through = 0;  ///< when `byTime`

  bool drops(std::string_view key) const {
    if (everything) return true;
    if (!byTime) return false;
    if (through == kMaxTimestamp) return true;
    ByteReader in(key);
    Timestamp time = 0;
    return readTimePrefix(in, time) && time <= through;
  }
};

/// Operations that drop many keys at once, each with the moment it happened at: any number that
/// grows. They concern what was put before.
class Drops {
 public:
  /// REQUIRES: in order of moments, by state.
  void addThrough(std::uint64_t moment, StateId state, KeyGroupRange groups, Timestamp time);
  void addState(std::uint64_t moment, StateId state);
  /// All of `other`, as if they had happened at this one moment.
  void addAll(std::uint64_t moment, const Drops& other);

  bool isEmpty() const noexcept { return states_.empty(); }

  /// What is dropped of what was put at `moment`.
  DropLimit after(std::uint64_t moment, StateId state, KeyGroup group) const;

  /// `visit(state, range, time)` and `visitState(state)` for each, the moments left out; of one
  /// range the latest time alone.
  template <typename Visit, typename VisitState>
  void forEach(Visit&& visit, VisitState&& visitState) const {
    for (const auto& [state, drops] : states_) {
      if (drops.wholeAt > 0) visitState(StateId{state});
      for (const Range& range : drops.ranges) visit(StateId{state}, range.groups, range.latest());
    }
  }

 private:
  struct Drop {
    std::uint64_t moment = 0;
    Timestamp time = 0;
  };
  // Moments ascend, times descend: a drop makes earlier ones of no later time superfluous.
  struct Range {
    KeyGroupRange groups;
    std::vector<Drop> drops;
    Timestamp latest() const { return drops.front().time; }
  };
  struct OfState {
    std::uint64_t wholeAt = 0;  // moment + 1; 0: never
    std::vector<Range> ranges;
  };

  absl::flat_hash_map<std::uint16_t, OfState> states_;
};

}  // namespace millrace::checkpoint
