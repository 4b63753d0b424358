// SPDX-License-Identifier: MIT
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <millrace/state/keyed_rows.hpp>
#include <millrace/state/state_context.hpp>

#include "unit/state/five_states.hpp"
#include "unit/state/replayed_changes.hpp"

using namespace millrace;
using test::ReplayedChanges;

namespace {

using Key = std::pair<std::string, int>;

constexpr std::uint32_t kGroups = test::FiveStates<Key>::kGroups;
constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

struct Store : test::FiveStates<Key> {
  explicit Store(std::optional<StateTtl> ttl = {}, bool isTracked = true) : FiveStates(ttl) {
    if (isTracked) rows.trackChanges();
  }

  ReplayedChanges::Entries dump() {
    StateChanges all;
    rows.writeAll(all);
    ReplayedChanges replayed(all);
    RC_ASSERT(replayed.entries().size() == all.count());
    return replayed.entries();
  }

  void restore(const ReplayedChanges::Entries& entries, KeyGroupRange groups = {0, kGroups}) {
    for (const auto& [key, entry] : entries) {
      if (!groups.contains(entry.group)) continue;
      const auto index = rows.indexOf(key.first);
      RC_ASSERT(index.has_value());
      const Status status = rows.restoreEntry(*index, key.second, entry.value);
      RC_ASSERT(status.ok());
    }
  }
};

struct Write {
  int kind = 0;
  Key key;
  int value = 0;
  std::string text;
};

constexpr int kWrites = 17;

Key anyKey() {
  return {std::string(1, static_cast<char>('a' + *rc::gen::inRange(0, 3))),
          *rc::gen::inRange(0, 3)};
}

Write anyWrite() {
  return {*rc::gen::inRange(0, kWrites), anyKey(), *rc::gen::inRange(0, 12),
          std::string(static_cast<std::size_t>(*rc::gen::inRange(0, 20)), 'x')};
}

void play(const Write& write, Store& store) {
  store.rows.setCurrentKey(write.key);
  switch (write.kind) {
    case 0:
      return store.count.set(static_cast<std::uint64_t>(write.value));
    case 1:
      return store.count.update([](std::uint64_t& n) { ++n; });
    case 2:
      return store.count.clear();
    case 3:
      return store.words.add(write.text);
    case 4:
      return store.words.clear();
    case 5:
    case 6:
      return store.scores.put(write.value, write.text);
    case 7:
      return static_cast<void>(store.scores.edit(write.value, "new") += "+");
    case 8:
    case 9:
      return static_cast<void>(store.scores.remove(write.value));
    case 10:
      return store.scores.clear();
    case 11:
      return store.last.set(write.text);
    case 12:
      return static_cast<void>(store.last.get());
    case 13:
      return static_cast<void>(store.render(write.key));
    case 14:
      return store.sum.add(write.value);
    case 15:
      return store.sum.clear();
    default:
      return store.removeAll();
  }
}

std::optional<StateTtl> anyTtl() {
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      return std::nullopt;
    case 1:
      return StateTtl{Duration(5), TtlRefresh::kOnCreateAndWrite};
    default:
      return StateTtl{Duration(5), TtlRefresh::kOnReadAndWrite};
  }
}

// A store that lives through epochs, and what its changes amount to.
class Life {
 public:
  explicit Life(std::optional<StateTtl> ttl) : store(ttl) {}

  // Ends the epoch, when the one before is written.
  void barrier() {
    while (writePiece(kNoLimit)) {
    }
    store.rows.beginSnapshot();
    atBarrier_ = store.dump();
    isWriting_ = true;
  }

  // True: there is more.
  bool writePiece(std::size_t limit) {
    if (!isWriting_) return false;
    StateChanges piece;
    isWriting_ = store.rows.writeSnapshot(piece, limit);
    replayed.apply(piece);
    if (!isWriting_) RC_ASSERT(replayed.entries() == atBarrier_);
    return isWriting_;
  }

  void liveOn(int steps) {
    for (; steps > 0; --steps) {
      switch (*rc::gen::inRange(0, 12)) {
        case 0:
          barrier();
          break;
        case 1:
        case 2:
          writePiece(static_cast<std::size_t>(*rc::gen::inRange(0, 120)));
          break;
        case 3:
          store.rows.setProcessingTime(now += *rc::gen::inRange(0, 4));
          break;
        case 4:
          store.rows.expireSome(now, static_cast<std::size_t>(*rc::gen::inRange(0, 6)));
          break;
        default:
          play(anyWrite(), store);
      }
    }
  }

  Store store;
  ReplayedChanges replayed;
  Timestamp now = 0;

 private:
  ReplayedChanges::Entries atBarrier_;
  bool isWriting_ = false;
};

}  // namespace

