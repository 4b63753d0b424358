// SPDX-License-Identifier: MIT
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <rapidcheck.h>

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <millrace/serde/serde.hpp>

namespace rc {
template <typename T>
struct Arbitrary<std::optional<T>> {
  static Gen<std::optional<T>> arbitrary() {
    return gen::map(gen::arbitrary<std::pair<bool, T>>(), [](std::pair<bool, T> drawn) {
      return drawn.first ? std::optional<T>(std::move(drawn.second)) : std::nullopt;
    });
  }
};
}  // namespace rc

using namespace millrace;
using namespace std::string_view_literals;

namespace {

enum class Colour : std::uint16_t { kRed = 1, kBlue = 515 };

struct Nothing {
  friend bool operator==(const Nothing&, const Nothing&) = default;
};
void millraceWrite(const Nothing&, ByteWriter&) {}
bool millraceRead(ByteReader&, Nothing&) { return true; }

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  friend bool operator==(const Tree&, const Tree&) = default;
};
void millraceWrite(const Tree& tree, ByteWriter& out);
bool millraceRead(ByteReader& in, Tree& tree);
void millraceWrite(const Tree& tree, ByteWriter& out) {
  Serde<int>::write(tree.value, out);
  Serde<std::vector<Tree>>::write(tree.children, out);
}
bool millraceRead(ByteReader& in, Tree& tree) {
  return Serde<int>::read(in, tree.value) && Serde<std::vector<Tree>>::read(in, tree.children);
}

static_assert(Serialisable<std::map<std::string, std::tuple<int, bool, double>>>);
static_assert(!Serialisable<int*>);
static_assert(!Serialisable<std::vector<int*>>);
static_assert(!Serialisable<std::string_view>, "would read into nothing");

template <typename T>
bool comesBack(const T& value) {
  T back{};
  return fromBytes(toBytes(value), back) && back == value;
}

// A proper beginning of a value's bytes is refused.
template <typename T>
bool refusesBeginning(const T& value) {
  const std::string bytes = toBytes(value);
  const auto size = *rc::gen::inRange<std::size_t>(0, bytes.size());
  T back{};
  return !fromBytes(std::string_view(bytes).substr(0, size), back);
}

template <typename T>
void checkRoundTrip(const char* type) {
  INFO(type);
  CHECK(rc::check(type, [](const T& value) {
    RC_ASSERT(comesBack(value));
    RC_ASSERT(refusesBeginning(value));
  }));
}

// Whatever the bytes: no crash, no reading past the end, and what is accepted is what
// would be written.
template <typename T>
void checkHostileBytes(const char* type) {
  INFO(type);
  CHECK(rc::check(type, [](const std::vector<std::uint8_t>& noise) {
    // A small alphabet makes plausible lengths and flags frequent.
    const bool isTame = *rc::gen::arbitrary<bool>();
    std::string bytes;
    for (const std::uint8_t byte : noise) {
      bytes.push_back(static_cast<char>(isTame ? byte % 4 : byte));
    }
    ByteReader in(bytes);
    T value{};
    if (!Serde<T>::read(in, value)) return;
    const std::string consumed = bytes.substr(0, bytes.size() - in.remaining());
    RC_ASSERT(toBytes(value).size() == consumed.size());
    RC_ASSERT(comesBack(value));
  }));
}

using Nested = std::map<std::string, std::optional<std::pair<int, std::vector<bool>>>>;
using Wide = std::tuple<bool, std::int8_t, std::uint64_t, std::string, std::array<int, 3>>;

}  // namespace

