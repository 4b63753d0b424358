// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/state/keyed_rows.hpp>
#include <millrace/state/state_context.hpp>

#include <optional>
#include <set>
#include <string>

namespace millrace::test {

struct Add {
  int operator()(int a, int b) const { return a + b; }
};

/// A table with a state of each kind; those in the middle may have a time to live.
template <StateKey K>
struct FiveStates {
  static constexpr std::uint32_t kGroups = 16;

  explicit FiveStates(const std::optional<StateTtl>& ttl = {})
      : count(context.value<std::uint64_t>("count")),
        words(context.list<std::string>("words", ttl)),
        scores(context.map<int, std::string>("scores", ttl)),
        last(context.value<std::string>("last", ttl)),
        sum(context.reducing<int>("sum", Add{})) {
    rows.setStateIds({StateId{7}, StateId{8}, StateId{9}, StateId{10}, StateId{20}});
  }

  // Of the current key.
  void removeAll() {
    count.clear();
    words.clear();
    scores.clear();
    last.clear();
    sum.clear();
  }

  // All a key holds; maps sorted, for one that comes back has an order of its own.
  std::string render(const K& key) {
    rows.setCurrentKey(key);
    std::string text = count.get() ? std::to_string(*count.get()) : "-";
    for (const std::string& word : words.view()) text += " " + word;
    std::set<std::string> all;
    for (const auto& [score, name] : scores.entries())
      all.insert(" " + std::to_string(score) + "=" + name);
    for (const std::string& each : all) text += each;
    if (last.get()) text += " last " + *last.get();
    if (sum.get()) text += " sum " + std::to_string(*sum.get());
    return text;
  }

  KeyedRows<K> rows{kGroups};
  StateContext context{rows};
  ValueState<std::uint64_t> count;
  ListState<std::string> words;
  MapState<int, std::string> scores;
  ValueState<std::string> last;
  ReducingState<int, Add> sum;
};

}  // namespace millrace::test
