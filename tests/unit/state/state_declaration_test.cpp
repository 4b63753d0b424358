// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include <millrace/state/keyed_rows.hpp>
#include <millrace/state/state_context.hpp>

using namespace millrace;
using Catch::Matchers::Contains;

namespace {

std::string messageOf(const std::function<void(StateContext&)>& declareWrongly) {
  KeyedRows<int> rows;
  StateContext context(rows);
  try {
    declareWrongly(context);
  } catch (const JobError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("A wrong declaration says what is wrong") {
  CHECK_THAT(messageOf([](StateContext& c) {
               c.value<int>("seen");
               c.list<std::string>("seen");
             }),
             Contains("state 'seen' is declared twice, as value<i32> and as list<string>"));
  CHECK_THAT(messageOf([](StateContext& c) {
               c.value<int>("seen");
               c.value<long>("seen");
             }),
             Contains("as value<i32> and as value<i64>"));
  CHECK_THAT(messageOf([](StateContext& c) { c.map<int, double>(""); }),
             Contains("map<i32 -> f64> state has no name"));
  CHECK_THAT(messageOf([](StateContext& c) { c.value<int>("v", StateTtl{Duration(0)}); }),
             Contains("'v' has a time to live of 0 ms (must be positive)"));
}

TEST_CASE("An operator declares up to its limit of states, all of which work") {
  KeyedRows<int> rows;
  StateContext context(rows);
  std::vector<ValueState<std::size_t>> states;
  for (std::size_t i = 0; i < kMaxStatesPerOperator; ++i) {
    states.push_back(context.value<std::size_t>("s" + std::to_string(i)));
  }
  REQUIRE_THROWS_WITH(context.value<int>("more"), Contains("one too many"));
  rows.setCurrentKey(7);
  for (std::size_t i = 0; i < states.size(); ++i) states[i].set(i);
  for (std::size_t i = 0; i < states.size(); ++i) REQUIRE(*states[i].get() == i);
  for (auto& state : states) {
    REQUIRE(rows.entries() == 1);
    state.clear();
  }
  REQUIRE(rows.entries() == 0);
}

TEST_CASE("Declaring after the first record is refused") {
  KeyedRows<int> rows;
  StateContext context(rows);
  auto first = context.value<int>("first");
  rows.setCurrentKey(1);
  first.set(1);
  REQUIRE_THROWS_WITH(context.value<int>("second"), Contains("declare states in open()"));
}

TEST_CASE("A handle that was never declared reads as empty and says so when written") {
  ValueState<int> value;
  ListState<int> list;
  MapState<int, int> map;
  ReducingState<int, std::plus<int>> reducing;
  REQUIRE(value.get() == nullptr);
  REQUIRE(list.view().empty());
  REQUIRE(map.entries().empty());
  REQUIRE_FALSE(map.remove(1));
  value.clear();
  REQUIRE_THROWS_WITH(value.set(1), Contains("never declared"));
  REQUIRE_THROWS_WITH(list.add(1), Contains("never declared"));
  REQUIRE_THROWS_WITH(map.put(1, 1), Contains("never declared"));
  REQUIRE_THROWS_WITH(reducing.add(1), Contains("never declared"));
}

TEST_CASE("Writing without a current key is an error") {
  KeyedRows<int> rows;
  StateContext context(rows);
  auto value = context.value<int>("v");
  REQUIRE_THROWS_AS(value.set(1), JobError);
  rows.setCurrentKey(1);
  value.set(1);
  rows.leaveCurrentKey();
  REQUIRE(value.get() == nullptr);
  REQUIRE_THROWS_AS(value.set(2), JobError);
}

TEST_CASE("The store knows its states by name, kind, type and TTL") {
  KeyedRows<int> rows;
  StateContext context(rows);
  const StateTtl ttl{Duration(5), TtlRefresh::kOnReadAndWrite};
  context.map<std::string, double>("prices", ttl);
  context.reducing<int>("sum", std::plus<int>());
  REQUIRE(rows.states().size() == 2);
  REQUIRE(rows.states()[0].name == "prices");
  REQUIRE(rows.states()[0].typeText() == "map<string -> f64>");
  REQUIRE(rows.states()[0].ttl == ttl);
  REQUIRE(rows.states()[1].typeText() == "reducing<i32>");
}
