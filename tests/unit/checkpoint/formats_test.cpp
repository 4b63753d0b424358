// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "checkpoint/drops.hpp"
#include "checkpoint/entries_file.hpp"
#include "checkpoint/log_segment.hpp"
#include "checkpoint/manifest.hpp"
#include "checkpoint/merge_cursor.hpp"
#include "checkpoint/sorted_files.hpp"
#include "unit/checkpoint/store_model.hpp"

namespace millrace::checkpoint {
namespace {

using namespace test;
using testing::SimulatedFiles;

// Entries of a map as a source.
class MapCursor final : public SortedCursor {
 public:
  explicit MapCursor(std::map<EntryId, std::optional<std::string>> entries)
      : entries_(std::move(entries)), at_(entries_.begin()) {}

  StatusOr<bool> next() override {
    if (at_ == entries_.end()) return false;
    const auto& [group, state, key] = at_->first;
    StateChange change;
    change.kind = at_->second ? StateChange::Kind::kPut : StateChange::Kind::kErase;
    change.group = KeyGroup{group};
    change.state = StateId{state};
    change.key = key;
    if (at_->second) change.value = *at_->second;
    moveTo(change);
    ++at_;
    return true;
  }

 private:
  std::map<EntryId, std::optional<std::string>> entries_;
  std::map<EntryId, std::optional<std::string>>::const_iterator at_;
};

std::string render(SortedCursor& cursor) {
  std::string text;
  while (*cursor.next()) {
    const StateChange& change = cursor.current();
    text += std::to_string(change.group.value) + "/" +
            std::to_string(static_cast<std::uint16_t>(change.state)) + "/" +
            std::string(change.key);
    text += change.kind == StateChange::Kind::kPut ? "=" + std::string(change.value) + " " : "- ";
  }
  return text;
}

TEST_CASE("Merging takes the newest word on a key and leaves out what is dropped later") {
  const auto source = [](std::map<EntryId, std::optional<std::string>> entries) {
    return std::make_unique<MapCursor>(std::move(entries));
  };
  for (const bool keepErases : {false, true}) {
    MergeCursor merged(keepErases ? MergeCursor::Erases::kKept : MergeCursor::Erases::kLeftOut);
    merged.add(
        source({{{1, 0, "a"}, "old"}, {{1, 0, "b"}, "old"}, {{1, 3, "s"}, "x"}, {{2, 0, ""}, "e"}}),
        Drops());
    merged.add(source({{{1, 0, "b"}, std::nullopt}, {{1, 3, "t"}, "y"}}), Drops());
    Drops drops;
    drops.addState(0, StateId{3});
    merged.add(source({{{1, 0, "a"}, "new"}, {{1, 3, "u"}, "z"}}), drops);
    CHECK(render(merged) ==
          (keepErases ? "1/0/a=new 1/0/b- 1/3/u=z 2/0/=e " : "1/0/a=new 1/3/u=z 2/0/=e "));
  }
}

TEST_CASE("A drop through a time concerns what was put before it, in its groups") {
  Drops drops;
  drops.addThrough(5, StateId{1}, {0, 4}, 10);
  drops.addThrough(9, StateId{1}, {0, 4}, 7);
  drops.addThrough(9, StateId{1}, {2, 8}, 20);
  CHECK(drops.after(4, StateId{1}, KeyGroup{1}).through == 10);
  CHECK(drops.after(5, StateId{1}, KeyGroup{1}).through == 7);
  CHECK_FALSE(drops.after(9, StateId{1}, KeyGroup{1}).byTime);
  CHECK(drops.after(0, StateId{1}, KeyGroup{3}).through == 20);
  CHECK_FALSE(drops.after(0, StateId{2}, KeyGroup{1}).byTime);
  const DropLimit limit = drops.after(4, StateId{1}, KeyGroup{1});
  CHECK(limit.drops(timeKey(10, "x")));
  CHECK_FALSE(limit.drops(timeKey(11, "")));
  CHECK_FALSE(limit.drops("short"));
  drops.addThrough(10, StateId{1}, {0, 4}, kMaxTimestamp);
  CHECK(drops.after(9, StateId{1}, KeyGroup{1}).drops("short"));
  CHECK_FALSE(drops.after(9, StateId{1}, KeyGroup{5}).drops("short"));
}

TEST_CASE("A sorted file is read from any group on, in many blocks") {
  SimulatedFiles files(1);
  const Layout layout{"d"};
  REQUIRE(files.makeDirs(layout.base()).ok());
  std::map<EntryId, std::optional<std::string>> entries;
  for (std::uint16_t group = 0; group < 40; group = static_cast<std::uint16_t>(group + 2)) {
    for (int i = 0; i < 300; ++i) {
      entries[{group, 1, std::to_string(i)}] = std::string(static_cast<std::size_t>(i), 'v');
    }
  }
  MapCursor all(entries);
  const auto written = writeEntriesFile(files, layout, 7, all, Drops());
  REQUIRE(written.ok());
  CHECK(written->entries == entries.size());
  const auto reader = EntriesFileReader::open(files, layout.entries(7), *written);
  REQUIRE(reader.ok());
  CHECK((*reader)->verify().ok());
  for (std::uint32_t first = 0; first <= 40; ++first) {
    for (const std::uint32_t end : {first, first + 1, first + 3, 100U}) {
      const auto cursor = EntriesFileReader::entries(*reader, {first, end});
      std::size_t count = 0;
      while (*cursor->next()) {
        const std::uint32_t group = cursor->current().group.value;
        CHECK((group >= first && group < end));
        ++count;
      }
      std::size_t expected = 0;
      for (const auto& [id, value] : entries) {
        expected += std::get<0>(id) >= first && std::get<0>(id) < end ? 1 : 0;
      }
      CHECK(count == expected);
    }
  }
}

TEST_CASE("A manifest reads back as it was written") {
  Manifest manifest;
  manifest.kind = Manifest::Kind::kSavepoint;
  manifest.summary = {"a job", 128, 3, {}, {stateOf(1, "b"), stateOf(4, "c")}};
  manifest.summary.epoch.number = 9;
  manifest.summary.epoch.isDrained = true;
  manifest.summary.epoch.tasks.push_back({"op", 2, {"p", "q"}, {}});
  manifest.origin = 77;
  manifest.firstSegment = 4;
  manifest.nextFile = 6;
  manifest.files = {{2, 100, 5, 1}, {5, 50, 2, 2}};
  const std::string bytes = encodeManifest(manifest);
  const auto read = decodeManifest(bytes, "M");
  REQUIRE(read.ok());
  CHECK(read->kind == manifest.kind);
  CHECK(read->summary.jobName == "a job");
  CHECK(read->summary.states == manifest.summary.states);
  CHECK(read->summary.epoch.isDrained);
  CHECK(read->summary.epoch.tasks.at(0).state.prepared == "q");
  CHECK(read->files == manifest.files);
  CHECK(encodeManifest(*read) == bytes);
  CHECK(decodeManifest(bytes + "x", "M").status().message() ==
        "M is damaged at byte 16: it is not as long as it says (nothing was changed; start from a "
        "savepoint, or from a copy of the directory)");
}

}  // namespace
}  // namespace millrace::checkpoint
