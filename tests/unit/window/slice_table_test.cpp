// SPDX-License-Identifier: MIT
#include <millrace/window/slice_table.hpp>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {
namespace {

// Its hashes have the same tag and few homes.
struct Crowded {
  int id = 0;
  bool operator==(const Crowded&) const = default;
  auto operator<=>(const Crowded&) const = default;
};
std::uint64_t millraceHash(const Crowded& key) {
  return static_cast<std::uint64_t>(key.id % 3) << 28;
}

template <typename K>
K keyOf(int n) {
  if constexpr (std::is_same_v<K, std::string>)
    return "key " + std::to_string(n);
  else
    return K{n};
}

template <typename K>
void checkSame(const SliceTable<K, int>& table, const std::map<K, int>& model) {
  RC_ASSERT(table.size() == model.size());
  std::map<K, int> entries;
  for (const auto& [key, value] : table) entries.emplace(key, value);
  RC_ASSERT(entries == model);
  for (const auto& [key, value] : model) {
    RC_ASSERT(table.find(key) != nullptr);
    RC_ASSERT(*table.find(key) == value);
  }
}

template <typename K>
bool matchesMap(const std::string& what) {
  return rc::check(what, [] {
    SliceTable<K, int> table(static_cast<std::size_t>(*rc::gen::inRange(0, 3000)));
    std::map<K, int> model;
    const int keys = *rc::gen::element(3, 40, 2000);
    const auto steps = *rc::gen::container<std::vector<int>>(static_cast<std::size_t>(keys) * 3,
                                                             rc::gen::inRange(0, keys * 4));
    for (const int step : steps) {
      const K key = keyOf<K>(step / 4);
      if (step % 4 == 0) {
        table.erase(key);
        model.erase(key);
        RC_ASSERT(table.find(key) == nullptr);
      } else {
        bool isNew = false;
        table.at(
            key, [] { return 0; }, isNew) += step;
        RC_ASSERT(isNew == !model.contains(key));
        model[key] += step;
      }
    }
    checkSame(table, model);
    if (!table.reuse(10)) table.clear();
    checkSame(table, {});
  });
}

TEST_CASE("a slice table holds what a map would") {
  CHECK(matchesMap<int>("of integers"));
  CHECK(matchesMap<std::string>("of strings"));
  CHECK(matchesMap<Crowded>("of keys whose hashes collide"));
}

TEST_CASE("keys asked for ahead are found, and made, as one by one") {
  for (const int keys : {10, 5'000, 100'000}) {
    SliceTable<std::string, std::uint64_t> table;
    std::map<std::string, std::uint64_t> model;
    for (std::uint64_t round = 0; round < 3; ++round) {
      std::vector<std::string> batch;
      for (int i = 0; i < keys; ++i) batch.push_back(keyOf<std::string>(i * 7919 % keys));
      std::size_t next = 0;
      table.atEach(
          batch.size(), [&](std::size_t i) -> const std::string& { return batch[i]; },
          [] { return std::uint64_t{0}; },
          [&](std::size_t i, auto& entry, bool isNew) {
            if (i != next++ || entry.key != batch[i] || isNew != (round == 0)) FAIL("at " << i);
            entry.value += i + round;
          });
      for (std::size_t i = 0; i < batch.size(); ++i) model[batch[i]] += i + round;
    }
    CHECK(table.size() == model.size());
    bool isSame = true;
    for (const auto& [key, value] : table) isSame = isSame && model.at(key) == value;
    CHECK(isSame);
  }
}

TEST_CASE("entries may be erased while others have been asked for ahead") {
  constexpr int kKeys = 5'000;
  SliceTable<int, int> table;
  std::map<int, int> model;
  std::vector<int> batch;
  for (int i = 0; i < 20 * kKeys; ++i) batch.push_back(i * 7919 % kKeys % (kKeys - i % 3));
  const auto isErased = [](std::size_t i) { return i % 7 == 3; };
  table.atEach(
      batch.size(), [&](std::size_t i) -> const int& { return batch[i]; }, [] { return 0; },
      [&](std::size_t i, auto& entry, bool isNew) {
        if (entry.key != batch[i] || isNew == model.contains(batch[i])) FAIL("at " << i);
        entry.value += static_cast<int>(i);
        model[batch[i]] += static_cast<int>(i);
        if (!isErased(i)) return;
        if (entry.value != model[batch[i]]) FAIL("at " << i);
        table.erase(batch[i]);
        model.erase(batch[i]);
      });
  std::map<int, int> entries;
  for (const auto& [key, value] : table) entries.emplace(key, value);
  CHECK(entries == model);
}

TEST_CASE("a table is kept for the next slice unless it has grown far too large for the last") {
  SliceTable<int, int> table;
  bool isNew = false;
  const auto fill = [&](int keys) {
    for (int i = 0; i < keys; ++i)
      table.at(
          i, [] { return 0; }, isNew);
  };
  fill(100'000);
  CHECK(table.reuse(100'000));
  CHECK(table.size() == 0);
  fill(10);
  CHECK_FALSE(table.reuse(10));
  CHECK(table.size() == 10);
}

}  // namespace
}  // namespace millrace::test
