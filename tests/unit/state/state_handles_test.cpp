// SPDX-License-Identifier: MIT
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <millrace/state/keyed_rows.hpp>
#include <millrace/state/state_context.hpp>

using namespace millrace;

namespace {

using Ttl = std::optional<StateTtl>;

constexpr Timestamp kTtlMillis = 10;

std::vector<Ttl> allTtls() {
  return {std::nullopt, StateTtl{Duration(kTtlMillis), TtlRefresh::kOnCreateAndWrite},
          StateTtl{Duration(kTtlMillis), TtlRefresh::kOnReadAndWrite}};
}

// Something with the time of its last use, and the rules of expiry in plain words.
template <typename V>
struct Timed {
  V value;
  Timestamp used;
};

struct World {
  World() { rows.setProcessingTime(now); }

  KeyedRows<std::string> rows;
  StateContext context{rows};
  Ttl ttl = *rc::gen::elementOf(allTtls());
  Timestamp clock = 100;
  Timestamp now = 100;  // the clock, but never going back
  std::string key;

  bool isExpired(Timestamp used) const { return ttl && used + kTtlMillis <= now; }
  void read(Timestamp& used) const {
    if (ttl && ttl->refresh == TtlRefresh::kOnReadAndWrite) used = now;
  }

  // Another key, or the same; perhaps later; perhaps after a step in the background.
  void nextRecord() {
    clock += *rc::gen::weightedElement<int>({{6, 0}, {3, 1}, {2, 4}, {1, 11}, {1, -3}});
    now = std::max(now, clock);
    rows.setProcessingTime(clock);
    const auto background = *rc::gen::inRange<std::size_t>(0, 12);
    if (background < 3) rows.expireSome(clock, background + 1);
    key = std::string(1, static_cast<char>('a' + *rc::gen::inRange(0, 4)));
    rows.setCurrentKey(key);
  }

  // Every expired thing is found in small steps, and keys without state are gone.
  void expireAll() {
    for (int step = 0; step < 300; ++step) rows.expireSome(now, 2);
  }
};

template <typename Model>
void dropExpired(const World& world, Model& model) {
  std::erase_if(model, [&](const auto& entry) { return world.isExpired(entry.second.used); });
}

struct Sum {
  static std::pair<std::int64_t, std::int64_t> create() { return {0, 0}; }
  static void add(std::pair<std::int64_t, std::int64_t>& sum, const int& in) {
    sum.first += in;
    ++sum.second;
  }
  static std::string result(const std::pair<std::int64_t, std::int64_t>& sum) {
    return std::to_string(sum.first) + "/" + std::to_string(sum.second);
  }
};

struct Longest {  // its add returns a new accumulator
  static std::string create() { return ""; }
  static std::string add(const std::string& longest, const std::string& in) {
    return in.size() > longest.size() ? in : longest;
  }
  static std::size_t result(const std::string& longest) { return longest.size(); }
};

}  // namespace

TEST_CASE("ValueState is a value per key") {
  REQUIRE(rc::check("model", [] {
    World world;
    auto state = world.context.value<std::string>("v", world.ttl);
    std::map<std::string, Timed<std::string>> model;
    const auto steps = *rc::gen::inRange(0, 200);
    for (int step = 0; step < steps; ++step) {
      world.nextRecord();
      dropExpired(world, model);
      const auto found = model.find(world.key);
      const std::string text = std::to_string(step) + std::string(20, 'x');
      switch (*rc::gen::inRange(0, 6)) {
        case 0:
          state.set(text);
          model[world.key] = {text, world.now};
          break;
        case 1:
          state.edit("new") += "+";
          if (found == model.end()) model[world.key].value = "new";
          model[world.key].value += "+";
          model[world.key].used = world.now;
          break;
        case 2:
          state.update([](std::string& value) { value += "-"; });
          model[world.key].value += "-";
          model[world.key].used = world.now;
          break;
        case 3:
          state.clear();
          model.erase(world.key);
          break;
        case 4:
          RC_ASSERT(state.isEmpty() == (found == model.end()));
          break;
        default:
          RC_ASSERT((state.get() != nullptr) == (found != model.end()));
          RC_ASSERT(state.valueOr("none") == (found == model.end() ? "none" : found->second.value));
          if (found != model.end()) world.read(found->second.used);
      }
    }
    world.expireAll();
    dropExpired(world, model);
    RC_ASSERT(world.rows.entries() == model.size());
  }));
}

