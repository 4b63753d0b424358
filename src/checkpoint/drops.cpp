// SPDX-License-Identifier: MIT
#include "checkpoint/drops.hpp"

#include <algorithm>

namespace millrace::checkpoint {

void Drops::addThrough(std::uint64_t moment, StateId state, KeyGroupRange groups, Timestamp time) {
  std::vector<Range>& ranges = states_[static_cast<std::uint16_t>(state)].ranges;
  auto range = std::find_if(ranges.begin(), ranges.end(),
                            [&](const Range& known) { return known.groups == groups; });
  if (range == ranges.end()) range = ranges.insert(range, {groups, {}});
  std::vector<Drop>& drops = range->drops;
  while (!drops.empty() && drops.back().time <= time) drops.pop_back();
  drops.push_back({moment, time});
}

void Drops::addState(std::uint64_t moment, StateId state) {
  std::uint64_t& wholeAt = states_[static_cast<std::uint16_t>(state)].wholeAt;
  wholeAt = std::max(wholeAt, moment + 1);
}

void Drops::addAll(std::uint64_t moment, const Drops& other) {
  other.forEach([&](StateId state, KeyGroupRange groups,
                    Timestamp time) { addThrough(moment, state, groups, time); },
                [&](StateId state) { addState(moment, state); });
}

DropLimit Drops::after(std::uint64_t moment, StateId state, KeyGroup group) const {
  DropLimit limit;
  const auto found = states_.find(static_cast<std::uint16_t>(state));
  if (found == states_.end()) return limit;
  limit.everything = found->second.wholeAt > moment + 1;
  for (const Range& range : found->second.ranges) {
    if (!range.groups.contains(group)) continue;
    const auto later = std::upper_bound(
        range.drops.begin(), range.drops.end(), moment,
        [](std::uint64_t wanted, const Drop& drop) { return wanted < drop.moment; });
    if (later == range.drops.end()) continue;
    limit.through = limit.byTime ? std::max(limit.through, later->time) : later->time;
    limit.byTime = true;
  }
  return limit;
}

}  // namespace millrace::checkpoint
