// SPDX-License-Identifier: MIT
// Tables over a base against tables that hold everything.
#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <millrace/base/random.hpp>
#include <millrace/state/keyed_rows.hpp>
#include <millrace/state/state_context.hpp>

#include "unit/state/five_states.hpp"
#include "unit/state/stored_below.hpp"

namespace millrace {
namespace {

using test::ReplayedChanges;
using test::require;

constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);
constexpr int kKeys = 12;

class Below final : public test::StoredBelow {
 public:
  StatusOr<bool> read(StateId state, KeyGroup group, std::string_view key,
                      std::string& value) override {
    checkIsSettled(key);
    return StoredBelow::read(state, group, key, value);
  }
  Status readAll(StateId state, KeyGroup group, std::string_view prefix,
                 const Visitor& visit) override {
    checkIsSettled(prefix);
    return StoredBelow::readAll(state, group, prefix, visit);
  }

  std::map<std::string, std::uint64_t, std::less<>> changedBefore;  // by key: the next barrier then

 private:
  void checkIsSettled(std::string_view key) const {
    const auto change = changedBefore.find(key);
    require(change == changedBefore.end() || change->second <= settled,
            "a row went before it was settled");
  }
};

struct Store : test::FiveStates<std::string> {
  explicit Store(const std::optional<StateTtl>& ttl = {}, Below* below = nullptr,
                 bool holdsEntries = false)
      : FiveStates(ttl), below_(below) {
    rows.trackChanges();
    if (below != nullptr) rows.setBelow(*below, holdsEntries, {0, kGroups});
  }

  // As operators do after each batch. REQUIRES: over a base.
  void keepWithinMemory() {
    const MemoryUse use = rows.memoryInUse();
    if (const std::size_t excess = below_->use(use.bytes, use.changedBytes); excess > 0)
      rows.letGo(excess);
  }

  void play(int kind, const std::string& key, int value, const std::string& text) {
    rows.setCurrentKey(key);
    switch (kind) {
      case 0:
        return count.set(static_cast<std::uint64_t>(value));
      case 1:
        return count.update([](std::uint64_t& n) { ++n; });
      case 2:
        return words.add(text);
      case 3:
        return scores.put(value, text);
      case 4:
        return static_cast<void>(scores.edit(value, "new") += "+");
      case 5:
        return last.set(text);
      case 6:
        return sum.add(value);
      case 7:
        return count.clear();
      case 8:
        return words.clear();
      case 9:
        return static_cast<void>(scores.remove(value));
      case 10:
        return scores.clear();
      case 11:
        return last.clear();
      case 12:
        return sum.clear();
      case 13:
        return static_cast<void>(last.get());
      default:
        return removeAll();
    }
  }

  std::string query(std::size_t state, const std::string& key) {
    std::string out;
    if (!rows.readEntry(state, key, out)) return "none";
    if (state != 2) return out;
    // A map as a whole has an order of its own: its size will do.
    return std::to_string(out.size());
  }

 private:
  Below* const below_;
};

constexpr int kKinds = 15;
constexpr int kFirstRemoval = 7;

std::string keyAt(std::uint64_t number) {
  return std::string(1 + number % 3, 'k') + std::to_string(number);
}

// A store over a base and one that holds everything, which are told the same.
class Twins {
 public:
  Twins(std::uint64_t seed, const std::optional<StateTtl>& ttl, bool expires)
      : random_(seed), ttl_(ttl), expires_(expires) {
    spilled = std::make_unique<Store>(ttl_, &below);
    plain = std::make_unique<Store>(ttl_);
  }

  void liveOn(int steps) {
    for (; steps > 0; --steps) step();
  }

  void step() {
    switch (random_.below(24)) {
      case 0:
      case 1:
        return barrier();
      case 2:
      case 3:
        return static_cast<void>(writePiece(random_.below(200)));
      case 4:
      case 5:
        return moveDown();
      case 6:
        return below.settle();
      case 7:
      case 8:
      case 9:
        return keepWithinMemory();
      case 10:
        return passTime();
      case 11:
        return query();
      case 12:
        return leave();
      case 13:
        return random_.chance(0.1) ? restart() : compareAll();
      default:
        return change();
    }
  }

