// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <millrace/base/hash.hpp>
#include <millrace/formats/described_serde.hpp>
#include <millrace/state/keyed_rows.hpp>
#include <millrace/state/state_context.hpp>

#include "unit/state/replayed_changes.hpp"

namespace {

// Three versions of one program's structs.
struct Item1 {
  std::string product;
  std::int32_t pieces = 0;
};
struct Item2 {
  std::string product;
  std::string colour = "white";  // added; pieces is gone
  friend bool operator==(const Item2&, const Item2&) = default;
};
struct Basket1 {
  std::string owner;
  std::optional<double> discount;
  std::vector<Item1> items;
  std::vector<std::string> tags;
  millrace::Timestamp at = 0;
};
struct Basket2 {
  millrace::Timestamp at = 0;  // moved
  std::int64_t visits = 7;     // added; discount and tags are gone
  std::string owner;
  std::vector<Item2> items;
  friend bool operator==(const Basket2&, const Basket2&) = default;
};
struct Basket3 {
  std::int64_t owner = 0;
};
struct Other {
  std::string owner;
  friend bool operator==(const Other&, const Other&) = default;
  friend std::uint64_t millraceHash(const Other& other) {
    return millrace::millraceHash(other.owner);
  }
};

}  // namespace

namespace millrace {

template <>
struct Description<Item1> {
  static void describe(Describer<Item1>& d) {
    d.name("Item");
    d.field("product", &Item1::product);
    d.field("pieces", &Item1::pieces);
  }
};
template <>
struct Description<Item2> {
  static void describe(Describer<Item2>& d) {
    d.name("Item");
    d.field("product", &Item2::product);
    d.field("colour", &Item2::colour);
  }
};
template <>
struct Description<Basket1> {
  static void describe(Describer<Basket1>& d) {
    d.name("Basket");
    d.field("owner", &Basket1::owner);
    d.field("discount", &Basket1::discount);
    d.field("items", &Basket1::items);
    d.field("tags", &Basket1::tags);
    d.timestamp("at", &Basket1::at);
  }
};
template <>
struct Description<Basket2> {
  static void describe(Describer<Basket2>& d) {
    d.name("Basket");
    d.timestamp("at", &Basket2::at);
    d.field("visits", &Basket2::visits);
    d.field("owner", &Basket2::owner);
    d.field("items", &Basket2::items);
  }
};
template <>
struct Description<Basket3> {
  static void describe(Describer<Basket3>& d) {
    d.name("Basket");
    d.field("owner", &Basket3::owner);
  }
};
template <>
struct Description<Other> {
  static void describe(Describer<Other>& d) {
    d.name("Other");
    d.field("owner", &Other::owner);
  }
};

namespace {

using Catch::Matchers::Contains;
using test::ReplayedChanges;

const Basket1 kOld{"ann", 0.5, {{"tea", 3}, {"cup", 1}}, {"x", "y"}, 42};
const Basket2 kMigrated{42, 7, "ann", {{"tea", "white"}, {"cup", "white"}}};

/// A store with baskets of one version as values, in lists and in maps.
template <typename Basket>
struct Shop {
  Shop() { rows.setStateIds({StateId{1}, StateId{2}, StateId{3}}); }

  Status migrateFrom(const std::vector<std::string>& schemas) {
    for (std::size_t state = 0; state < 3; ++state) {
      MILLRACE_RETURN_IF_ERROR(rows.setSavedSchemas(state, schemas));
    }
    return absl::OkStatus();
  }