TEST_CASE(
    "The changes of all epochs give the store as it was at the barrier, however they are written") {
  REQUIRE(rc::check("replay", [] {
    Life life(anyTtl());
    life.liveOn(*rc::gen::inRange(0, 150));
    life.barrier();
    while (life.writePiece(static_cast<std::size_t>(*rc::gen::inRange(0, 50)))) {
    }
  }));
}

TEST_CASE("A store restored into any number of instances goes on as the one it was written by") {
  REQUIRE(rc::check("restore", [] {
    const auto ttl = anyTtl();
    Life life(ttl);
    life.liveOn(*rc::gen::inRange(0, 80));
    life.barrier();
    while (life.writePiece(kNoLimit)) {
    }
    const auto workers = *rc::gen::inRange<std::uint32_t>(1, 5);
    std::vector<std::unique_ptr<Store>> restored;
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
      Store& store = *restored.emplace_back(std::make_unique<Store>(ttl));
      store.rows.setProcessingTime(life.now);
      store.restore(life.replayed.entries(), keyGroupsOf(worker, workers, kGroups));
      store.rows.beginSnapshot();
      StateChanges unchanged;
      RC_ASSERT(!store.rows.writeSnapshot(unchanged, kNoLimit));
      RC_ASSERT(unchanged.isEmpty());
    }
    const auto storeOf = [&](const Key& key) -> Store& {
      return *restored[ownerOf(keyGroupOf(millraceHash(key), kGroups), workers, kGroups)];
    };
    ReplayedChanges replayed = life.replayed;
    for (int epoch = 0; epoch < 2; ++epoch) {
      for (int i = *rc::gen::inRange(0, 30); i > 0; --i) {
        const Write write = anyWrite();
        play(write, life.store);
        play(write, storeOf(write.key));
        RC_ASSERT(storeOf(write.key).render(write.key) == life.store.render(write.key));
      }
      ReplayedChanges::Entries all;
      for (const auto& store : restored) {
        store->rows.beginSnapshot();
        StateChanges changes;
        while (store->rows.writeSnapshot(changes, 30)) {
        }
        replayed.apply(changes);
        all.merge(store->dump());
      }
      RC_ASSERT(replayed.entries() == all);
    }
  }));
}

TEST_CASE("Without tracking a store is the same, and can still be written whole and restored") {
  REQUIRE(rc::check("untracked", [] {
    const auto ttl = anyTtl();
    Store tracked(ttl);
    Store untracked(ttl, false);
    for (int i = *rc::gen::inRange(0, 60); i > 0; --i) {
      const Write write = anyWrite();
      play(write, tracked);
      play(write, untracked);
    }
    const auto entries = untracked.dump();
    RC_ASSERT(entries == tracked.dump());
    Store restored(ttl, false);
    restored.restore(entries);
    RC_ASSERT(restored.dump() == entries);
  }));
}

TEST_CASE("An entry can be read by its bytes; expired ones are not there") {
  REQUIRE(rc::check("read", [] {
    Life life(anyTtl());
    life.liveOn(*rc::gen::inRange(0, 80));
    const Key key = anyKey();
    const std::string keyBytes = toBytes(key);
    std::string out;
    const bool hasLast = life.store.rows.readEntry(3, keyBytes, out);
    life.store.rows.setCurrentKey(key);
    RC_ASSERT(hasLast == !life.store.last.isEmpty());
    if (hasLast) {
      ByteReader in(out);
      std::string last;
      RC_ASSERT(readStoredValue(in, last));
      RC_ASSERT(last == *life.store.last.get());
    }
    for (int element = 0; element < 12; ++element) {
      out.clear();
      const bool isThere = life.store.rows.readEntry(2, keyBytes + toBytes(element), out);
      life.store.rows.setCurrentKey(key);
      const std::string* value = life.store.scores.get(element);
      RC_ASSERT(isThere == (value != nullptr));
      if (!isThere) continue;
      ByteReader in(out);
      std::string read;
      RC_ASSERT(readStoredValue(in, read));
      RC_ASSERT(read == *value);
    }
    out.clear();
    RC_ASSERT(life.store.rows.readEntry(2, keyBytes, out) ==
              (life.store.rows.setCurrentKey(key), !life.store.scores.isEmpty()));
    life.barrier();
    while (life.writePiece(kNoLimit)) {
    }
  }));
}