TEST_CASE("The bytes of a value are fixed") {
  REQUIRE(toBytes(true) == "\x01"sv);
  REQUIRE(toBytes(std::int32_t{-2}) == "\xfe\xff\xff\xff"sv);
  REQUIRE(toBytes(Colour::kBlue) == "\x03\x02"sv);
  REQUIRE(toBytes(1.0) == "\0\0\0\0\0\0\xf0\x3f"sv);
  REQUIRE(toBytes(std::string("hi")) == "\x02hi"sv);
  REQUIRE(toBytes(std::optional<char>('x')) == "\x01x"sv);
  REQUIRE(toBytes(std::optional<char>()) == "\0"sv);
  REQUIRE(toBytes(std::tuple<char, std::string>('a', "b")) ==
          "a\x01"
          "b"sv);
  REQUIRE(toBytes(std::vector<char>{'x', 'y'}) == "\x02xy"sv);
  REQUIRE(toBytes(std::map<char, char>{{'b', '2'}, {'a', '1'}}) ==
          "\x02"
          "a1b2"sv);
  REQUIRE(toBytes(std::chrono::milliseconds(1)) == "\x01\0\0\0\0\0\0\0"sv);
}

TEST_CASE("What is written is read back, and nothing shorter is") {
  checkRoundTrip<bool>("bool");
  checkRoundTrip<std::int64_t>("i64");
  checkRoundTrip<std::string>("string");
  checkRoundTrip<std::vector<bool>>("vector<bool>");
  checkRoundTrip<std::vector<std::string>>("vector<string>");
  checkRoundTrip<std::set<int>>("set");
  checkRoundTrip<Nested>("nested");
  checkRoundTrip<Wide>("tuple");
}

TEST_CASE("Damaged bytes are refused or read as something that writes the same") {
  checkHostileBytes<bool>("bool");
  checkHostileBytes<std::string>("string");
  checkHostileBytes<std::optional<std::uint16_t>>("optional");
  checkHostileBytes<std::vector<std::string>>("vector<string>");
  checkHostileBytes<std::vector<std::vector<std::uint8_t>>>("vector<vector>");
  checkHostileBytes<std::map<std::uint8_t, std::string>>("map");
  checkHostileBytes<absl::flat_hash_set<std::uint16_t>>("flat_hash_set");
  checkHostileBytes<Nested>("nested");
  checkHostileBytes<Wide>("tuple");
  checkHostileBytes<Tree>("user type");
}

TEST_CASE("User types and empty types come back, in containers too") {
  REQUIRE(comesBack(Tree{1, {{2, {}}, {3, {{4, {}}}}}}));
  REQUIRE(comesBack(std::vector<Nothing>(5)));
  REQUIRE(comesBack(std::optional<Nothing>(Nothing{})));
}

TEST_CASE("A few bytes cannot claim billions of elements") {
  std::string bytes;
  ByteWriter(bytes).length(std::uint64_t{1} << 40);
  std::vector<Nothing> nothings;
  std::vector<std::array<std::uint64_t, 64>> wide;
  std::string text;
  REQUIRE_FALSE(fromBytes(bytes, nothings));
  REQUIRE_FALSE(fromBytes(bytes, wide));
  REQUIRE_FALSE(fromBytes(bytes, text));
  REQUIRE(wide.capacity() == 0);
}

TEST_CASE("Equal unordered containers have equal bytes") {
  REQUIRE(rc::check("order of insertion", [](const std::map<std::string, int>& content) {
    absl::flat_hash_map<std::string, int> forwards(content.begin(), content.end());
    absl::flat_hash_map<std::string, int> backwards(content.rbegin(), content.rend());
    backwards.reserve(1000);
    RC_ASSERT(toBytes(forwards) == toBytes(backwards));
    RC_ASSERT(comesBack(forwards));
  }));
}

TEST_CASE("Maps and sets with an element twice are refused") {
  std::map<char, char> map;
  std::set<char> set;
  REQUIRE_FALSE(
      fromBytes("\x02"
                "a1a2",
                map));
  REQUIRE_FALSE(
      fromBytes("\x02"
                "aa",
                set));
}

TEST_CASE("Doubles keep every bit") {
  double back = 0;
  REQUIRE(fromBytes(toBytes(-0.0), back));
  REQUIRE(std::signbit(back));
  REQUIRE(fromBytes(toBytes(std::nan("7")), back));
  REQUIRE(std::isnan(back));
}

TEST_CASE("Bytes left over are not a value") {
  int value = 0;
  REQUIRE_FALSE(fromBytes(toBytes(1) + "x", value));
}
