// SPDX-License-Identifier: MIT
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <millrace/state/keyed_rows.hpp>
#include <millrace/state/state_context.hpp>

using namespace millrace;

namespace {

using Key = std::pair<std::string, int>;

struct Store {
  explicit Store(std::optional<StateTtl> ttl = {})
      : count(context.value<std::uint64_t>("count")),
        words(context.list<std::string>("words", ttl)),
        scores(context.map<int, std::string>("scores", ttl)) {}

  KeyedRows<Key> rows{16};
  StateContext context{rows};
  ValueState<std::uint64_t> count;
  ListState<std::string> words;
  MapState<int, std::string> scores;

  std::string render(const Key& key) {
    rows.setCurrentKey(key);
    std::string text = count.get() ? std::to_string(*count.get()) : "-";
    for (const std::string& word : words.view()) text += " " + word;
    for (const auto& [score, name] : scores.entries()) {
      text += " " + std::to_string(score) + "=" + name;
    }
    return text;
  }
};

void fill(Store& store, const std::vector<std::pair<Key, int>>& writes) {
  for (const auto& [key, what] : writes) {
    store.rows.setCurrentKey(key);
    if (what % 3 == 0) store.count.edit() += 1;
    if (what % 3 == 1) store.words.add(std::to_string(what));
    if (what % 3 == 2) store.scores.put(what % 20, key.first);
    if (what % 7 == 0) store.count.clear();
    if (what % 11 == 0) store.words.clear();
  }
}

std::string bytesOfAllRows(KeyedRows<Key>& rows) {
  std::string bytes;
  ByteWriter out(bytes);
  const auto grouped = rows.rowsByKeyGroup();
  for (const auto& row : grouped.all()) rows.writeRow(row, out);
  return bytes;
}

}  // namespace

TEST_CASE("Keys do not see each other's state, and come back to their own") {
  Store store;
  store.rows.setCurrentKey({"a", 1});
  store.count.set(1);
  store.rows.setCurrentKey({"a", 2});
  REQUIRE(store.count.get() == nullptr);
  store.count.set(2);
  store.rows.setCurrentKey({"a", 1});
  REQUIRE(*store.count.get() == 1);
  REQUIRE(store.rows.currentKey() == Key{"a", 1});
  REQUIRE(store.rows.entries() == 2);
}

TEST_CASE("A row is made by the first write and goes with its last state") {
  Store store;
  store.rows.setCurrentKey({"a", 1});
  REQUIRE(store.count.get() == nullptr);
  store.count.clear();
  REQUIRE(store.rows.entries() == 0);
  store.words.add("x");
  store.scores.put(1, "y");
  REQUIRE(store.rows.entries() == 1);
  store.words.clear();
  REQUIRE(store.rows.entries() == 1);
  REQUIRE(store.scores.remove(1));
  REQUIRE(store.rows.entries() == 0);
  store.count.set(3);
  REQUIRE(store.rows.entries() == 1);
  REQUIRE(store.render({"a", 1}) == "3");
}

TEST_CASE("Clearing and setting again within a record keeps the other states") {
  Store store;
  store.rows.setCurrentKey({"a", 1});
  store.count.set(1);
  store.count.clear();
  store.count.set(2);
  store.rows.setCurrentKey({"b", 1});
  REQUIRE(store.render({"a", 1}) == "2");
}