  KeyedRows<std::string> rows;
  StateContext context{rows};
  ValueState<Basket> value = context.value<Basket>("value");
  ListState<Basket> list = context.list<Basket>("list");
  MapState<int, Basket> map = context.map<int, Basket>("map", StateTtl{Duration(10)});
};

ReplayedChanges savedShop() {
  Shop<Basket1> shop;
  shop.rows.setCurrentKey("k");
  shop.value.set(kOld);
  shop.list.add(kOld);
  shop.list.add(Basket1{});
  shop.map.put(5, kOld);
  StateChanges changes;
  shop.rows.writeAll(changes);
  return ReplayedChanges(changes);
}

TEST_CASE("Fields are added with their defaults, removed and moved, in nested structs too") {
  const ReplayedChanges saved = savedShop();
  Shop<Basket2> shop;
  REQUIRE(shop.migrateFrom(schemasOf<Basket1>()).ok());
  for (const auto& [key, entry] : saved.entries()) {
    REQUIRE(shop.rows.restoreEntry(*shop.rows.indexOf(key.first), key.second, entry.value).ok());
  }
  shop.rows.setCurrentKey("k");
  REQUIRE(*shop.value.get() == kMigrated);
  REQUIRE(shop.list.size() == 2);
  REQUIRE(shop.list.view()[0] == kMigrated);
  REQUIRE(shop.list.view()[1] == Basket2{});
  REQUIRE(*shop.map.get(5) == kMigrated);
}

TEST_CASE("Entries of several versions are read side by side") {
  const ReplayedChanges saved = savedShop();
  Shop<Basket2> shop;
  std::vector<std::string> schemas = schemasOf<Basket1>();
  schemas.push_back(schemasOf<Basket2>().front());
  REQUIRE(shop.migrateFrom(schemas).ok());
  REQUIRE(
      shop.rows
          .restoreEntry(0, toBytes(std::string("new")), std::string(1, '\0') + toBytes(kMigrated))
          .ok());
  REQUIRE(
      shop.rows.restoreEntry(0, toBytes(std::string("old")), std::string(1, '\0') + toBytes(kOld))
          .ok());
  for (const char* key : {"new", "old"}) {
    shop.rows.setCurrentKey(key);
    REQUIRE(*shop.value.get() == kMigrated);
  }
}

TEST_CASE("Damaged bytes of an older schema are refused or read within bounds") {
  const auto saved = SavedSchemas::parse(schemasOf<Basket1>());
  REQUIRE(saved.ok());
  const std::string bytes = toBytes(kOld);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader in(std::string_view(bytes).substr(0, size), &*saved);
    Basket2 basket;
    REQUIRE_FALSE(Serde<Basket2>::read(in, basket));
  }
  for (std::size_t at = 4; at < bytes.size(); ++at) {
    std::string noisy = bytes;
    noisy[at] = static_cast<char>(noisy[at] ^ 0x55);
    ByteReader in(noisy, &*saved);
    Basket2 basket;
    static_cast<void>(Serde<Basket2>::read(in, basket));
  }
}

TEST_CASE("Without the schema it was saved under a struct is refused") {
  Shop<Basket2> shop;
  const Status status =
      shop.rows.restoreEntry(0, toBytes(std::string("k")), std::string(1, '\0') + toBytes(kOld));
  REQUIRE(absl::IsDataLoss(status));
}

TEST_CASE("A field of another type is refused by the names of state, struct and field") {
  Shop<Basket3> shop;
  const Status status = shop.migrateFrom(schemasOf<Basket1>());
  REQUIRE(absl::IsFailedPrecondition(status));
  const std::string message(status.message());
  REQUIRE_THAT(message, Contains("state 'value'"));
  REQUIRE_THAT(
      message,
      Contains("field 'owner' of struct 'Basket' is of type i64, but was saved as string"));
}

TEST_CASE("Types that only wrap differently are told apart, also deep inside") {
  const auto problem = [](const std::string& saved, const std::string& today) {
    const auto schemas = SavedSchemas::parse({saved});
    REQUIRE(schemas.ok());
    return std::string(schemas->checkReadableAs({today}).message());
  };
  CHECK(problem("A{x: optional<i32>}", "A{x: optional<i32>, y: bool}") == "");
  CHECK(problem("A{x: vector<B{u: i8}>}", "A{x: vector<B{v: f64}>}") == "");
  CHECK(problem("A{x: vector<A>}", "A{x: vector<A>, y: i8}") == "");
  CHECK(problem("A{}", "A{y: i8}") == "");
  CHECK_THAT(problem("A{x: optional<i32>}", "A{x: i32}"),
             Contains("of type i32, but was saved as optional<i32>"));
  CHECK_THAT(problem("A{x: optional<i32>}", "A{x: vector<i32>}"),
             Contains("saved as optional<i32>"));
  CHECK_THAT(problem("A{x: i32}", "A{x: u32}"), Contains("saved as i32"));
  CHECK_THAT(problem("A{x: B{u: i8}}", "A{x: B{u: i16}}"), Contains("field 'u' of struct 'B'"));
  CHECK_THAT(problem("A{x: B{u: i8}}", "A{x: C{u: i8}}"),
             Contains("is of type C, but was saved as B"));
  CHECK_THAT(problem("A{x: i32}", "B{x: i32}"), Contains("struct 'A' was saved"));
}

TEST_CASE("What is no schema is refused") {
  for (const std::string text :
       {"", "A", "A{", "A{x}", "A{x: }", "A{x: i32", "A{x: i32}}", "i32", "A{x: vector<i32}"}) {
    CAPTURE(text);
    CHECK_FALSE(Schema::parse(text).ok());
  }
  std::string deep = "A{x: ";
  for (int i = 0; i < 100'000; ++i) deep += "vector<";
  CHECK_FALSE(Schema::parse(deep).ok());
}

TEST_CASE("A state's declaration has the schemas of its values; keys are spelt out in their type") {
  KeyedRows<Other> rows;
  StateContext context(rows);
  context.map<int, std::vector<Basket2>>("baskets");
  const StateDeclaration declaration = rows.declarationOf(0);
  REQUIRE(declaration.schemas == std::vector<std::string>{schemaText(recordType<Basket2>())});
  REQUIRE_THAT(declaration.keyType, Contains("with Other{owner: string}"));
  REQUIRE_THAT(declaration.valueType, !Contains("visits"));
}

}  // namespace

}  // namespace millrace