  void change() {
    const int kind = static_cast<int>(random_.below(kKinds));
    const std::string key = anyKey();
    const int value = static_cast<int>(random_.below(6));
    const std::string text(random_.below(20), static_cast<char>('a' + random_.below(26)));
    const std::size_t before = plain->rows.entries();
    spilled->play(kind, key, value, text);
    plain->play(kind, key, value, text);
    // What has expired may have gone from the two at different times.
    const bool isRemoved = !expires_ && plain->rows.entries() < before;
    const bool isChanged = kind < kFirstRemoval || isRemoved;
    if (isChanged) below.changedBefore[toBytes(key)] = below.last + 1;
    if (random_.chance(0.7)) compare(key);
  }

  void compare(const std::string& key) {
    const std::string expected = plain->render(key);
    const std::string found = spilled->render(key);
    require(found == expected, key + " is '" + found + "' instead of '" + expected + "'");
    compareCounts();
  }

  void compareCounts() {
    if (expires_) return;  // what lies below does not expire before somebody looks
    const std::size_t expected = plain->rows.entries();
    const std::size_t found = spilled->rows.entries();
    require(found == expected,
            std::to_string(found) + " keys instead of " + std::to_string(expected));
  }

  void compareAll() {
    for (std::uint64_t i = 0; i < kKeys; ++i) compare(keyAt(i));
  }

  void query() {
    const std::string key = toBytes(anyKey());
    const std::size_t state = random_.below(5);
    const std::string expected = plain->query(state, key);
    require(spilled->query(state, key) == expected,
            "a query of state " + std::to_string(state) + " was answered wrong");
    if (state == 2) {
      const std::string element = key + toBytes(static_cast<int>(random_.below(6)));
      require(spilled->query(0, element) == "none", "bytes that are no key have a value");
    }
    compareCounts();
  }

  // Ends the epoch, when the one before is written.
  void barrier() {
    while (writePiece(kNoLimit)) {
    }
    ++below.last;
    spilled->rows.beginSnapshot();
    plain->rows.beginSnapshot();
    StateChanges all;
    while (plain->rows.writeSnapshot(all, kNoLimit)) {
    }
    expected_.apply(all);
    isWriting_ = true;
  }

  // True: there is more.
  bool writePiece(std::size_t limit) {
    if (!isWriting_) return false;
    isWriting_ = spilled->rows.writeSnapshot(epoch_, limit);
    if (isWriting_) return true;
    written_.apply(epoch_);
    if (!expires_)
      require(written_.entries() == expected_.entries(), "the stored state is not the same");
    below.send(std::move(epoch_));
    epoch_ = StateChanges();
    whole_ = expected_;
    return false;
  }

  void moveDown() {
    if (below.moveDown() && random_.chance(0.5)) below.settle();
  }

  void keepWithinMemory() {
    below.limit = random_.chance(0.6) ? 0 : random_.below(6000);
    spilled->keepWithinMemory();
    compareCounts();
  }

  void passTime() {
    now_ += static_cast<Timestamp>(random_.below(4));
    for (Store* store : {spilled.get(), plain.get()}) {
      store->rows.setProcessingTime(now_);
      if (expires_) store->rows.expireSome(now_, expiring_);
    }
    expiring_ = random_.below(12);
  }

  void leave() {
    spilled->rows.leaveCurrentKey();
    plain->rows.leaveCurrentKey();
  }

  // What was not written as a whole is gone; the rest has come down by the time tables are made.
  void restart() {
    below.restart();
    isWriting_ = false;
    epoch_ = StateChanges();
    expected_ = whole_;
    if (!expires_)
      require(below.held.entries() == whole_.entries(), "what is below is not what was written");
    written_ = below.held;
    below.changedBefore.clear();
    std::set<std::string> keys;
    for (const auto& [key, entry] : below.held.entries()) {
      ByteReader in(key.second);
      std::string name;
      require(Serde<std::string>::read(in, name), "a stored key is none");
      keys.insert(name);
    }
    spilled = std::make_unique<Store>(ttl_, &below, !keys.empty());
    spilled->rows.setProcessingTime(now_);
    spilled->rows.addEntriesBelow(keys.size());
    plain = std::make_unique<Store>(ttl_);
    plain->rows.setProcessingTime(now_);
    for (const auto& [key, entry] : whole_.entries()) {
      require(
          plain->rows.restoreEntry(*plain->rows.indexOf(key.first), key.second, entry.value).ok(),
          "not restored");
    }
    compareCounts();
  }