TEST_CASE("ListState is a list per key, each element expiring by itself") {
  REQUIRE(rc::check("model", [] {
    World world;
    auto state = world.context.list<std::string>("l", world.ttl);
    std::map<std::string, std::vector<Timed<std::string>>> model;
    const auto dropAllExpired = [&] {
      for (auto& [key, list] : model) {
        std::erase_if(list, [&](const auto& element) { return world.isExpired(element.used); });
      }
      std::erase_if(model, [](const auto& entry) { return entry.second.empty(); });
    };
    const auto steps = *rc::gen::inRange(0, 200);
    for (int step = 0; step < steps; ++step) {
      world.nextRecord();
      dropAllExpired();
      const std::string text = std::to_string(step) + std::string(20, 'x');
      switch (*rc::gen::inRange(0, 8)) {
        case 0:
          state.clear();
          model.erase(world.key);
          break;
        case 1:
        case 2:
        case 3:
          state.add(text);
          model[world.key].push_back({text, world.now});
          break;
        case 4: {
          const std::vector<std::string> more(static_cast<std::size_t>(step % 3), text);
          state.addAll(more);
          for (const std::string& each : more) model[world.key].push_back({each, world.now});
          break;
        }
        case 5:
          RC_ASSERT(state.size() == (model.contains(world.key) ? model[world.key].size() : 0));
          break;
        default: {
          std::vector<std::string> wanted;
          if (model.contains(world.key)) {
            for (auto& element : model[world.key]) {
              wanted.push_back(element.value);
              world.read(element.used);
            }
          }
          const auto view = state.view();
          RC_ASSERT(std::vector<std::string>(view.begin(), view.end()) == wanted);
          RC_ASSERT(state.isEmpty() == wanted.empty());
        }
      }
    }
    world.expireAll();
    dropAllExpired();
    RC_ASSERT(world.rows.entries() == model.size());
  }));
}

TEST_CASE("MapState is a map per key, each entry expiring by itself") {
  REQUIRE(rc::check("model", [] {
    World world;
    auto state = world.context.map<int, std::string>("m", world.ttl);
    std::map<std::string, std::map<int, Timed<std::string>>> model;
    const auto dropAllExpired = [&] {
      for (auto& [key, map] : model) dropExpired(world, map);
      std::erase_if(model, [](const auto& entry) { return entry.second.empty(); });
    };
    const auto mapKeys = *rc::gen::element(3, 30);
    const auto steps = *rc::gen::inRange(0, 300);
    for (int step = 0; step < steps; ++step) {
      world.nextRecord();
      dropAllExpired();
      auto& mine = model[world.key];
      const int mapKey = *rc::gen::inRange(0, mapKeys);
      const auto found = mine.find(mapKey);
      const std::string text = std::to_string(step) + std::string(20, 'x');
      switch (*rc::gen::inRange(0, 10)) {
        case 0:
        case 1:
        case 2:
          state.put(mapKey, text);
          mine[mapKey] = {text, world.now};
          break;
        case 3:
          state.edit(mapKey, "new") += "+";
          if (found == mine.end()) mine[mapKey].value = "new";
          mine[mapKey].value += "+";
          mine[mapKey].used = world.now;
          break;
        case 4:
          RC_ASSERT(state.remove(mapKey) == (mine.erase(mapKey) == 1));
          break;
        case 5:
          if (step % 4 == 0) {
            state.clear();
            mine.clear();
          }
          break;
        case 6:
          RC_ASSERT(state.contains(mapKey) == (found != mine.end()));
          if (found != mine.end()) world.read(found->second.used);
          break;
        case 7:
          RC_ASSERT(state.size() == mine.size());
          RC_ASSERT(state.isEmpty() == mine.empty());
          break;
        case 8: {
          std::map<int, std::string> seen;
          for (const auto& [key, value] : state.entries()) {
            RC_ASSERT(seen.emplace(key, value).second);
          }
          RC_ASSERT(seen.size() == mine.size());
          for (auto& [key, element] : mine) {
            RC_ASSERT(seen[key] == element.value);
            world.read(element.used);
          }
          break;
        }
        default: {
          const std::string* value = state.get(mapKey);
          RC_ASSERT((value != nullptr) == (found != mine.end()));
          if (value == nullptr) break;
          RC_ASSERT(*value == found->second.value);
          world.read(found->second.used);
        }
      }
    }
    world.expireAll();
    dropAllExpired();
    RC_ASSERT(world.rows.entries() == model.size());
  }));
}

