// SPDX-License-Identifier: MIT
// Stores over RocksDB, which are on the machine's own disk, beside the model.
#pragma once

#include <string>
#include <utility>

#include "scratch.hpp"
#include "unit/checkpoint/store_model.hpp"

namespace millrace::test {

inline CheckpointStore::Options rocksOptions(const std::string& directory,
                                             std::uint64_t segmentBytes = 700) {
  CheckpointStore::Options options = optionsOf(segmentBytes);
  options.directory = directory;
  options.backend = StateBackend::kRocksDb;
  options.cacheBytes = 1 << 20;
  return options;
}

// A random epoch of a state with any keys that is dropped as a whole or not at all, and of states
// where every key has one, as those have that things are dropped of.
inline Epoch anyEpoch(Random& random, std::uint64_t number, std::size_t states = 3) {
  Epoch epoch = randomEpoch(random, number, states);
  for (TaskSnapshot& task : epoch.tasks) {
    StateChanges kept;
    StateChangesReader reader(task.changes);
    while (const auto change = *reader.next()) {
      const auto writeKey = [&](ByteWriter& out) { out.bytes(change->key); };
      ByteReader in(change->key);
      Timestamp time = 0;
      const bool mayDrop = change->state != StateId{0};
      if (change->kind == StateChange::Kind::kDropThrough) {
        kept.dropThrough(change->state, change->groups, mayDrop ? change->time : kMaxTimestamp);
      } else if (mayDrop && !readTimePrefix(in, time)) {
        continue;
      } else if (change->kind == StateChange::Kind::kErase) {
        kept.erase(change->state, change->group, writeKey);
      } else {
        kept.put(change->state, change->group, writeKey,
                 [&](ByteWriter& out) { out.bytes(change->value); });
      }
    }
    task.changes = std::move(kept);
  }
  return epoch;
}

// What is in one of them alone, and what has another value. Empty: nothing.
inline std::string differences(const Entries& found, const Entries& expected) {
  std::string text;
  const auto add = [&](const char* what, const EntryId& id) {
    std::string key;
    for (const char byte : std::get<2>(id))
      key += std::to_string(static_cast<unsigned char>(byte)) + ".";
    text += std::string(what) + " " + std::to_string(std::get<0>(id)) + "/" +
            std::to_string(std::get<1>(id)) + "/" + key + "\n";
  };
  for (const auto& [id, value] : expected) {
    const auto entry = found.find(id);
    if (entry == found.end()) add("missing", id);
    if (entry != found.end() && entry->second != value) add("other value", id);
  }
  for (const auto& [id, value] : found) {
    if (!expected.contains(id)) add("too much", id);
  }
  return text;
}

inline std::string differences(CheckpointStore& store, const Entries& expected) {
  const auto found = entriesOf(store);
  return found.ok() ? differences(*found, expected) : found.status().ToString();
}

}  // namespace millrace::test