  // Everything goes down and out, and what is below is the plain store.
  void finish() {
    barrier();
    while (writePiece(random_.below(100))) {
    }
    below.moveAllDown();
    below.settle();
    if (!expires_)
      require(below.held.entries() == expected_.entries(), "the base is not the table");
    compareAll();
    Store again(ttl_, &below, true);
    again.rows.setProcessingTime(now_);
    plain->rows.setProcessingTime(now_);
    below.changedBefore.clear();
    for (std::uint64_t i = 0; i < kKeys; ++i) {
      // The comparison above may have refreshed what is in the tables: only what lasts is compared.
      if (!ttl_)
        require(again.render(keyAt(i)) == plain->render(keyAt(i)), "the base has another state");
    }
  }

  Below below;
  std::unique_ptr<Store> spilled;
  std::unique_ptr<Store> plain;

 private:
  std::string anyKey() { return keyAt(random_.below(kKeys)); }

  Random random_;
  const std::optional<StateTtl> ttl_;
  const bool expires_;
  Timestamp now_ = 0;
  std::size_t expiring_ = 5;
  ReplayedChanges written_;   // by the store over the base
  ReplayedChanges expected_;  // by the other, up to the barrier that is being written
  ReplayedChanges whole_;     // ... up to the one that was written last
  StateChanges epoch_;        // what has been written of it
  bool isWriting_ = false;
};

void compareForSeeds(const std::optional<StateTtl>& ttl, bool expires, std::uint64_t seeds) {
  std::size_t asked = 0;
  std::size_t found = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    Twins twins(seed, ttl, expires);
    twins.liveOn(500);
    twins.finish();
    asked += twins.below.asked;
    found += twins.below.found;
  }
  REQUIRE(found > 100 * seeds / 10);
  REQUIRE(asked > found);
}

// Ends an epoch and settles it.
void settle(Store& store, Below& below) {
  StateChanges changes;
  ++below.last;
  store.rows.beginSnapshot();
  while (store.rows.writeSnapshot(changes, 100)) {
  }
  below.settle(std::move(changes));
}

// Two more epochs pass, so that all that was settled is known to be, and rows lose the mark of
// their use.
void letGoOfAll(Store& store, Below& below) {
  below.limit = 0;
  for (int i = 0; i < 3; ++i) {
    settle(store, below);
    store.keepWithinMemory();
  }
  below.limit = kNoLimit;
}

TEST_CASE("A table over a base behaves as one that holds everything") {
  compareForSeeds({}, false, 60);
}

TEST_CASE("So it does where states expire when they are looked at") {
  compareForSeeds(StateTtl{Duration(5), TtlRefresh::kOnCreateAndWrite}, false, 25);
  compareForSeeds(StateTtl{Duration(5), TtlRefresh::kOnReadAndWrite}, false, 25);
}

TEST_CASE("So it does where expired states are cleared away, but for when they go") {
  compareForSeeds(StateTtl{Duration(5), TtlRefresh::kOnCreateAndWrite}, true, 25);
  compareForSeeds(StateTtl{Duration(5), TtlRefresh::kOnReadAndWrite}, true, 25);
}

TEST_CASE("Rows that are settled go when memory is short, and come back when their keys do") {
  Below below;
  Store store({}, &below);
  for (std::uint64_t i = 0; i < 1000; ++i) store.play(5, keyAt(i), 0, std::string(100, 'x'));
  settle(store, below);
  store.keepWithinMemory();
  const std::size_t whole = below.used;
  letGoOfAll(store, below);
  REQUIRE(below.asked == 0);
  store.keepWithinMemory();
  REQUIRE(below.used < whole / 4);
  REQUIRE(store.rows.entries() == 1000);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    store.rows.setCurrentKey(keyAt(i));
    REQUIRE((store.last.get() != nullptr && *store.last.get() == std::string(100, 'x')));
  }
  REQUIRE(below.found == 1000);
  REQUIRE(store.rows.entries() == 1000);
  // They are in the table again.
  for (std::uint64_t i = 0; i < 1000; ++i) store.rows.setCurrentKey(keyAt(i));
  REQUIRE(below.found == 1000);
}

