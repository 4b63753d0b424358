// SPDX-License-Identifier: MIT
#include <millrace/serde/serde.hpp>
#include <millrace/window/key_table.hpp>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {
namespace {

template <typename Map>
std::map<std::string, int> sorted(const Map& map) {
  return {map.begin(), map.end()};
}

TEST_CASE("a key table holds what a map holds, whether small or large") {
  REQUIRE(rc::check("as std::map", [] {
    KeyTable<std::string, int> map;
    std::map<std::string, int> model;
    const int keys = *rc::gen::element(4, 12, 300);
    const auto steps = *rc::gen::container<std::vector<int>>(static_cast<std::size_t>(keys) * 3,
                                                             rc::gen::inRange(0, keys * 4));
    for (const int step : steps) {
      const std::string key = "key " + std::to_string(step / 4);
      if (step % 4 == 0) {
        if (const auto at = map.find(key); at != map.end()) map.erase(at);
        model.erase(key);
        RC_ASSERT_FALSE(map.contains(key));
      } else if (step % 4 == 1) {
        RC_ASSERT(map.emplace(key, step).second == model.emplace(key, step).second);
      } else {
        map[key] += step;
        model[key] += step;
      }
      RC_ASSERT(map.size() == model.size());
    }
    RC_ASSERT(sorted(map) == model);
    for (const auto& [key, value] : model) {
      const auto at = map.find(key);
      RC_ASSERT(at != map.end());
      RC_ASSERT(at->second == value);
      const auto isIt = [value = value](const auto& entry) { return entry.second == value; };
      RC_ASSERT(map.findHashed(stableHashOf(key), isIt) == at);
      RC_ASSERT(map.findHashed(stableHashOf(key), [](const auto&) { return false; }) == map.end());
      RC_ASSERT(map.findHashed(stableHashOf(key) + 1, isIt) == map.end());
    }
  }));
}

TEST_CASE("a copy of a key set is a set of its own") {
  for (const int size : {3, 100}) {
    KeySet<int> set;
    for (int i = 0; i < size; ++i) REQUIRE(set.insert(i).second);
    KeySet<int> copy = set;
    REQUIRE(copy.insert(size).second);
    REQUIRE_FALSE(copy.insert(0).second);
    REQUIRE(set.size() == static_cast<std::size_t>(size));
    REQUIRE(set.insert(size).second);
    set = KeySet<int>();
    REQUIRE(set.insert(0).second);
    REQUIRE(copy.size() == static_cast<std::size_t>(size) + 1);
  }
}

TEST_CASE(
    "a key table is told in the order in which its keys came, but for the one in an erased place") {
  for (const int size : {4, 100}) {
    KeyTable<int, int> table;
    for (int i = 0; i < size; ++i) table.emplace(size - i, i);
    table.erase(table.find(size));
    std::vector<int> expected = {1};
    for (int key = size - 1; key > 1; --key) expected.push_back(key);
    std::vector<int> keys;
    for (const auto& [key, value] : table) keys.push_back(key);
    REQUIRE(keys == expected);
  }
}

TEST_CASE("keys are found by what compares with them, and with their hash") {
  for (const int size : {4, 100}) {
    KeyTable<std::string, int> table;
    for (int i = 0; i < size; ++i) table.emplace(std::to_string(i), i);
    const std::string_view three = "3";
    const HashedKey hashed(three, millraceHash(three));
    REQUIRE(table.find(three)->second == 3);
    REQUIRE(table.find(hashed) == table.find("3"));
    bool isNew = true;
    REQUIRE(&findOrCreate(
                table, hashed, [] { return -1; }, isNew) == &table.find("3")->second);
    REQUIRE_FALSE(isNew);
    REQUIRE_FALSE(table.contains("none"));
  }
}

TEST_CASE("key sets and tables have the bytes of the standard's") {
  KeySet<std::string> set;
  std::set<std::string> plainSet;
  KeyTable<int, std::string> map;
  std::map<int, std::string> plainMap;
  for (int i = 20; i > 0; --i) {
    const std::string text(1, static_cast<char>('a' + i));
    set.insert(text);
    plainSet.insert(text);
    map[i] = text;
    plainMap[i] = text;
  }
  REQUIRE(toBytes(set) == toBytes(plainSet));
  REQUIRE(toBytes(map) == toBytes(plainMap));
  KeySet<std::string> setBack;
  KeyTable<int, std::string> mapBack;
  REQUIRE(fromBytes(toBytes(set), setBack));
  REQUIRE(fromBytes(toBytes(map), mapBack));
  REQUIRE(toBytes(setBack) == toBytes(plainSet));
  REQUIRE(toBytes(mapBack) == toBytes(plainMap));
}

}  // namespace
}  // namespace millrace::test