TEST_CASE("Memory of removed rows is used again") {
  Store store;
  const auto churn = [&](int from) {
    for (int i = from; i < from + 5000; ++i) {
      store.rows.setCurrentKey({"key", i});
      store.count.set(1);
      if (i - from >= 10) {
        store.rows.setCurrentKey({"key", i - 10});
        store.count.clear();
      }
    }
  };
  churn(0);
  const std::size_t before = store.rows.memoryBytes();
  churn(10'000);
  REQUIRE(store.rows.memoryBytes() <= before * 2);
  REQUIRE(store.rows.entries() == 20);
}

TEST_CASE("Every row is in the group of its key, once") {
  REQUIRE(rc::check("groups", [](const std::set<Key>& keys) {
    Store store;
    for (const Key& key : keys) {
      store.rows.setCurrentKey(key);
      store.count.set(1);
    }
    const auto grouped = store.rows.rowsByKeyGroup();
    std::set<Key> seen;
    for (std::uint16_t group = 0; group < 16; ++group) {
      for (const auto& row : grouped.of(KeyGroup{group})) {
        RC_ASSERT(keyGroupOf(millraceHash(row.key()), 16) == KeyGroup{group});
        RC_ASSERT(seen.insert(row.key()).second);
      }
    }
    RC_ASSERT(seen == keys);
    RC_ASSERT(grouped.all().size() == keys.size());
  }));
}

TEST_CASE("Rows come back from their bytes, times of expiry included") {
  REQUIRE(rc::check("round trip", [](const std::vector<std::pair<Key, int>>& writes, bool isTimed) {
    const auto ttl = isTimed ? std::optional(StateTtl{Duration(10)}) : std::nullopt;
    Store store(ttl);
    store.rows.setProcessingTime(100);
    fill(store, writes);
    const std::string bytes = bytesOfAllRows(store.rows);

    Store restored(ttl);
    restored.rows.setProcessingTime(105);
    ByteReader in(bytes);
    while (!in.isAtEnd()) RC_ASSERT(restored.rows.readRow(in).ok());
    RC_ASSERT(restored.rows.entries() == store.rows.entries());
    for (const auto& [key, what] : writes) RC_ASSERT(restored.render(key) == store.render(key));
    RC_ASSERT(bytesOfAllRows(restored.rows) == bytes);

    for (Store* each : {&store, &restored}) each->rows.setProcessingTime(110);
    for (const auto& [key, what] : writes) RC_ASSERT(restored.render(key) == store.render(key));
  }));
}

TEST_CASE("Damaged rows are refused and leave the store as it was") {
  Store store;
  fill(store, {{{"a", 1}, 3}, {{"a", 1}, 4}, {{"a", 1}, 5}});
  const std::string bytes = bytesOfAllRows(store.rows);
  REQUIRE(rc::check("noise", [&] {
    std::string noisy = bytes.substr(0, *rc::gen::inRange<std::size_t>(0, bytes.size() + 1));
    const auto flips = *rc::gen::inRange(0, 4);
    for (int i = 0; i < flips && !noisy.empty(); ++i) {
      noisy[*rc::gen::inRange<std::size_t>(0, noisy.size())] =
          static_cast<char>(*rc::gen::inRange(0, 256));
    }
    Store other;
    other.rows.setCurrentKey({"other", 0});
    other.count.set(5);
    ByteReader in(noisy);
    const Status status = other.rows.readRow(in);
    RC_ASSERT(other.rows.entries() == (status.ok() ? 2U : 1U));
    RC_ASSERT(status.ok() || absl::IsDataLoss(status));
    RC_ASSERT(other.render({"other", 0}) == "5");
  }));
}

TEST_CASE("A key's second row and a state nobody declared are refused") {
  Store store;
  fill(store, {{{"a", 1}, 5}});
  const std::string bytes = bytesOfAllRows(store.rows);
  ByteReader again(bytes);
  REQUIRE(absl::IsDataLoss(store.rows.readRow(again)));

  KeyedRows<Key> poorer(16);
  StateContext(poorer).value<std::uint64_t>("count");
  ByteReader in(bytes);
  REQUIRE(poorer.readRow(in).message() == "a state row names state 2, of 1 declared");
  REQUIRE(poorer.entries() == 0);
}

TEST_CASE("Rows say which states changed since the epoch began") {
  Store store;
  const auto changed = [&] { return store.rows.rowsByKeyGroup().all()[0].changed(); };
  store.rows.setCurrentKey({"a", 1});
  store.count.set(1);
  store.words.add("x");
  REQUIRE(changed() == 0b011);
  store.rows.clearChanges();
  REQUIRE(changed() == 0);
  store.rows.setCurrentKey({"a", 1});
  REQUIRE(*store.count.get() == 1);
  store.scores.put(1, "x");
  store.words.clear();
  REQUIRE(changed() == 0b110);
}

TEST_CASE("The memory estimate follows what values hold on the heap") {
  KeyedRows<int> rows;
  auto text = StateContext(rows).value<std::string>("text");
  REQUIRE(rows.memoryBytes() == 0);
  for (int key = 0; key < 10'000; ++key) {
    rows.setCurrentKey(key);
    text.set(std::string(1000, 'x'));
  }
  REQUIRE(rows.memoryBytes() > 10'000'000);
  REQUIRE(rows.memoryBytes() < 12'000'000);
  rows.clear();
  REQUIRE(rows.entries() == 0);
  REQUIRE(rows.memoryBytes() < 1000);
  rows.setCurrentKey(1);
  text.set("again");
  REQUIRE(rows.entries() == 1);
}

TEST_CASE("Keys of any kind and values of any depth are kept") {
  enum class Colour { kRed, kBlue };
  KeyedRows<Colour> rows;
  auto value = StateContext(rows).value<std::vector<std::vector<int>>>("v");
  rows.setCurrentKey(Colour::kRed);
  value.edit().push_back({1, 2});
  rows.setCurrentKey(Colour::kBlue);
  REQUIRE(value.isEmpty());
  rows.setCurrentKey(Colour::kRed);
  REQUIRE(value.get()->at(0) == std::vector<int>{1, 2});
}
