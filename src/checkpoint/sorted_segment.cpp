// SPDX-License-Identifier: MIT
#include "checkpoint/sorted_segment.hpp"

#include <algorithm>
#include <utility>

#include "checkpoint/file_header.hpp"

namespace millrace::checkpoint {
namespace {

// Before a key: kind, state, group and the key's size.
constexpr std::size_t kBeforeKey = 9;

}  // namespace

std::vector<StateId> droppedStates(const std::vector<CataloguedState>& before,
                                   const std::vector<CataloguedState>& after) {
  std::vector<StateId> dropped;
  for (const CataloguedState& state : before) {
    const bool stays = std::any_of(after.begin(), after.end(), [&](const CataloguedState& other) {
      return other.id == state.id && other.operatorName == state.operatorName &&
             other.declaration.name == state.declaration.name;
    });
    if (!stays) dropped.push_back(state.id);
  }
  return dropped;
}

StatusOr<std::unique_ptr<SortedSegment>> SortedSegment::sort(std::string bytes,
                                                             const SegmentContents& contents,
                                                             std::vector<CataloguedState> states,
                                                             KeyGroupRange groups,
                                                             const std::string& path) {
  // The contents' views stay good: a string this long keeps its bytes when it is moved.
  std::unique_ptr<SortedSegment> sorted(new SortedSegment(std::move(bytes)));
  for (const LogItem& item : contents.items) {
    if (item.beginsRun) {
      for (const StateId state : droppedStates(states, item.states)) {
        sorted->drops_.addState(item.end, state);
      }
      states = item.states;
    }
    for (const LogItem::Changes& changes : item.changes) {
      MILLRACE_RETURN_IF_ERROR(sorted->collect(changes, groups, path));
    }
  }
  std::sort(sorted->operations_.begin(), sorted->operations_.end(),
            [](const Operation& a, const Operation& b) {
              if (a.prefix != b.prefix) return a.prefix < b.prefix;
              const int order = a.sortKey().key.compare(b.sortKey().key);
              return order != 0 ? order < 0 : a.key < b.key;
            });
  return sorted;
}

Status SortedSegment::collect(const LogItem::Changes& changes, KeyGroupRange groups,
                              const std::string& path) {
  StateChangesReader reader(changes.operations);
  while (true) {
    StatusOr<std::optional<StateChange>> change = reader.next();
    if (!change.ok()) {
      return damaged(path, static_cast<std::uint64_t>(changes.operations.data() - bytes_.data()),
                     textOf(change.status()));
    }
    if (!change->has_value()) return absl::OkStatus();
    const StateChange& operation = **change;
    if (operation.kind == StateChange::Kind::kDropThrough) {
      // Where the reader stands is not told: any moment between its neighbours' will do.
      const std::uint64_t moment =
          operations_.empty() ? 0
                              : static_cast<std::uint64_t>(operations_.back().key - bytes_.data());
      drops_.addThrough(moment + 1, operation.state, operation.groups, operation.time);
    } else if (groups.contains(operation.group)) {
      operations_.push_back({orderPrefix(operation.group, operation.state, operation.key),
                             operation.key.data(),
                             static_cast<std::uint32_t>(operation.key.size())});
    }
  }
}

bool SortedSegment::isDroppedLater(const StateChange& change, std::uint64_t moment) {
  return drops_.after(moment, change.state, change.group).drops(change.key);
}

StatusOr<bool> SortedSegment::next() {
  while (at_ < operations_.size()) {
    // In order of keys the bytes lie anywhere: they are asked for ahead.
    if (at_ + kAhead < operations_.size()) __builtin_prefetch(operations_[at_ + kAhead].key);
    const std::size_t first = at_++;
    const SortKey key = operations_[first].sortKey();
    while (at_ < operations_.size() && operations_[at_].sortKey() == key) ++at_;
    const Operation& last = operations_[at_ - 1];
    const auto offset = static_cast<std::size_t>(last.key - bytes_.data());
    ByteReader in(std::string_view(bytes_).substr(offset - kBeforeKey));
    StateChange change;
    if (!readEntry(in, change)) return absl::DataLossError("a sorted segment changed in memory");
    if (!drops_.isEmpty() && isDroppedLater(change, offset)) continue;
    moveTo(change);
    return true;
  }
  return false;
}

}  // namespace millrace::checkpoint