TEST_CASE(
    "What values hold is measured anew after a barrier, though there are as many keys as before") {
  Below below;
  Store store({}, &below);
  for (std::uint64_t i = 0; i < 100; ++i) store.play(2, keyAt(i), 0, std::string(100, 'x'));
  store.keepWithinMemory();
  for (int round = 0; round < 99; ++round) {
    for (std::uint64_t i = 0; i < 100; ++i) store.play(2, keyAt(i), 0, std::string(100, 'x'));
  }
  settle(store, below);
  store.keepWithinMemory();
  REQUIRE(below.used > 100 * 100 * 100);
}

TEST_CASE(
    "When nothing may go that is not looked for over and over, until more is settled or comes "
    "back") {
  Below below;
  Store store({}, &below);
  for (std::uint64_t i = 0; i < 1000; ++i) store.play(0, keyAt(i), 1, "");
  below.limit = 0;
  for (int i = 0; i < 100; ++i) store.keepWithinMemory();
  REQUIRE(store.rows.looks() <= 2 * 1000);
  settle(store, below);
  letGoOfAll(store, below);
  for (std::uint64_t i = 0; i < 1000; ++i) store.rows.setCurrentKey(keyAt(i));
  REQUIRE(below.found == 1000);
  below.limit = 0;
  for (int i = 0; i < 3; ++i) store.keepWithinMemory();
  for (std::uint64_t i = 0; i < 1000; ++i) store.rows.setCurrentKey(keyAt(i));
  REQUIRE(below.found == 2000);
}

