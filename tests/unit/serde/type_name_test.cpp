// SPDX-License-Identifier: MIT
#include <absl/container/flat_hash_map.h>

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <millrace/base/type_name.hpp>

namespace shop {
struct Order {};
template <typename T>
struct Box {};
enum class Colour { kRed };
struct Renamed {
  static constexpr std::string_view kTypeName = "order-v2";
};
}  // namespace shop

using millrace::typeName;

TEST_CASE("Built-in types are named after what they hold") {
  REQUIRE(typeName<int>() == "i32");
  REQUIRE(typeName<long>() == "i64");
  REQUIRE(typeName<long long>() == "i64");
  REQUIRE(typeName<unsigned char>() == "u8");
  REQUIRE(typeName<bool>() == "bool");
  REQUIRE(typeName<double>() == "f64");
  REQUIRE(typeName<std::string>() == "string");
}

TEST_CASE("Containers are named without their plumbing") {
  REQUIRE(typeName<std::map<std::string, std::vector<std::optional<double>>>>() ==
          "map<string, vector<optional<f64>>>");
  REQUIRE(typeName<absl::flat_hash_map<std::string, long>>() == "flat_hash_map<string, i64>");
  REQUIRE(typeName<std::pair<char, bool>>() == "pair<char, bool>");
}

TEST_CASE("User types keep their namespace, or the name they give themselves") {
  REQUIRE(typeName<shop::Order>() == "shop::Order");
  REQUIRE(typeName<shop::Box<shop::Order>>() == "shop::Box<shop::Order>");
  REQUIRE(typeName<shop::Colour>() == "shop::Colour");
  REQUIRE(typeName<shop::Box<shop::Renamed>>() == "shop::Box<order-v2>");
}
