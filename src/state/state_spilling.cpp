// SPDX-License-Identifier: MIT
// The half of KeyedStateStore that lies over a base: what goes down, and how it comes back.
#include <algorithm>

#include <millrace/serde/serde.hpp>
#include <millrace/state/keyed_state_store.hpp>

namespace millrace {
namespace {

// A piece of the walk through what is below: a fraction of a millisecond, ten times a second, or
// more often for what lives shortly. A round begins when half of the shortest time to live has
// passed.
constexpr std::size_t kSweptEntries = 512;
constexpr std::size_t kSeekCost = 16;  // entries that are looked at in the time of finding a place
constexpr Timestamp kLongestSweepPause = 100;
constexpr Timestamp kPausesOfTtl = 64;

Timestamp shortestTtl(const std::vector<StateDescriptor>& states) {
  Timestamp shortest = kMaxTimestamp;
  for (const StateDescriptor& state : states) {
    if (state.ttl) shortest = std::min<Timestamp>(shortest, state.ttl->duration.count());
  }
  return shortest;
}

// Of the bytes of an entry, without its type: whether it has a time comes first, then that time;
// but of a list all times come last, and of those the newest.
bool hasExpired(StateKind kind, std::string_view stored, Timestamp deadline) {
  ByteReader in(stored);
  bool hasTime = false;
  if (!Serde<bool>::read(in, hasTime) || !hasTime) return false;
  Timestamp time = 0;
  if (kind == StateKind::kList) {
    in = ByteReader(stored.substr(stored.size() - std::min(stored.size(), sizeof time)));
  }
  return in.fixed(time) && time <= deadline;
}

}  // namespace

void KeyedStateStore::setBelow(StateBelow& below, bool holdsEntries, KeyGroupRange own) {
  MILLRACE_CHECK(isTracked(), "state that lies over a base has to be tracked");
  below_ = &below;
  looksBelow_ = holdsEntries;
  ownGroups_ = own;
  sweep_.group = own.first;
}

bool KeyedStateStore::mayEvict(RowHead& row) const noexcept {
  if ((row.marks & RowMarks::kTags) != 0) return false;
  const std::uint32_t generation =
      (row.marks & RowMarks::kGeneration) >> RowMarks::kGenerationShift;
  if (!settling_.isSettled(generation)) return false;
  // It is settled for good: what its generation is called now will be called so again.
  row.marks &= ~RowMarks::kGeneration;
  if ((row.marks & RowMarks::kUsed) == 0) return true;
  row.marks &= ~RowMarks::kUsed;
  return false;
}

bool KeyedStateStore::fetch(KeyGroup group, std::string_view key) {
  fetched_.clear();
  for (std::size_t state = 0; state < states_.size(); ++state) {
    const Status read = fetchCell(state, group, key);
    if (!read.ok()) {
      throw JobError(annotate(read, "fetching state '" + states_[state].name + "'"));
    }
  }
  return !fetched_.empty();
}

Status KeyedStateStore::fetchCell(std::size_t state, KeyGroup group, std::string_view key) {
  if (states_[state].ops->elements == nullptr) {
    std::string value;
    MILLRACE_ASSIGN_OR_RETURN(const bool isThere, below_->read(ids_[state], group, key, value));
    if (isThere) fetched_.push_back({state, {}, std::move(value)});
    return absl::OkStatus();
  }
  return below_->readAll(
      ids_[state], group, key, [&](std::string_view whole, std::string_view value) {
        fetched_.push_back({state, std::string(whole.substr(key.size())), std::string(value)});
        return absl::OkStatus();
      });
}

void KeyedStateStore::fillFetched(RowHead& row) {
  for (const Fetched& fetched : fetched_) {
    ByteReader element(fetched.element);
    if (readCell(row, fetched.state, element, fetched.value)) continue;
    throw JobError(
        absl::DataLossError("an entry of state '" + states_[fetched.state].name + "' is damaged"));
  }
}

std::size_t KeyedStateStore::sweepBelow(Timestamp now) {
  if (!looksBelow_ || now < sweep_.nextAt) return 0;
  const Timestamp ttl = shortestTtl(states_);
  sweep_.nextAt = saturatingAdd(now, std::min(kLongestSweepPause, ttl / kPausesOfTtl));
  if (sweep_.roundAt == kMinTimestamp) sweep_.roundAt = now;
  std::vector<std::string> expired;
  for (std::size_t budget = kSweptEntries; budget > 0 && sweep_.group < ownGroups_.end;) {
    if (states_[sweep_.state].ttl && sweepState(now, budget, expired)) break;
    sweep_.begin.clear();
    if (++sweep_.state < states_.size()) continue;
    sweep_.state = 0;
    ++sweep_.group;
  }
  if (sweep_.group >= ownGroups_.end) {
    sweep_.nextAt = std::max(sweep_.nextAt, saturatingAdd(sweep_.roundAt, ttl / 2));
    sweep_.group = ownGroups_.first;
    sweep_.roundAt = kMinTimestamp;
  }
  std::size_t removed = 0;
  for (const std::string& key : expired) removed += expireBelow(key, now);
  return removed;
}

// True: there is more of the state in this group.
bool KeyedStateStore::sweepState(Timestamp now, std::size_t& budget,
                                 std::vector<std::string>& expired) {
  const StateDescriptor& state = states_[sweep_.state];
  const Timestamp deadline = saturatingSubtract(now, state.ttl->duration.count());
  budget -= std::min(budget, kSeekCost);
  // The walk begins behind the last key that it has seen.
  const std::string from = sweep_.begin;
  const Status read =
      budget == 0 ? absl::OkStatus()
                  : below_->readFrom(
                        ids_[sweep_.state], KeyGroup{static_cast<std::uint16_t>(sweep_.group)},
                        from, [&](std::string_view key, std::string_view value) -> StatusOr<bool> {
                          sweep_.begin.assign(key).push_back('\0');
                          if (hasExpired(state.kind, value, deadline)) expired.emplace_back(key);
                          return --budget > 0;
                        });
  if (!read.ok())
    throw JobError(annotate(read, "looking for what has expired of state '" + state.name + "'"));
  return budget == 0;
}

// What is below may be older than the table: the row of the key has the last word, and its removals
// go the way of all changes.
std::size_t KeyedStateStore::expireBelow(std::string_view key, Timestamp now) {
  ByteReader in(key);
  RowHead* row = rowOf(in, false);
  if (row == nullptr) return 0;
  std::size_t state = 0;
  ExpiryWalk walk{.budget = static_cast<std::size_t>(-1)};
  expireRow(*row, state, now, walk);
  if (row->present == 0) removeEmptyRow(*row);
  return walk.removed;
}

}  // namespace millrace
