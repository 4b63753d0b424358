// SPDX-License-Identifier: MIT
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include <millrace/state/dense_map.hpp>
#include <millrace/state/hash_index.hpp>

using namespace millrace;

namespace {

// Hashes badly on purpose: many keys share a home, and some the whole hash.
struct Clash {
  int value = 0;
  friend bool operator==(const Clash&, const Clash&) = default;
};
std::uint64_t millraceHash(const Clash& key) {
  return static_cast<std::uint64_t>(key.value % 5) << 16;
}

template <typename K>
void checkAgainstStdMap(const char* name) {
  REQUIRE(rc::check(name, [] {
    DenseMap<K, int> map;
    std::map<int, int> model;
    const auto steps = *rc::gen::inRange(0, 300);
    const auto keys = *rc::gen::element(3, 12, 60);
    for (int step = 0; step < steps; ++step) {
      const int key = *rc::gen::inRange(0, keys);
      const std::size_t position = map.find(K{key});
      RC_ASSERT((position != DenseMap<K, int>::kNone) == model.contains(key));
      if (position == DenseMap<K, int>::kNone) {
        map.append(K{key}, step);
        model[key] = step;
      } else if (*rc::gen::inRange(0, 2) == 0) {
        map.removeAt(position);
        model.erase(key);
      } else {
        RC_ASSERT(map.valueAt(position) == model[key]);
        map.valueAt(position) = model[key] = step;
      }
      RC_ASSERT(map.size() == model.size());
    }
    for (const auto& [key, value] : model) RC_ASSERT(map.valueAt(map.find(K{key})) == value);
    RC_ASSERT(map.entries().size() == model.size());
  }));
}

}  // namespace

TEST_CASE("DenseMap is a map") { checkAgainstStdMap<int>("good hashes"); }
TEST_CASE("DenseMap is a map when all keys clash") { checkAgainstStdMap<Clash>("clashing hashes"); }

TEST_CASE("DenseMap keeps the order of insertion until something is removed") {
  DenseMap<int, char> map;
  for (int key = 0; key < 20; ++key) map.append(19 - key, 'x');
  for (std::size_t i = 0; i < 20; ++i) REQUIRE(map.entries()[i].key == 19 - static_cast<int>(i));
  map.removeAt(3);
  REQUIRE(map.entries()[3].key == 0);
  REQUIRE(map.entries()[18].key == 1);
}

TEST_CASE("HashIndex finds what was put in, across growth, removal and equal hashes") {
  REQUIRE(rc::check("model", [] {
    HashIndex index;
    std::map<std::uint32_t, std::uint64_t> model;  // position -> hash
    const auto steps = *rc::gen::inRange(0, 400);
    for (int step = 0; step < steps; ++step) {
      const auto position = *rc::gen::inRange<std::uint32_t>(0, 100);
      const auto hash = std::uint64_t{*rc::gen::inRange<std::uint32_t>(0, 40)} << 16;
      const auto found = model.find(position);
      if (found == model.end()) {
        index.insert(hash, position);
        model[position] = hash;
      } else {
        index.erase(found->second, position);
        model.erase(found);
      }
      RC_ASSERT(index.size() == model.size());
    }
    for (std::uint32_t position = 0; position < 100; ++position) {
      for (std::uint64_t hash = 0; hash < 40; ++hash) {
        const auto found = model.find(position);
        const bool isThere = found != model.end() && found->second == hash << 16;
        const auto same = [&](std::uint32_t each) { return each == position; };
        RC_ASSERT((index.find(hash << 16, same) == position) == isThere);
      }
    }
  }));
}