TEST_CASE("What values hold is measured anew now and then without a barrier too") {
  Below below;
  Store store({}, &below);
  for (std::uint64_t i = 0; i < 100; ++i) store.play(5, keyAt(i), 0, std::string(100, 'x'));
  store.keepWithinMemory();
  for (std::uint64_t i = 0; i < 100; ++i) store.play(5, keyAt(i), 0, std::string(10'000, 'x'));
  for (std::size_t call = 0; call < HeapPerEntry::kCallsBetween; ++call) store.keepWithinMemory();
  REQUIRE(below.used > 100 * 10'000);
  REQUIRE(below.used < 2 * 100 * 10'000);
}

TEST_CASE("The times of elements with a time to live count as memory") {
  for (const int kind : {2, 3}) {
    Store timed(StateTtl{Duration(5), TtlRefresh::kOnCreateAndWrite});
    Store plain;
    for (int i = 0; i < 1000; ++i) {
      timed.play(kind, "key", i, "");
      plain.play(kind, "key", i, "");
    }
    REQUIRE(timed.rows.memoryBytes() >= plain.rows.memoryBytes() + 1000 * sizeof(Timestamp));
  }
}

TEST_CASE("A row that changed after the last settled barrier stays, however short memory is") {
  Below below;
  Store store({}, &below);
  for (std::uint64_t i = 0; i < 10; ++i) store.play(0, keyAt(i), 1, "");
  below.limit = 0;
  StateChanges underway;
  for (int epoch = 0; epoch < 30; ++epoch) {
    ++below.last;
    store.rows.beginSnapshot();
    while (store.rows.writeSnapshot(underway, 100)) {
    }
    for (int i = 0; i < 4; ++i) store.keepWithinMemory();
  }
  for (std::uint64_t i = 0; i < 10; ++i) REQUIRE(store.render(keyAt(i)) == "1");
  REQUIRE(below.asked == 0);
  below.settle(std::move(underway));
  letGoOfAll(store, below);
  for (std::uint64_t i = 0; i < 10; ++i) REQUIRE(store.render(keyAt(i)) == "1");
  REQUIRE(below.found == 10);
}

TEST_CASE("A removed key does not come back from below") {
  Below below;
  Store store({}, &below);
  const auto isGone = [&] { return store.render("key") == "-" && store.rows.entries() == 1; };
  store.play(0, "other", 1, "");
  for (const int kind : {0, 2, 3, 5, 6}) {
    store.play(kind, "key", 1, "text");
    settle(store, below);
    letGoOfAll(store, below);
    REQUIRE(store.render("key") != "-");
    store.rows.setCurrentKey("key");
    store.removeAll();
    REQUIRE(isGone());
    below.limit = 0;
    store.keepWithinMemory();  // below it is still there
    REQUIRE(isGone());
    StateChanges changes;
    ++below.last;
    store.rows.beginSnapshot();
    while (store.rows.writeSnapshot(changes, 1)) {
      store.keepWithinMemory();
      REQUIRE(isGone());
    }
    store.keepWithinMemory();
    REQUIRE(isGone());
    below.settle(std::move(changes));
    letGoOfAll(store, below);
    const std::size_t found = below.found;
    REQUIRE(isGone());
    REQUIRE(below.found == found);
  }
}

TEST_CASE("A removed key that is asked for stays removed and is not counted") {
  Below below;
  Store store({}, &below);
  store.play(0, "key", 1, "");
  settle(store, below);
  letGoOfAll(store, below);
  store.rows.setCurrentKey("key");
  store.removeAll();
  REQUIRE(store.rows.entries() == 0);
  REQUIRE(store.query(0, toBytes(std::string("key"))) == "none");
  REQUIRE(store.rows.entries() == 0);
  store.rows.setCurrentKey("key");
  store.rows.leaveCurrentKey();
  REQUIRE(store.rows.entries() == 0);
  settle(store, below);
  letGoOfAll(store, below);
  REQUIRE(store.rows.entries() == 0);
  REQUIRE(below.held.entries().empty());
}

TEST_CASE("A key that was never seen is not there") {
  Below below;
  Store store({}, &below);
  store.play(0, "key", 1, "");
  settle(store, below);
  letGoOfAll(store, below);
  REQUIRE(store.render("kez") == "-");
  REQUIRE(below.asked > 0);
  REQUIRE(below.found == 0);
  REQUIRE(store.rows.entries() == 1);
  REQUIRE(store.query(0, toBytes(std::string("kez"))) == "none");
  REQUIRE(store.query(0, "?") == "none");
}

TEST_CASE("A table that began empty and let go of nothing never asks below") {
  Below below;
  Store store({}, &below);
  for (std::uint64_t round = 0; round < 20; ++round) {
    for (std::uint64_t i = 0; i < 20; ++i)
      store.play(static_cast<int>((i + round) % kKinds), keyAt(i), 1, "text");
    store.keepWithinMemory();
    settle(store, below);
  }
  REQUIRE(below.asked == 0);
}

TEST_CASE("Rows older than all generations go, and none that is young") {
  for (int generations = 1; generations <= 20; ++generations) {
    INFO(generations << " generations");
    Below below;
    Store store({}, &below);
    store.play(0, "old", 1, "");
    for (int i = 0; i < generations; ++i) {
      store.play(0, "new", i, "");
      settle(store, below);
    }
    store.play(0, "new", 100, "");
    below.changedBefore[toBytes(std::string("new"))] = below.last + 1;
    below.limit = 0;
    for (int i = 0; i < 4; ++i) store.keepWithinMemory();
    REQUIRE(store.render("new") == "100");
    below.changedBefore.clear();
    letGoOfAll(store, below);
    REQUIRE(store.render("old") == "1");
    REQUIRE(below.found > 0);
  }
}

TEST_CASE("An entry of a row that is away can be read by its bytes") {
  Below below;
  Store store({}, &below);
  for (const int kind : {0, 2, 3, 5, 6}) store.play(kind, "key", 3, "text");
  settle(store, below);
  std::vector<std::string> before;
  for (std::size_t state = 0; state < 5; ++state)
    before.push_back(store.query(state, toBytes(std::string("key"))));
  for (std::size_t state = 0; state < 5; ++state) {
    letGoOfAll(store, below);
    const std::size_t found = below.found;
    REQUIRE(store.query(state, toBytes(std::string("key"))) == before[state]);
    REQUIRE(below.found == found + 5);
  }
  letGoOfAll(store, below);
  std::string out;
  REQUIRE(store.rows.readEntry(2, toBytes(std::string("key")) + toBytes(3), out));
  std::string value;
  ByteReader in(out);
  REQUIRE(readStoredValue(in, value));
  REQUIRE(value == "text");
}

TEST_CASE("A damaged entry below stops the job with the name of its state") {
  const std::map<StateId, std::string> names = {{StateId{7}, "count"},
                                                {StateId{8}, "words"},
                                                {StateId{9}, "scores"},
                                                {StateId{10}, "last"},
                                                {StateId{20}, "sum"}};
  Below written;
  Store first({}, &written);
  for (const int kind : {0, 2, 3, 5, 6}) first.play(kind, "key", 3, "text");
  settle(first, written);
  REQUIRE(written.held.entries().size() == 5);
  for (const auto& [key, entry] : written.held.entries()) {
    for (const std::string& spoilt :
         {entry.value.substr(0, entry.value.size() - 1), entry.value + "x", std::string()}) {
      Below below;
      below.held = written.held;
      below.held.put(key, {entry.group, spoilt});
      Store store({}, &below, true);
      REQUIRE_THROWS_WITH(
          store.rows.setCurrentKey("key"),
          Catch::Contains("'" + names.at(key.first) + "'") && Catch::Contains("damaged"));
    }
  }
}

TEST_CASE("A base that cannot be read stops the job with the name of the state; then it goes on") {
  std::size_t failures = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Random random(seed * 77);
    Twins twins(seed, {}, false);
    for (int i = 0; i < 300; ++i) {
      twins.below.failure = absl::OkStatus();
      if (random.chance(0.02)) twins.below.failure = absl::UnavailableError("the disk is away");
      try {
        twins.step();
      } catch (const JobError& error) {
        ++failures;
        REQUIRE_THAT(error.what(),
                     Catch::Contains("fetching state '") && Catch::Contains("the disk is away"));
        twins.below.failure = absl::OkStatus();
        twins.restart();
      }
    }
    twins.below.failure = absl::OkStatus();
    twins.finish();
  }
  REQUIRE(failures > 10);
}

TEST_CASE("What has expired below goes without its key coming, and nothing else does") {
  const StateTtl ttl{Duration(1'000), TtlRefresh::kOnCreateAndWrite};
  constexpr std::uint64_t kMany = 3'000;
  Below below;
  Store store(ttl, &below);
  const auto number = [](std::uint64_t i) { return std::to_string(i); };
  for (std::uint64_t i = 0; i < kMany; ++i) {
    store.rows.setProcessingTime(i % 2 == 0 ? 0 : 700);
    store.rows.setCurrentKey(number(i));
    store.last.set("text");
    store.words.add("word");
    store.scores.put(1, "one");
    if (i % 3 == 0) store.count.set(i);  // lives for ever
  }
  letGoOfAll(store, below);
  REQUIRE(store.rows.entries() == kMany);
  // This one is alive in the table, and expired below.
  store.rows.setCurrentKey(number(2));
  store.last.set("again");

  const auto sweep = [&](Timestamp from, Timestamp to) {
    for (Timestamp now = from; now < to; now += 10) {
      store.rows.expireSome(now, 0);
      if (now % 1'000 == 0) settle(store, below);
    }
    letGoOfAll(store, below);
  };
  // All have been written at 700, for the clock does not go back, but for the first.
  sweep(1'000, 1'600);
  REQUIRE(store.rows.entries() == kMany);
  sweep(1'700, 4'000);
  const std::size_t kept = (kMany + 2) / 3;
  REQUIRE(store.rows.entries() == kept);
  REQUIRE(below.held.entries().size() == kept);
  for (std::uint64_t i = 0; i < kMany; i += 3) REQUIRE(store.render(number(i)) == number(i));
}

TEST_CASE(
    "A walk through what is below that cannot read stops the job with the name of the state") {
  Below below;
  Store store(StateTtl{Duration(5), TtlRefresh::kOnCreateAndWrite}, &below);
  store.play(5, "key", 1, "text");
  letGoOfAll(store, below);
  below.failure = absl::DataLossError("the disk is gone");
  REQUIRE_THROWS_WITH(store.rows.expireSome(100, 10),
                      Catch::Contains("expired of state") && Catch::Contains("gone"));
}

}  // namespace
}  // namespace millrace
