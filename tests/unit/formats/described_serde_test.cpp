// SPDX-License-Identifier: MIT
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <millrace/base/check.hpp>
#include <millrace/formats/described_serde.hpp>

namespace {

enum class Device : std::uint8_t { kDesktop, kMobile };

struct Item {
  std::string product;
  millrace::Decimal price;
  std::vector<Item> parts;
  friend bool operator==(const Item&, const Item&) = default;
};

struct Order {
  millrace::Timestamp at = 0;
  bool isPaid = false;
  std::int16_t count = 0;
  double weight = 0;
  Device device = Device::kDesktop;
  std::optional<std::string> note;
  std::vector<Item> items;
  millrace::Loose<std::int64_t> extra;
  friend bool operator==(const Order&, const Order&) = default;
};

struct Recount {  // as Order, but for one type
  std::int32_t count = 0;
};
struct Count {
  std::int16_t count = 0;
};

}  // namespace

template <>
struct millrace::EnumNames<Device> {
  static constexpr millrace::EnumName<Device> names[] = {{Device::kDesktop, "desktop"},
                                                         {Device::kMobile, "mobile"}};
};
template <>
struct millrace::Description<Item> {
  static void describe(millrace::Describer<Item>& d) {
    d.name("Item");
    d.field("product", &Item::product);
    d.field("price", &Item::price);
    d.field("parts", &Item::parts);
  }
};
template <>
struct millrace::Description<Order> {
  static void describe(millrace::Describer<Order>& d) {
    d.name("Order");
    d.timestamp("at", &Order::at);
    d.field("paid", &Order::isPaid);
    d.field("count", &Order::count);
    d.field("weight", &Order::weight);
    d.field("device", &Order::device);
    d.field("note", &Order::note);
    d.field("items", &Order::items);
    d.field("extra", &Order::extra);
  }
};
template <>
struct millrace::Description<Count> {
  static void describe(millrace::Describer<Count>& d) {
    d.name("Count");
    d.field("count", &Count::count);
  }
};
template <>
struct millrace::Description<Recount> {
  static void describe(millrace::Describer<Recount>& d) {
    d.name("Count");
    d.field("count", &Recount::count);
  }
};

using namespace millrace;

namespace {

Order anyOrder() {
  Order order;
  order.at = *rc::gen::arbitrary<std::int64_t>();
  order.isPaid = *rc::gen::arbitrary<bool>();
  order.count = *rc::gen::arbitrary<std::int16_t>();
  order.weight = *rc::gen::inRange(-1000, 1000);
  if (*rc::gen::arbitrary<bool>()) order.device = Device::kMobile;
  if (*rc::gen::arbitrary<bool>()) order.note = *rc::gen::arbitrary<std::string>();
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
    const auto price = Decimal::fromMicros(*rc::gen::arbitrary<std::int64_t>());
    order.items.push_back({*rc::gen::arbitrary<std::string>(), price, order.items});
  }
  const int extra = *rc::gen::inRange(0, 4);
  if (extra == 3) order.extra.set(*rc::gen::arbitrary<std::int64_t>());
  if (extra < 3) order.extra.clear(static_cast<LooseState>(extra));
  return order;
}

}  // namespace

TEST_CASE("A described struct has a schema in words, and so a fingerprint") {
  REQUIRE(schemaText(recordType<Order>()) ==
          "Order{at: timestamp, paid: bool, count: i16, weight: f64, device: enum8, "
          "note: optional<string>, items: vector<Item{product: string, price: decimal, "
          "parts: vector<Item>}>, extra: loose<i64>}");
  REQUIRE(toBytes(Count{258}).substr(4) == "\x02\x01");
}

TEST_CASE("A described struct is written and read back by its table") {
  REQUIRE(rc::check("round trip", [] {
    const Order order = anyOrder();
    Order back = anyOrder();
    const std::string bytes = toBytes(order);
    RC_ASSERT(fromBytes(bytes, back));
    RC_ASSERT(back == order);
    const auto size = *rc::gen::inRange<std::size_t>(0, bytes.size());
    RC_ASSERT(!fromBytes(std::string_view(bytes).substr(0, size), back));
  }));
}

TEST_CASE("Damaged bytes of a described struct are refused or read within bounds") {
  REQUIRE(rc::check("flips", [] {
    std::string bytes = toBytes(anyOrder());
    for (int i = *rc::gen::inRange(1, 6); i > 0; --i) {
      const auto at = *rc::gen::inRange<std::size_t>(4, bytes.size());
      bytes[at] = static_cast<char>(*rc::gen::inRange(0, 256));
    }
    Order order;
    if (fromBytes(bytes, order)) RC_ASSERT(toBytes(order) == bytes);
  }));
}

TEST_CASE("Bytes of another schema are refused") {
  Recount recount;
  REQUIRE_FALSE(fromBytes(toBytes(Count{1}), recount));
  REQUIRE(schemaFingerprint(recordType<Count>()) != schemaFingerprint(recordType<Recount>()));
}

TEST_CASE("Structs nested too deep are refused when written, and so when read") {
  Item item;
  for (int depth = 1; depth < kMaxRecordDepth; ++depth) item = Item{"x", {}, {item}};
  Item back;
  REQUIRE(fromBytes(toBytes(item), back));
  REQUIRE(back == item);
  REQUIRE_THROWS_AS(toBytes(Item{"x", {}, {item}}), JobError);
}
