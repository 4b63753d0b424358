// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <string>

#include <millrace/checkpoint/state_catalog.hpp>

namespace millrace {
namespace {

StateDeclaration count(std::vector<std::string> schemas = {}) {
  return {"count", "value", "string", "i64", std::move(schemas)};
}

TEST_CASE("Every instance of an operator gets the same id for a state, and others get others") {
  StateCatalog catalog;
  const StateId first = catalog.declare("a", 0, count()).value();
  REQUIRE(catalog.declare("a", 1, count()).value() == first);
  REQUIRE(catalog.declare("b", 0, count()).value() != first);
  const Status twice = catalog.declare("a", 1, count()).status();
  REQUIRE(twice.code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("A saved state keeps its id, whatever order states are declared in") {
  StateCatalog before;
  before.declare("a", 0, count()).value();
  const StateId saved = before.declare("b", 0, count()).value();
  StateCatalog after(before.states());
  const StateId fresh = after.declare("c", 0, count()).value();
  REQUIRE(after.declare("b", 0, count()).value() == saved);
  REQUIRE(fresh != saved);
  REQUIRE(after.unclaimed().size() == 1);
  REQUIRE(after.unclaimed()[0].operatorName == "a");
  REQUIRE(after.saved(saved)->operatorName == "b");
  REQUIRE(after.saved(fresh) == nullptr);
  REQUIRE(after.saved("a", "count")->id == StateId{0});
  REQUIRE(after.saved("c", "count") == nullptr);
  REQUIRE(after.saved("a", "fresh") == nullptr);
}

TEST_CASE("A saved state of another type is refused with both types") {
  StateCatalog before;
  before.declare("a", 0, count()).value();
  StateCatalog after(before.states());
  StateDeclaration other = count();
  other.valueType = "f64";
  const Status refused = after.declare("a", 0, other).status();
  REQUIRE(refused.code() == absl::StatusCode::kFailedPrecondition);
  const std::string message(refused.message());
  REQUIRE(message.find("i64") != std::string::npos);
  REQUIRE(message.find("f64") != std::string::npos);
  REQUIRE(message.find("'count'") != std::string::npos);
}

TEST_CASE("Schemas of entries that may still be there are kept through any number of versions") {
  StateCatalog first;
  first.declare("a", 0, count({"A{x: i64}"})).value();
  StateCatalog second(first.states());
  second.declare("a", 0, count({"A{x: i64, y: i64}"})).value();
  StateCatalog third(second.states());
  third.declare("a", 0, count({"A{y: i64}"})).value();
  third.declare("a", 1, count({"A{y: i64}"})).value();
  REQUIRE(third.states()[0].declaration.schemas ==
          std::vector<std::string>{"A{y: i64}", "A{x: i64, y: i64}", "A{x: i64}"});
}

TEST_CASE("The id of a dropped state is not given out again in the run that dropped it") {
  StateCatalog before;
  const StateId dropped = before.declare("a", 0, count()).value();
  StateCatalog after(before.states());
  after.drop(dropped);
  REQUIRE(after.states().empty());
  REQUIRE(after.declare("b", 0, count()).value() != dropped);
}

}  // namespace
}  // namespace millrace
