// SPDX-License-Identifier: MIT
#include "padded_line.hpp"
#include "plain_json.hpp"

#include <millrace/formats/json_reader.hpp>
#include <millrace/formats/json_writer.hpp>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace millrace {
namespace {

enum class Size : std::uint8_t { kSmall = 1, kLarge = 200 };

struct Item {
  std::string name;
  Decimal price;
  friend bool operator==(const Item&, const Item&) = default;
};

struct Order {
  Timestamp at = 0;
  bool paid = false;
  std::int8_t tiny = 0;
  std::uint64_t huge = 0;
  double ratio = 0;
  Size size = Size::kSmall;
  std::string note;
  std::vector<Item> items;
  std::optional<std::string> code;
  std::optional<Timestamp> shipped;
  Loose<std::int64_t> points;
  friend bool operator==(const Order&, const Order&) = default;
};

}  // namespace

template <>
struct EnumNames<Size> {
  static constexpr EnumName<Size> names[] = {{Size::kSmall, "small"}, {Size::kLarge, "large"}};
};

template <>
struct Description<Item> {
  static void describe(Describer<Item>& d) {
    d.name("Item");
    d.field("name", &Item::name);
    d.field("price", &Item::price);
  }
};

template <>
struct Description<Order> {
  static void describe(Describer<Order>& d) {
    d.name("Order");
    d.timestamp("at", &Order::at);
    d.field("paid", &Order::paid);
    d.field("tiny", &Order::tiny);
    d.field("huge", &Order::huge);
    d.field("ratio", &Order::ratio);
    d.field("size", &Order::size);
    d.field("note", &Order::note);
    d.field("items", &Order::items);
    d.field("code", &Order::code);
    d.timestamp("shipped", &Order::shipped);
    d.field("points", &Order::points);
  }
};

namespace {

std::string json(const Order& order) {
  std::string text;
  writeJson(order, text);
  return text;
}

TEST_CASE("A writer puts commas, colons and quotes") {
  std::string text = "> ";
  JsonWriter(text)
      .beginObject()
      .key("window_start")
      .timestamp(0)
      .key("count")
      .integer(123)
      .key("revenue")
      .decimal(Decimal::fromMicros(300'000'000))
      .key("top")
      .beginArray()
      .beginObject()
      .key("a")
      .boolean(true)
      .endObject()
      .beginObject()
      .endObject()
      .null()
      .real(0.1)
      .endArray()
      .key("none")
      .beginArray()
      .endArray()
      .key("s")
      .string("x")
      .endObject();
  CHECK(
      text ==
      R"(> {"window_start":"1970-01-01T00:00:00.000Z","count":123,"revenue":300.00,"top":[{"a":true},{},null,0.1],"none":[],"s":"x"})");
}

TEST_CASE("Strings are escaped where JSON demands it and nowhere else") {
  const auto quoted = [](std::string_view value) {
    std::string text;
    JsonWriter(text).string(value);
    return text;
  };
  CHECK(quoted("") == R"("")");
  CHECK(quoted("plain") == R"("plain")");
  CHECK(quoted("a\"b\\c/") == R"("a\"b\\c/")");
  CHECK(quoted("\n\r\t\b\f") == R"("\n\r\t\u0008\u000c")");
  CHECK(quoted(std::string_view("\0\x1f\x7f", 3)) == "\"\\u0000\\u001f\x7f\"");
  CHECK(quoted("gr\xc3\xb6\xc3\x9f"
               "e") ==
        "\"gr\xc3\xb6\xc3\x9f"
        "e\"");
}

TEST_CASE("Numbers are written in full") {
  std::string text;
  JsonWriter(text)
      .beginArray()
      .integer(std::numeric_limits<std::int64_t>::min())
      .integer(std::numeric_limits<std::uint64_t>::max())
      .integer(std::int8_t{-5})
      .real(1e300)
      .real(-0.0)
      .real(std::numeric_limits<double>::infinity())
      .real(std::nan(""))
      .endArray();
  CHECK(text == "[-9223372036854775808,18446744073709551615,-5,1e+300,-0,null,null]");
}

TEST_CASE("A described struct is written in the order of its description") {
  Order order;
  order.tiny = -7;
  order.huge = std::numeric_limits<std::uint64_t>::max();
  order.size = Size::kLarge;
  order.note = "a\nb";
  CHECK(
      json(order) ==
      R"({"at":"1970-01-01T00:00:00.000Z","paid":false,"tiny":-7,"huge":18446744073709551615,"ratio":0,"size":"large","note":"a\nb","items":[]})");
  order.items = {{"x", Decimal::fromMicros(1'500'000)}, {"y", {}}};
  order.code = "c";
  order.shipped = 1;
  order.points.set(3);
  CHECK_THAT(
      json(order),
      Catch::EndsWith(
          R"("items":[{"name":"x","price":1.50},{"name":"y","price":0.00}],"code":"c","shipped":"1970-01-01T00:00:00.001Z","points":3})"));
  order.points.clear(LooseState::kMismatched);
  CHECK_THAT(json(order), Catch::EndsWith(R"("points":null})"));
  order.size = Size{9};
  CHECK_THAT(json(order), Catch::Contains(R"("size":null)"));
}

// Any text of up to 20 characters, from all planes of Unicode.
std::string anyText() {
  std::string text;
  for (int left = *rc::gen::inRange(0, 20); left > 0; --left) {
    static const std::vector<std::string> some = {"a",
                                                  "\"",
                                                  "\\",
                                                  "/",
                                                  "\n",
                                                  "\x01",
                                                  "\x7f",
                                                  "\xc3\xb6",
                                                  "\xe2\x82\xac",
                                                  "\xf0\x9f\x98\x80",
                                                  " ",
                                                  "{",
                                                  "}",
                                                  ",",
                                                  std::string(1, '\0')};
    text += *rc::gen::elementOf(some);
  }
  return text;
}

Order anyOrder() {
  Order order;
  order.at = *rc::gen::inRange<Timestamp>(-62'135'596'800'000, 253'402'300'800'000);
  order.paid = *rc::gen::arbitrary<bool>();
  order.tiny = *rc::gen::arbitrary<std::int8_t>();
  order.huge = *rc::gen::arbitrary<std::uint64_t>();
  order.ratio = *rc::gen::arbitrary<double>();
  order.size = *rc::gen::element(Size::kSmall, Size::kLarge);
  order.note = anyText();
  for (int left = *rc::gen::inRange(0, 4); left > 0; --left)
    order.items.push_back({anyText(), Decimal::fromMicros(*rc::gen::arbitrary<std::int64_t>())});
  if (*rc::gen::arbitrary<bool>()) order.code = anyText();
  if (*rc::gen::arbitrary<bool>())
    order.shipped = *rc::gen::inRange<Timestamp>(0, 4'000'000'000'000);
  const int state = *rc::gen::inRange(0, 3);
  if (state == 1) order.points.set(*rc::gen::arbitrary<std::int64_t>());
  if (state == 2) order.points.clear(LooseState::kNull);
  return order;
}

TEST_CASE("What is written is valid JSON and is read back") {
  JsonReader<Order> reader;
  Order read;  // recycled throughout
  CHECK(rc::check("round trip", [&] {
    const Order order = anyOrder();
    const std::string text = json(order);
    RC_LOG() << text << "\n";
    RC_ASSERT(PlainJson(text, kMaxJsonDepth).isOneObject());
    DecodeError error;
    RC_ASSERT(reader.decode(PaddedLine(text).view(), read, error));
    RC_ASSERT(read == order);
  }));
}

}  // namespace
}  // namespace millrace