TEST_CASE("Reducing and aggregating state fold what is added since the last expiry") {
  REQUIRE(rc::check("model", [] {
    World world;
    const int weight = 2;
    auto reducing = world.context.reducing<int>(
        "r", [weight](int a, int b) { return a + weight * b; }, world.ttl);
    auto sum = world.context.aggregating<int>("s", Sum{}, world.ttl);
    auto longest = world.context.aggregating<std::string>("l", Longest{}, world.ttl);
    std::map<std::string, Timed<std::vector<int>>> model;
    const auto steps = *rc::gen::inRange(0, 200);
    for (int step = 0; step < steps; ++step) {
      world.nextRecord();
      dropExpired(world, model);
      const auto found = model.find(world.key);
      switch (*rc::gen::inRange(0, 6)) {
        case 0:
          reducing.clear();
          sum.clear();
          longest.clear();
          model.erase(world.key);
          break;
        case 1:
        case 2:
        case 3:
          reducing.add(step);
          sum.add(step);
          longest.add(std::string(static_cast<std::size_t>(step), 'x'));
          model[world.key].value.push_back(step);
          model[world.key].used = world.now;
          break;
        default:
          RC_ASSERT(reducing.isEmpty() == (found == model.end()));
          RC_ASSERT((reducing.get() != nullptr) == (found != model.end()));
          RC_ASSERT(sum.get().has_value() == (found != model.end()));
          RC_ASSERT(longest.get().has_value() == (found != model.end()));
          if (found == model.end()) break;
          const std::vector<int>& added = found->second.value;
          int total = added[0];
          for (std::size_t i = 1; i < added.size(); ++i) total += weight * added[i];
          RC_ASSERT(*reducing.get() == total);
          std::int64_t plain = 0;
          for (const int each : added) plain += each;
          RC_ASSERT(*sum.get() == std::to_string(plain) + "/" + std::to_string(added.size()));
          RC_ASSERT(*longest.get() ==
                    static_cast<std::size_t>(*std::max_element(added.begin(), added.end())));
          world.read(found->second.used);
      }
    }
    world.expireAll();
    dropExpired(world, model);
    RC_ASSERT(world.rows.entries() == model.size());
  }));
}

TEST_CASE("A state is there while now < last use + duration") {
  KeyedRows<int> rows;
  StateContext context(rows);
  auto onWrite = context.value<int>("w", StateTtl{Duration(10), TtlRefresh::kOnCreateAndWrite});
  auto onRead = context.value<int>("r", StateTtl{Duration(10), TtlRefresh::kOnReadAndWrite});
  rows.setCurrentKey(1);
  rows.setProcessingTime(5);
  onWrite.set(1);
  onRead.set(1);
  rows.setProcessingTime(14);
  REQUIRE(onWrite.get() != nullptr);
  REQUIRE(onRead.get() != nullptr);
  rows.setProcessingTime(15);
  REQUIRE(onWrite.get() == nullptr);
  rows.setProcessingTime(3);
  REQUIRE(onWrite.get() == nullptr);
  rows.setProcessingTime(23);
  REQUIRE(onRead.get() != nullptr);
  rows.setProcessingTime(33);
  REQUIRE(onRead.get() == nullptr);
  REQUIRE(rows.entries() == 0);
}

TEST_CASE("Expiring in the background looks at little at a time") {
  KeyedRows<int> rows;
  StateContext context(rows);
  auto map = context.map<int, int>("m", StateTtl{Duration(10)});
  rows.setCurrentKey(1);
  for (int i = 0; i < 1000; ++i) map.put(i, i);
  REQUIRE(rows.expireSome(9, 100) == 0);
  REQUIRE(rows.expireSome(10, 100) == 100);
  std::size_t removed = 100;
  int steps = 1;
  for (; rows.entries() > 0; ++steps) removed += rows.expireSome(10, 100);
  REQUIRE(removed == 1000);
  REQUIRE(steps <= 12);
}
