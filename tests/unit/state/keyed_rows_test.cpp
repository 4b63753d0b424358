// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
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
