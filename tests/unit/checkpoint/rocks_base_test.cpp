// SPDX-License-Identifier: MIT
// The store whose base is RocksDB, on the machine's own disk.
#include <catch2/catch.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

#include <millrace/checkpoint/checkpoint_reader.hpp>

#include "unit/checkpoint/rocks_model.hpp"

namespace millrace {
namespace {

using namespace test;
namespace fs = std::filesystem;

const std::vector<CataloguedState> kStates = {stateOf(0, "a"), stateOf(1, "b"), stateOf(2, "c")};

std::unique_ptr<CheckpointStore> opened(const CheckpointStore::Options& options) {
  auto store = CheckpointStore::open(posixFileSystem(), options);
  INFO(store.status());
  REQUIRE(store.ok());
  return *std::move(store);
}

Status statusOf(const CheckpointStore::Options& options) {
  return CheckpointStore::open(posixFileSystem(), options).status();
}

void append(CheckpointStore& store, Model& model, const Epoch& epoch) {
  const Status status = store.append(epoch);
  INFO(status);
  REQUIRE(status.ok());
  model.apply(epoch);
}

void bringForward(CheckpointStore& store) {
  const Status status = store.bringForward();
  INFO(status);
  REQUIRE(status.ok());
}

Model fill(CheckpointStore& store, std::uint64_t epochs, std::uint64_t seed = 3) {
  Random random(seed);
  Model model;
  REQUIRE(store.begin(kStates).ok());
  model.begin(kStates);
  for (std::uint64_t number = 1; number <= epochs; ++number) {
    append(store, model, anyEpoch(random, number));
    bringForward(store);
  }
  return model;
}

std::string contentsOf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void setContents(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::vector<fs::path> filesIn(const fs::path& directory, const std::string& ending = "") {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && entry.path().string().ends_with(ending))
      found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// As a crash leaves it: RocksDB puts its files in order at any time, so that a copy counts only
// when nothing has come or gone meanwhile.
void copyAsAfterCrash(const std::string& from, const std::string& to) {
  for (;;) {
    std::error_code failed;
    fs::remove_all(to);
    const auto before = filesIn(from);
    fs::copy(from, to, fs::copy_options::recursive, failed);
    if (!failed && filesIn(from) == before) return;
  }
}

Entries only(const Entries& entries, const std::vector<CataloguedState>& states) {
  Entries kept;
  for (const auto& entry : entries) {
    const auto isOf = [&](const CataloguedState& state) {
      return static_cast<std::uint16_t>(state.id) == std::get<1>(entry.first);
    };
    if (std::any_of(states.begin(), states.end(), isOf)) kept.insert(entry);
  }
  return kept;
}

// What readAll() shows of a state and a group.
StatusOr<Entries> readAll(CheckpointStore& store, std::uint16_t state, std::uint16_t group,
                          const std::string& prefix) {
  Entries found;
  MILLRACE_RETURN_IF_ERROR(store.readAll(
      StateId{state}, KeyGroup{group}, prefix,
      [&](StateId ofState, KeyGroup ofGroup, std::string_view key, std::string_view value) {
        const bool isNew = found
                               .emplace(EntryId{ofGroup.value, static_cast<std::uint16_t>(ofState),
                                                std::string(key)},
                                        value)
                               .second;
        return isNew ? absl::OkStatus() : absl::InternalError("an entry came twice");
      }));
  return found;
}

// What readFrom() shows of a state and a group, of which it is told to show `most`.
std::vector<EntryId> readFrom(CheckpointStore& store, std::uint16_t state, std::uint16_t group,
                              const std::string& from, std::size_t most) {
  std::vector<EntryId> found;
  const Status read = store.readFrom(StateId{state}, KeyGroup{group}, from,
                                     [&](std::string_view key, std::string_view) -> StatusOr<bool> {
                                       found.emplace_back(group, state, key);
                                       return found.size() < most;
                                     });
  REQUIRE(read.ok());
  return found;
}

// The base, asked by key, is this.
void requireBase(CheckpointStore& store, const Entries& expected,
                 const std::vector<CataloguedState>& states) {
  Entries found;
  for (const CataloguedState& state : states) {
    for (std::uint16_t group = 0; group < kGroups; ++group) {
      auto some = readAll(store, static_cast<std::uint16_t>(state.id), group, "");
      REQUIRE(some.ok());
      found.merge(*some);
    }
  }
  REQUIRE(differences(found, expected) == "");
  std::string value;
  for (const auto& [id, wanted] : expected) {
    const auto& [group, state, key] = id;
    REQUIRE(store.read(StateId{state}, KeyGroup{group}, key, value).value());
    REQUIRE(value == wanted);
    const bool hasLonger = expected.contains({group, state, key + "~"});
    REQUIRE(store.read(StateId{state}, KeyGroup{group}, key + "~", value).value() == hasLonger);
    const std::string prefix = key.substr(0, key.size() / 2);
    Entries begins;
    for (const auto& entry : expected) {
      const auto& [ofGroup, ofState, ofKey] = entry.first;
      if (ofGroup == group && ofState == state && ofKey.starts_with(prefix)) begins.insert(entry);
    }
    REQUIRE(readAll(store, state, group, prefix).value() == begins);
    std::vector<EntryId> follow;
    for (auto entry = expected.lower_bound({group, state, prefix}); entry != expected.end();
         ++entry) {
      if (std::get<0>(entry->first) != group || std::get<1>(entry->first) != state) break;
      follow.push_back(entry->first);
    }
    const std::size_t most = 1 + key.size() % 5;
    if (follow.size() > most) follow.resize(most);
    REQUIRE(readFrom(store, state, group, prefix, most) == follow);
  }
}

void requireSelections(CheckpointStore& store, const Entries& entries, Random& random) {
  EntrySelection selection;
  selection.groups.first = static_cast<std::uint32_t>(random.below(kGroups));
  selection.groups.end = selection.groups.first + static_cast<std::uint32_t>(random.below(kGroups));
  if (random.chance(0.8)) selection.states.emplace();
  for (std::uint16_t state = 0; selection.states && state < 4; ++state) {
    if (random.chance(0.5)) selection.states->push_back(StateId{state});
  }
  std::vector<EntryId> found;
  REQUIRE(store
              .forEachEntry(
                  selection,
                  [&](StateId state, KeyGroup group, std::string_view key, std::string_view value) {
                    found.emplace_back(group.value, static_cast<std::uint16_t>(state), key);
                    CHECK(entries.at(found.back()) == value);
                    return absl::OkStatus();
                  })
              .ok());
  std::vector<EntryId> expected;
  for (const auto& [id, value] : entries) {
    const bool isIn = selection.groups.contains(KeyGroup{std::get<0>(id)});
    if (isIn && selection.contains(StateId{std::get<1>(id)})) expected.push_back(id);
  }
  REQUIRE(found == expected);
}

TEST_CASE(
    "A store over RocksDB holds what a plain map holds, and its base what it held at its epoch",
    "[rocksdb]") {
  std::uint64_t laggards = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    INFO("seed " << seed);
    Scratch scratch;
    Random random(seed);
    Model model;
    std::map<std::uint64_t, Entries> history;
    for (int run = 0; run < 4; ++run) {
      const auto store = opened(rocksOptions(scratch / "state", 300 + random.below(3000)));
      REQUIRE(store->isReadable());
      REQUIRE(store->found().epoch.number == model.epoch);
      REQUIRE(store->found().incarnation == model.incarnation);
      REQUIRE(store->baseEpoch() == model.epoch);
      REQUIRE(differences(*store, model.entries) == "");
      requireBase(*store, model.entries, kStates);
      history[model.epoch] = model.entries;
      std::vector<CataloguedState> states = kStates;
      if (random.chance(0.4)) states.pop_back();
      REQUIRE(store->begin(states).ok());
      model.begin(states);
      for (std::uint64_t i = random.below(20); i > 0; --i) {
        append(*store, model, anyEpoch(random, model.epoch + 1, states.size()));
        history[model.epoch] = model.entries;
        if (random.chance(0.4)) bringForward(*store);
        if (random.chance(0.75)) continue;
        REQUIRE(differences(*store, model.entries) == "");
        REQUIRE(store->baseEpoch() <= model.epoch);
        if (store->baseEpoch() < model.epoch) ++laggards;
        requireBase(*store, only(history.at(store->baseEpoch()), states), states);
        requireSelections(*store, model.entries, random);
      }
    }
  }
  REQUIRE(laggards > 3);
}

TEST_CASE(
    "Epochs go into the base however small they are where memory waits for that, and others do not",
    "[rocksdb]") {
  Scratch scratch;
  const auto store = opened(rocksOptions(scratch / "state", 1 << 20));
  Random random(5);
  Model model;
  REQUIRE(store->begin(kStates).ok());
  const auto next = [&] {
    append(*store, model, anyEpoch(random, model.epoch + 1));
    bringForward(*store);
    return store->baseEpoch();
  };
  REQUIRE(next() == 0);
  store->hurry();
  REQUIRE(next() == 2);
  REQUIRE(next() == 3);  // 2 may have been under way by then
  REQUIRE(next() == 3);
  store->hurry();
  REQUIRE(next() == 5);
  requireBase(*store, model.entries, kStates);
}

TEST_CASE("A drop through the latest time takes keys of any form, in either kind of base",
          "[rocksdb]") {
  for (const StateBackend backend : {StateBackend::kMemory, StateBackend::kRocksDb}) {
    Scratch scratch;
    Model model;
    CheckpointStore::Options options = rocksOptions(scratch / "state", 200);
    options.backend = backend;
    const auto epochOf = [&](bool drops, const std::vector<std::string>& keys) {
      Epoch epoch;
      epoch.number = model.epoch + 1;
      epoch.tasks.push_back({"counts", 0, {}, {}});
      StateChanges& changes = epoch.tasks[0].changes;
      if (drops) changes.dropThrough(StateId{1}, {0, kGroups / 2}, kMaxTimestamp);
      for (std::uint16_t state = 0; state < 3; ++state) {
        for (std::uint16_t group = 0; group < kGroups; ++group) {
          for (const std::string& key : keys) {
            changes.put(
                StateId{state}, KeyGroup{group}, [&](ByteWriter& out) { out.bytes(key); },
                [&](ByteWriter& out) { out.bytes(std::to_string(epoch.number)); });
          }
        }
      }
      return epoch;
    };
    auto store = opened(options);
    REQUIRE(store->begin(kStates).ok());
    model.begin(kStates);
    append(*store, model,
           epochOf(false, {"", "a", "\xff\xff", timeKey(5, "x"), std::string(9, '\xff')}));
    bringForward(*store);
    append(*store, model, epochOf(true, {"b", timeKey(7, "")}));
    REQUIRE(differences(*store, model.entries) == "");
    bringForward(*store);
    store.reset();
    store = opened(options);
    REQUIRE(differences(*store, model.entries) == "");
    if (store->isReadable()) requireBase(*store, model.entries, kStates);
    REQUIRE_FALSE(model.entries.contains(EntryId{0, 1, "a"}));
    REQUIRE(model.entries.contains(EntryId{kGroups - 1, 1, "a"}));
  }
}

TEST_CASE(
    "What is dropped by time or as a whole goes, and what is put after that stays, in however many "
    "files",
    "[rocksdb]") {
  Scratch scratch;
  Model model;
  Random random(6);
  const auto many = [&](std::uint64_t number, Timestamp dropped) {
    Epoch epoch;
    epoch.number = number;
    epoch.tasks.push_back({"counts", 0, {}, {}});
    StateChanges& changes = epoch.tasks[0].changes;
    if (number > 1) changes.dropThrough(StateId{1}, {0, kGroups}, dropped);
    for (int i = 0; i < 400; ++i) {
      const KeyGroup group{static_cast<std::uint16_t>(random.below(kGroups))};
      const std::string key = timeKey(random.between(-20, 20), std::to_string(random.below(3)));
      std::string value;
      for (int letter = 0; letter < 150; ++letter) value += static_cast<char>(random.below(256));
      changes.put(
          StateId{static_cast<std::uint16_t>(random.below(3))}, group,
          [&](ByteWriter& out) { out.bytes(key); }, [&](ByteWriter& out) { out.bytes(value); });
    }
    return epoch;
  };
  for (int run = 0; run < 3; ++run) {
    const auto store = opened(rocksOptions(scratch / "state"));
    REQUIRE(differences(*store, model.entries) == "");
    requireBase(*store, model.entries, kStates);
    std::vector<CataloguedState> states = kStates;
    if (run % 2 == 1) states.erase(states.begin());
    REQUIRE(store->begin(states).ok());
    model.begin(states);
    for (int i = 0; i < 3; ++i) {
      Epoch epoch = many(model.epoch + 1, random.between(-20, 20));
      if (states.size() < kStates.size()) {
        StateChanges kept;
        kept.dropThrough(StateId{2}, {2, 5}, 3);
        epoch.tasks[0].changes = std::move(kept);
      }
      append(*store, model, epoch);
      if (i % 2 == 0) bringForward(*store);
      REQUIRE(differences(*store, model.entries) == "");
    }
  }
}

TEST_CASE(
    "A base in RocksDB is read and put in order while epochs are appended and brought forward",
    "[rocksdb]") {
  Scratch scratch;
  Random random(5);
  Model model;
  const auto store = opened(rocksOptions(scratch / "state"));
  REQUIRE(store->begin(kStates).ok());
  std::atomic<bool> isOver = false;
  Status forwarded;
  Status read;
  Status inspected;
  std::thread background([&] {
    while (!isOver && forwarded.ok()) forwarded = store->bringForward();
  });
  std::thread reader([&] {
    std::string value;
    while (!isOver && read.ok()) {
      read = entriesOf(*store).status();
      if (read.ok()) read = store->read(StateId{1}, KeyGroup{1}, "aa", value).status();
      if (read.ok()) read = readAll(*store, 0, 3, "").status();
      if (read.ok())
        read = store->readFrom(StateId{0}, KeyGroup{3}, "", [](auto, auto) { return true; });
      const auto other = CheckpointReader::open(posixFileSystem(), scratch / "state");
      if (inspected.ok()) inspected = other.ok() ? (*other)->verify() : other.status();
    }
  });
  bool isAppended = true;
  for (std::uint64_t number = 1; number <= 150 && isAppended; ++number) {
    const Epoch epoch = anyEpoch(random, number);
    isAppended = store->append(epoch).ok();
    model.apply(epoch);
  }
  isOver = true;
  background.join();
  reader.join();
  CHECK(isAppended);
  CHECK(forwarded == absl::OkStatus());
  CHECK(read == absl::OkStatus());
  CHECK(inspected == absl::OkStatus());
  CHECK(differences(*store, model.entries) == "");
  const auto other = CheckpointReader::open(posixFileSystem(), scratch / "state");
  CHECK(other.status() == absl::OkStatus());
  CHECK((other.ok() && (*other)->verify() == absl::OkStatus()));
}

TEST_CASE("A savepoint begins a store over RocksDB from one in memory, and the other way round",
          "[rocksdb]") {
  for (const bool toRocksDb : {true, false}) {
    Scratch scratch;
    CheckpointStore::Options from = rocksOptions(scratch / "first");
    CheckpointStore::Options to = rocksOptions(scratch / "second");
    (toRocksDb ? from : to).backend = StateBackend::kMemory;
    to.fromSavepoint = scratch / "saved";
    Model model;
    {
      const auto store = opened(from);
      model = fill(*store, 25);
      REQUIRE(store->writeSavepoint(scratch / "saved").ok());
    }
    for (int run = 0; run < 3; ++run) {
      const auto store = opened(to);
      REQUIRE(store->isReadable() == toRocksDb);
      REQUIRE(store->found().epoch.number == model.epoch);
      REQUIRE(differences(*store, model.entries) == "");
      if (toRocksDb) {
        REQUIRE(store->baseEpoch() == model.epoch);
        requireBase(*store, model.entries, kStates);
      }
      REQUIRE(store->begin(kStates).ok());
      Random random(static_cast<std::uint64_t>(run) + 1);
      for (int i = 0; i < 5; ++i) {
        append(*store, model, anyEpoch(random, model.epoch + 1));
        if (random.chance(0.5)) bringForward(*store);
      }
      REQUIRE(differences(*store, model.entries) == "");
    }
    REQUIRE(absl::IsFailedPrecondition(statusOf(from.backend == to.backend ? from : [&] {
      CheckpointStore::Options both = from;
      both.fromSavepoint = to.fromSavepoint;
      return both;
    }())));
  }
}

TEST_CASE("A directory that was kept with the other store is refused", "[rocksdb]") {
  Scratch scratch;
  CheckpointStore::Options memory = rocksOptions(scratch / "memory");
  memory.backend = StateBackend::kMemory;
  CheckpointStore::Options rocks = rocksOptions(scratch / "rocks");
  opened(memory);
  opened(rocks);
  memory.directory.swap(rocks.directory);
  for (const auto& [options, kept] : {std::pair(memory, "rocksdb"), std::pair(rocks, "memory")}) {
    const Status status = statusOf(options);
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(status.message() ==
          "the state in " + options.directory + " was kept with the store '" + kept +
              "' (go on with that one; or take a savepoint and begin from it in a new "
              "directory, with any store)");
  }
  memory.directory.swap(rocks.directory);
  opened(memory);
  opened(rocks);
}

TEST_CASE("RocksDB is refused on any file system but the machine's own", "[rocksdb]") {
  testing::SimulatedFiles files(1);
  CHECK(absl::IsInvalidArgument(CheckpointStore::open(files, rocksOptions("state")).status()));
  CHECK(files.paths().empty());
}

TEST_CASE("A directory over RocksDB is locked while it is open", "[rocksdb]") {
  Scratch scratch;
  auto store = opened(rocksOptions(scratch / "state"));
  const Status second = statusOf(rocksOptions(scratch / "state"));
  CHECK(absl::IsFailedPrecondition(second));
  CHECK_THAT(std::string(second.message()),
             Catch::Contains("is in use") && Catch::Contains("job 'counting'"));
  store.reset();
  opened(rocksOptions(scratch / "state"));
}

TEST_CASE(
    "A base that is gone or of another time is told from the one that belongs to the manifest",
    "[rocksdb]") {
  Scratch scratch;
  const auto options = rocksOptions(scratch / "state");
  Model model = fill(*opened(options), 5);
  opened(options);
  copyAsAfterCrash(scratch / "state", scratch / "older");
  {
    const auto store = opened(options);
    REQUIRE(store->begin(kStates).ok());
    model.begin(kStates);
    Random random(9);
    for (int i = 0; i < 20; ++i) {
      append(*store, model, anyEpoch(random, model.epoch + 1));
      bringForward(*store);
    }
  }
  copyAsAfterCrash(scratch / "state", scratch / "whole");
  const auto requireLoss = [&](const std::string& what) {
    INFO(what);
    CheckpointStore::Options damaged = options;
    const Status status = statusOf(damaged);
    INFO(status);
    CHECK(absl::IsDataLoss(status));
    CHECK(status.message().find(scratch / "state") != std::string::npos);
    fs::remove_all(scratch / "state");
    fs::copy(scratch / "whole", scratch / "state", fs::copy_options::recursive);
  };
  fs::remove_all(scratch / "state/rocksdb");
  requireLoss("no base");
  fs::remove_all(scratch / "state/rocksdb");
  fs::create_directory(scratch / "state/rocksdb");
  requireLoss("an empty base");
  fs::remove_all(scratch / "state/rocksdb");
  fs::copy(scratch / "older/rocksdb", scratch / "state/rocksdb", fs::copy_options::recursive);
  requireLoss("an older base");
  fs::remove(scratch / "state/MANIFEST");
  requireLoss("no manifest");
  fs::copy(scratch / "older/MANIFEST", scratch / "state/MANIFEST",
           fs::copy_options::overwrite_existing);
  requireLoss("an older manifest");
  CHECK(differences(*opened(options), model.entries) == "");
}

// A base of a few files and a log with something in it.
Model fillForDamage(const std::string& directory) {
  const auto store = opened(rocksOptions(directory, 20'000));
  Random random(11);
  Model model;
  REQUIRE(store->begin(kStates).ok());
  for (std::uint64_t number = 1; number <= 12; ++number) {
    append(*store, model, anyEpoch(random, number));
    if (number <= 8) bringForward(*store);
  }
  return model;
}

// Reads a directory that may be damaged in every way there is. Empty: as it should be.
std::string readDamaged(const CheckpointStore::Options& options, const Entries& expected) {
  const auto verdictOf = [](const Status& status) {
    return absl::IsDataLoss(status) ? "" : "answered " + std::string(status.ToString());
  };
  bool isVerified = false;
  {
    const auto reader = CheckpointReader::open(posixFileSystem(), options.directory);
    const Status verified = reader.ok() ? (*reader)->verify() : reader.status();
    isVerified = verified.ok();
    if (!isVerified && !verdictOf(verified).empty()) return "verify " + verdictOf(verified);
  }
  const auto store = CheckpointStore::open(posixFileSystem(), options);
  if (!store.ok()) return isVerified ? "verified, but does not open" : verdictOf(store.status());
  const auto found = entriesOf(**store);
  if (!found.ok()) return isVerified ? "verified, but is not read" : verdictOf(found.status());
  if (*found != expected) return "holds something else";
  for (const auto& [id, wanted] : expected) {
    const auto& [group, state, key] = id;
    std::string value;
    const auto isThere = (*store)->read(StateId{state}, KeyGroup{group}, key, value);
    if (!isThere.ok())
      return isVerified ? "verified, but an entry is not read" : verdictOf(isThere.status());
    if (!*isThere || value != wanted) return "an entry is not what it was";
  }
  return "";
}

TEST_CASE("A flipped bit in a table file is data loss or changes nothing, wherever it is",
          "[rocksdb]") {
  Scratch scratch;
  const Entries expected = fillForDamage(scratch / "whole").entries;
  const auto tables = filesIn(scratch / "whole", ".sst");
  REQUIRE(tables.size() > 1);
  Random random(1);
  for (int i = 0; i < 80; ++i) {
    const fs::path table = tables[random.below(tables.size())];
    std::string bytes = contentsOf(table);
    // Every other one in the footer or close to it.
    const std::size_t range = i % 2 == 0 ? bytes.size() : std::min<std::size_t>(bytes.size(), 120);
    const std::size_t at = bytes.size() - 1 - random.below(range);
    const auto bit = static_cast<int>(random.below(8));
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    fs::remove_all(scratch / "state");
    fs::copy(scratch / "whole", scratch / "state", fs::copy_options::recursive);
    setContents(scratch / "state" / fs::relative(table, scratch / "whole"), bytes);
    INFO("bit " << bit << " of byte " << at << " of " << bytes.size() << " in " << table);
    REQUIRE(readDamaged(rocksOptions(scratch / "state", 20'000), expected) == "");
  }
}

TEST_CASE("A flipped bit or a missing file elsewhere in RocksDB never gives other entries",
          "[rocksdb]") {
  Scratch scratch;
  const Entries expected = fillForDamage(scratch / "whole").entries;
  const auto files = filesIn(scratch / "whole/rocksdb");
  Random random(2);
  for (int i = 0; i < 50; ++i) {
    const fs::path damaged = files[static_cast<std::size_t>(i) % files.size()];
    const fs::path file = fs::path(scratch / "state") / fs::relative(damaged, scratch / "whole");
    fs::remove_all(scratch / "state");
    fs::copy(scratch / "whole", scratch / "state", fs::copy_options::recursive);
    std::string bytes = contentsOf(damaged);
    if (static_cast<std::size_t>(i) < files.size() || bytes.empty()) {
      fs::remove(file);
      INFO(file << " is missing");
      REQUIRE(readDamaged(rocksOptions(scratch / "state", 20'000), expected) == "");
      continue;
    }
    const std::size_t at = random.below(bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
    setContents(file, bytes);
    INFO("byte " << at << " of " << bytes.size() << " in " << file);
    REQUIRE(readDamaged(rocksOptions(scratch / "state", 20'000), expected) == "");
  }
}

TEST_CASE("A store over RocksDB that ends at any moment is opened again as it was", "[rocksdb]") {
  for (std::uint64_t seed = 1; seed <= 1; ++seed) {
    INFO("seed " << seed);
    Scratch scratch;
    Random random(seed);
    Model model;
    for (int run = 0; run < 3; ++run) {
      const auto store = opened(rocksOptions(scratch / "state"));
      const auto crash = [&] {
        if (random.chance(0.6)) return;
        copyAsAfterCrash(scratch / "state", scratch / "copy");
        const auto again = opened(rocksOptions(scratch / "copy"));
        REQUIRE(again->found().epoch.number == model.epoch);
        REQUIRE(differences(*again, model.entries) == "");
        requireBase(*again, model.entries, kStates);
      };
      crash();
      REQUIRE(store->begin(kStates).ok());
      model.begin(kStates);
      crash();
      for (int i = 0; i < 12; ++i) {
        append(*store, model, anyEpoch(random, model.epoch + 1));
        crash();
        if (random.chance(0.3)) continue;
        bringForward(*store);
        crash();
      }
    }
  }
}

TEST_CASE("A base that is ahead of the manifest by what the log still has goes on", "[rocksdb]") {
  Scratch scratch;
  const auto options = rocksOptions(scratch / "state", 20'000);
  const auto store = opened(options);
  Random random(4);
  Model model;
  REQUIRE(store->begin(kStates).ok());
  for (int i = 0; i < 40; ++i) {
    append(*store, model, anyEpoch(random, model.epoch + 1));
    copyAsAfterCrash(scratch / "state", scratch / "before");
    const std::uint64_t base = store->baseEpoch();
    bringForward(*store);
    if (store->baseEpoch() == base) continue;
    // The new base with the manifest and the log of before: the crash was between the two.
    fs::remove_all(scratch / "crashed");
    copyAsAfterCrash(scratch / "state", scratch / "after");
    fs::rename(scratch / "before", scratch / "crashed");
    fs::remove_all(scratch / "crashed/rocksdb");
    fs::rename(scratch / "after/rocksdb", scratch / "crashed/rocksdb");
    CheckpointStore::Options crashed = options;
    crashed.directory = scratch / "crashed";
    const auto reader = CheckpointReader::open(posixFileSystem(), crashed.directory);
    REQUIRE(reader.ok());
    REQUIRE((*reader)->verify().ok());
    const auto again = opened(crashed);
    REQUIRE(differences(*again, model.entries) == "");
    requireBase(*again, model.entries, kStates);
  }
}

TEST_CASE("What a crash has left on its way into RocksDB does no harm to what has arrived",
          "[rocksdb]") {
  Scratch scratch;
  const auto options = rocksOptions(scratch / "state");
  Model model = fill(*opened(options), 12);
  const auto tables = filesIn(scratch / "state/rocksdb", ".sst");
  REQUIRE_FALSE(tables.empty());
  fs::create_directories(scratch / "state/incoming");
  // A table file has two names for a moment, and stays one file.
  for (std::size_t i = 0; i < tables.size(); ++i) {
    std::string name = std::to_string(i + 1);
    name.insert(0, 6 - name.size(), '0');
    fs::remove(scratch / ("state/incoming/" + name + ".sst"));
    fs::create_hard_link(tables[i], scratch / ("state/incoming/" + name + ".sst"));
  }
  const auto store = opened(options);
  REQUIRE(differences(*store, model.entries) == "");
  REQUIRE(store->begin(kStates).ok());
  model.begin(kStates);
  Random random(8);
  for (int i = 0; i < 5; ++i) {
    append(*store, model, anyEpoch(random, model.epoch + 1));
    bringForward(*store);
  }
  REQUIRE(differences(*store, model.entries) == "");
  const auto reader = CheckpointReader::open(posixFileSystem(), scratch / "state");
  REQUIRE(reader.ok());
  REQUIRE((*reader)->verify() == absl::OkStatus());
}

TEST_CASE("Beginning from a savepoint can be done again after a crash on the way", "[rocksdb]") {
  Scratch scratch;
  Model model;
  {
    const auto store = opened(rocksOptions(scratch / "first"));
    model = fill(*store, 25);
    REQUIRE(store->writeSavepoint(scratch / "saved").ok());
  }
  CheckpointStore::Options options = rocksOptions(scratch / "second");
  options.fromSavepoint = scratch / "saved";
  opened(options);
  copyAsAfterCrash(scratch / "second", scratch / "made");
  CheckpointStore::Options other = rocksOptions(scratch / "third");
  fill(*opened(other), 10, 99);
  // A base that is whole, one that is another's, and half of one: before the manifest none of them
  // counts.
  for (const std::string from : {"made", "third", "made"}) {
    static int round = 0;
    fs::remove_all(scratch / "second");
    fs::create_directories(scratch / "second/log");
    fs::create_directories(scratch / "second/base");
    fs::copy(scratch / (from + "/rocksdb"), scratch / "second/rocksdb",
             fs::copy_options::recursive);
    fs::create_directories(scratch / "second/incoming");
    setContents(scratch / "second/incoming/000001.sst", "half of a table");
    setContents(scratch / "second/MANIFEST.new", "half of a manifest");
    if (++round == 3) fs::remove(scratch / "second/rocksdb/CURRENT");
    INFO(from << ", round " << round);
    const auto store = opened(options);
    REQUIRE(store->found().epoch.number == 25);
    REQUIRE(differences(*store, model.entries) == "");
    requireBase(*store, model.entries, kStates);
  }
}

TEST_CASE("Nothing of the machine is in the files of RocksDB", "[rocksdb]") {
  Scratch scratch;
  std::array<char, 256> host{};
  REQUIRE(::gethostname(host.data(), host.size() - 1) == 0);
  fill(*opened(rocksOptions(scratch / "state")), 30);
  opened(rocksOptions(scratch / "state"));
  for (const fs::path& file : filesIn(scratch / "state")) {
    INFO(file);
    const std::string bytes = contentsOf(file);
    CHECK(file.filename() != "LOG");
    // A name of few letters is in every file.
    if (std::string_view(host.data()).size() > 4)
      CHECK(bytes.find(host.data()) == std::string::npos);
    CHECK(bytes.find(fs::current_path().string()) == std::string::npos);
    CHECK(bytes.find(scratch.path()) == std::string::npos);
  }
}

TEST_CASE("Reading a directory over RocksDB from outside leaves it as it is", "[rocksdb]") {
  Scratch scratch;
  const Entries expected = fillForDamage(scratch / "state").entries;
  std::map<fs::path, std::string> before;
  for (const fs::path& file : filesIn(scratch / "state")) before[file] = contentsOf(file);
  {
    const auto reader = CheckpointReader::open(posixFileSystem(), scratch / "state");
    REQUIRE(reader.ok());
    CHECK((*reader)->verify().ok());
    CHECK((*reader)->baseBytes() > 0);
    Entries found;
    CHECK((*reader)
              ->forEachEntry(
                  {0, kMaxKeyGroups},
                  [&](StateId state, KeyGroup group, std::string_view key, std::string_view value) {
                    found.emplace(
                        EntryId{group.value, static_cast<std::uint16_t>(state), std::string(key)},
                        value);
                    return absl::OkStatus();
                  })
              .ok());
    CHECK(found == expected);
  }
  std::map<fs::path, std::string> after;
  for (const fs::path& file : filesIn(scratch / "state")) after[file] = contentsOf(file);
  CHECK(before == after);
}

}  // namespace
}  // namespace millrace