TEST_CASE("A stored list can be read by itself, with times or without") {
  for (const bool hasTtl : {false, true}) {
    KeyedRows<std::int64_t> rows;
    std::optional<StateTtl> ttl;
    if (hasTtl) ttl = StateTtl{Duration(1000)};
    auto list = ListState<std::string>::declare(rows, "list", ttl).value();
    rows.setCurrentKey(7);
    list.add("a");
    list.add("b");
    std::string out;
    REQUIRE(rows.readEntry(0, toBytes(std::int64_t{7}), out));
    std::vector<std::string> values;
    ByteReader in(out);
    REQUIRE(readStoredList(in, values));
    REQUIRE(values == std::vector<std::string>{"a", "b"});
    ByteReader cut(std::string_view(out).substr(0, out.size() - 1));
    REQUIRE_FALSE(readStoredList(cut, values));
  }
}

TEST_CASE("A query of what was never written answers no, also for bytes that are no key") {
  Store store;
  std::string out;
  REQUIRE_FALSE(store.rows.readEntry(0, toBytes(Key{"a", 1}), out));
  REQUIRE_FALSE(store.rows.readEntry(0, "?", out));
  store.rows.setCurrentKey({"a", 1});
  store.count.set(5);
  REQUIRE_FALSE(store.rows.readEntry(1, toBytes(Key{"a", 1}), out));
  REQUIRE_FALSE(store.rows.readEntry(0, toBytes(Key{"a", 1}) + "x", out));
  REQUIRE(store.rows.readEntry(0, toBytes(Key{"a", 1}), out));
  std::uint64_t value = 0;
  ByteReader in(out);
  REQUIRE(readStoredValue(in, value));
  REQUIRE(value == 5);
}

TEST_CASE("One change of a large map is written as one entry, not as the map") {
  Store store;
  const auto snapshot = [&] {
    StateChanges changes;
    store.rows.beginSnapshot();
    while (store.rows.writeSnapshot(changes, 1000)) {
    }
    return changes.count();
  };
  store.rows.setCurrentKey({"a", 1});
  for (int i = 0; i < 1000; ++i) store.scores.put(i, "x");
  REQUIRE(snapshot() == 1000);
  store.rows.setCurrentKey({"a", 1});
  store.scores.put(500, "y");
  REQUIRE(snapshot() == 1);
  store.rows.setCurrentKey({"a", 1});
  store.scores.remove(0);
  REQUIRE(snapshot() == 1);
  REQUIRE(snapshot() == 0);
}

TEST_CASE("A key that comes and goes within an epoch leaves nothing to write") {
  Store store;
  for (int i = 0; i < 1000; ++i) {
    store.rows.setCurrentKey({"a", i % 3});
    store.count.set(1);
    store.scores.put(i, "x");
    store.count.clear();
    store.scores.clear();
  }
  const std::size_t memory = store.rows.memoryBytes();
  store.rows.beginSnapshot();
  StateChanges changes;
  REQUIRE_FALSE(store.rows.writeSnapshot(changes, kNoLimit));
  REQUIRE(changes.isEmpty());
  REQUIRE(memory < 64 * 1024);
}

TEST_CASE("Damaged entries are refused") {
  Store store;
  for (int kind : {0, 3, 5, 11, 14}) play({kind, {"a", 1}, 5, "text"}, store);
  const auto entries = store.dump();
  REQUIRE(entries.size() == 5);
  REQUIRE(rc::check("noise", [&] {
    const auto which = *rc::gen::inRange<std::size_t>(0, entries.size());
    const auto& [key, entry] = *std::next(entries.begin(), static_cast<std::ptrdiff_t>(which));
    const auto spoil = [](std::string bytes) {
      bytes.resize(*rc::gen::inRange<std::size_t>(0, bytes.size() + 2));
      for (int i = *rc::gen::inRange(0, 3); i > 0 && !bytes.empty(); --i) {
        bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] =
            static_cast<char>(*rc::gen::inRange(0, 256));
      }
      return bytes;
    };
    const std::string badKey = spoil(key.second);
    const std::string badValue = spoil(entry.value);
    Store other;
    const Status status = other.rows.restoreEntry(*other.rows.indexOf(key.first), badKey, badValue);
    RC_ASSERT(status.ok() || absl::IsDataLoss(status));
    RC_ASSERT(other.rows.entries() == (status.ok() ? 1U : 0U));
  }));
  Store twice;
  twice.restore(entries);
  for (const auto& [key, entry] : entries) {
    const Status status =
        twice.rows.restoreEntry(*twice.rows.indexOf(key.first), key.second, entry.value);
    REQUIRE_THAT(std::string(status.message()), Catch::Contains("damaged, or stored twice"));
  }
  REQUIRE(twice.dump() == entries);
}

TEST_CASE("Entries are found by the ids given, and states say what checkpoints compare") {
  Store store;
  REQUIRE(store.rows.indexOf(StateId{9}) == 2U);
  REQUIRE_FALSE(store.rows.indexOf(StateId{11}));
  REQUIRE(store.rows.declarationOf(2) ==
          StateDeclaration{"scores", "map", "pair<string, i32>", "i32 -> string", {}});
}
