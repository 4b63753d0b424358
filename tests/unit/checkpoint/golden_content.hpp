// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/checkpoint/checkpoint_store.hpp>

#include <string>
#include <vector>

namespace millrace::test {

/// What the golden directories hold: fixed for ever, as they are.
inline std::vector<CataloguedState> goldenStates() {
  return {{StateId{0}, "per-type", {"count", "value", "string", "i64", {}}},
          {StateId{1}, "per-type", {"slices", "window slices", "string", "i64", {"a schema"}}}};
}

inline CheckpointStore::Options goldenOptions(const std::string& directory) {
  CheckpointStore::Options options;
  options.directory = directory;
  options.jobName = "event-count";
  options.keyGroups = 128;
  options.segmentBytes = 600;
  return options;
}

inline Epoch goldenEpoch(std::uint64_t number) {
  Epoch epoch;
  epoch.number = number;
  epoch.completedAt = 1'765'535'400'000 + static_cast<Timestamp>(number) * 1000;
  epoch.tasks.push_back({"events", 0, {"offset " + std::to_string(100 * number), ""}, {}});
  TaskSnapshot task{"per-type", 0, {"", ""}, {}};
  const auto put = [&](std::uint16_t state, std::uint16_t group, const std::string& key) {
    task.changes.put(
        StateId{state}, KeyGroup{group}, [&](ByteWriter& out) { out.bytes(key); },
        [&](ByteWriter& out) { out.fixed(number); });
  };
  put(0, 7, "purchase");
  put(0, static_cast<std::uint16_t>(10 + number), "type " + std::to_string(number));
  std::string slice;
  ByteWriter out(slice);
  writeTimePrefix(static_cast<Timestamp>(number) * 1000, out);
  put(1, 9, slice + "login");
  if (number % 3 == 0) {
    const std::string gone = "type " + std::to_string(number - 1);
    task.changes.erase(StateId{0}, KeyGroup{static_cast<std::uint16_t>(9 + number)},
                       [&](ByteWriter& to) { to.bytes(gone); });
    task.changes.dropThrough(StateId{1}, {0, 128}, static_cast<Timestamp>(number - 1) * 1000);
  }
  epoch.tasks.push_back(std::move(task));
  return epoch;
}

inline constexpr std::uint64_t kGoldenEpochs = 8;

}  // namespace millrace::test
