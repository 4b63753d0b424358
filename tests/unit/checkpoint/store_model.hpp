// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/check.hpp>
#include <millrace/base/random.hpp>
#include <millrace/checkpoint/checkpoint_reader.hpp>
#include <millrace/checkpoint/checkpoint_store.hpp>
#include <millrace/testing/simulated_files.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace millrace::test {

inline constexpr std::uint32_t kGroups = 8;
inline constexpr const char* kDirectory = "jobs/state";

using EntryId = std::tuple<std::uint16_t, std::uint16_t, std::string>;  // group, state, key
using Entries = std::map<EntryId, std::string>;

inline CataloguedState stateOf(std::uint16_t id, std::string name) {
  return {StateId{id}, "counts", {std::move(name), "value", "string", "i64", {}}};
}

inline std::string timeKey(Timestamp time, const std::string& rest) {
  std::string key;
  ByteWriter out(key);
  writeTimePrefix(time, out);
  return key + rest;
}

/// What a store should hold, kept the plain way.
struct Model {
  std::uint64_t epoch = 0;
  std::uint64_t incarnation = 0;
  Entries entries;
  std::vector<CataloguedState> states;
  std::string position;

  void apply(const StateChange& change) {
    const auto state = static_cast<std::uint16_t>(change.state);
    const EntryId id{change.group.value, state, std::string(change.key)};
    if (change.kind == StateChange::Kind::kPut) entries[id] = change.value;
    if (change.kind == StateChange::Kind::kErase) entries.erase(id);
    if (change.kind != StateChange::Kind::kDropThrough) return;
    std::erase_if(entries, [&](const auto& entry) {
      const auto& [group, inState, key] = entry.first;
      ByteReader in(key);
      Timestamp time = 0;
      return inState == state && change.groups.contains(KeyGroup{group}) &&
             (change.time == kMaxTimestamp || (readTimePrefix(in, time) && time <= change.time));
    });
  }

  void apply(const Epoch& next) {
    epoch = next.number;
    for (const TaskSnapshot& task : next.tasks) {
      position = task.state.position;
      StateChangesReader reader(task.changes);
      while (const auto change = *reader.next()) apply(*change);
    }
  }

  void begin(const std::vector<CataloguedState>& now) {
    ++incarnation;
    states = now;
    std::erase_if(entries, [&](const auto& entry) {
      for (const CataloguedState& state : now) {
        if (static_cast<std::uint16_t>(state.id) == std::get<1>(entry.first)) return false;
      }
      return true;
    });
  }
};

inline CheckpointStore::Options optionsOf(std::uint64_t segmentBytes = 700) {
  CheckpointStore::Options options;
  options.directory = kDirectory;
  options.jobName = "counting";
  options.keyGroups = kGroups;
  options.segmentBytes = segmentBytes;
  return options;
}

inline StatusOr<Entries> entriesOf(CheckpointStore& store) {
  Entries found;
  std::optional<EntryId> twice;
  MILLRACE_RETURN_IF_ERROR(store.forEachEntry(
      [&](StateId state, KeyGroup group, std::string_view key, std::string_view value) {
        EntryId id{group.value, static_cast<std::uint16_t>(state), std::string(key)};
        const bool isNew = found.emplace(std::move(id), value).second;
        return isNew ? absl::OkStatus() : absl::InternalError("an entry came twice");
      }));
  return found;
}

inline Entries entriesOf(const CheckpointReader& reader) {
  Entries found;
  const Status read = reader.forEachEntry({0, kMaxKeyGroups}, [&](StateId state, KeyGroup group,
                                                                  std::string_view key,
                                                                  std::string_view value) {
    found.emplace(EntryId{group.value, static_cast<std::uint16_t>(state), std::string(key)}, value);
    return absl::OkStatus();
  });
  MILLRACE_CHECK(read.ok(), "a test reads a checkpoint that is damaged");
  return found;
}

/// A random epoch over few keys, so that they meet often.
inline Epoch randomEpoch(Random& random, std::uint64_t number, std::size_t states = 3) {
  Epoch epoch;
  epoch.number = number;
  epoch.completedAt = static_cast<Timestamp>(1000 * number);
  const std::uint32_t workers = 1 + static_cast<std::uint32_t>(random.below(2));
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    TaskSnapshot task{"counts", worker, {"at " + std::to_string(number), ""}, {}};
    const KeyGroupRange owned = keyGroupsOf(worker, workers, kGroups);
    for (std::uint64_t i = random.below(20); i > 0; --i) {
      const StateId state{static_cast<std::uint16_t>(random.below(states))};
      const KeyGroup group{static_cast<std::uint16_t>(owned.first + random.below(owned.size()))};
      const std::string key =
          random.chance(0.7) ? timeKey(random.between(-3, 3), std::string(random.below(3), 'k'))
                             : std::string(random.below(4), 'a');
      const auto writeKey = [&](ByteWriter& out) { out.bytes(key); };
      if (random.chance(0.1)) {
        task.changes.dropThrough(state, owned, random.between(-4, 2));
      } else if (random.chance(0.25)) {
        task.changes.erase(state, group, writeKey);
      } else {
        const std::size_t size = random.below(30);
        task.changes.put(state, group, writeKey, [&](ByteWriter& out) {
          out.bytes(std::string(size, static_cast<char>('A' + random.below(26))));
        });
      }
    }
    epoch.tasks.push_back(std::move(task));
  }
  return epoch;
}

}  // namespace millrace::test
