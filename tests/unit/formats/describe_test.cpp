// SPDX-License-Identifier: MIT
#include <millrace/base/check.hpp>
#include <millrace/formats/describe.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace millrace {
namespace {

enum class Colour : signed char { kRed = -1, kBlue = 7 };

struct Origin {
  std::string host = "none";
  int port = 80;
};

struct Reading : Origin {
  Timestamp at = 5;
  std::optional<Timestamp> seen;
  bool on = true;
  std::uint16_t level = 3;
  double ratio = 0.5;
  Decimal price = Decimal::fromMicros(1'000'000);
  Colour colour = Colour::kBlue;
  std::vector<Reading> children;
  Loose<std::vector<std::optional<Decimal>>> prices;
};

const char* refuseHigh(const Reading& reading) {
  return reading.level > 9 ? "level above 9" : nullptr;
}
const char* refuseOff(const Reading& reading) { return reading.on ? nullptr : "off"; }

// Each breaks one rule of descriptions.
struct Unnamed {
  int a = 0;
};
struct Twins {
  int a = 0;
};
struct NamelessMember {
  int a = 0;
};
struct EmptyNumber {
  int a = 0;
};
struct TwoTimes {
  Timestamp a = 0;
  Timestamp b = 0;
};
struct TextTime {
  std::string a;
};
struct SmallTime {
  std::int32_t a = 0;
};
struct Crowd {
  int a = 0;
};
struct NoMembers {
  int a = 0;
};

}  // namespace

template <>
struct EnumNames<Colour> {
  static constexpr EnumName<Colour> names[] = {{Colour::kRed, "red"}, {Colour::kBlue, "blue"}};
};

template <>
struct Description<Reading> {
  static void describe(Describer<Reading>& d) {
    d.name("Reading");
    d.timestamp("at", &Reading::at).required().eventTime();
    d.timestamp("seen", &Reading::seen);
    d.field("host", &Reading::host).nonEmpty();
    d.field("on", &Reading::on);
    d.field("level", &Reading::level).nullIsAbsent();
    d.field("ratio", &Reading::ratio);
    d.field("price", &Reading::price);
    d.field("colour", &Reading::colour);
    d.field("children", &Reading::children);
    d.field("prices", &Reading::prices);
    d.check(&refuseHigh);
    d.check(&refuseOff);
  }
};

template <>
struct Description<Unnamed> {
  static void describe(Describer<Unnamed>& d) { d.field("a", &Unnamed::a); }
};
template <>
struct Description<Twins> {
  static void describe(Describer<Twins>& d) {
    d.name("Twins");
    d.field("a", &Twins::a);
    d.field("a", &Twins::a);
  }
};
template <>
struct Description<NamelessMember> {
  static void describe(Describer<NamelessMember>& d) {
    d.name("NamelessMember");
    d.field("", &NamelessMember::a);
  }
};
template <>
struct Description<EmptyNumber> {
  static void describe(Describer<EmptyNumber>& d) {
    d.name("EmptyNumber");
    d.field("a", &EmptyNumber::a).nonEmpty();
  }
};
template <>
struct Description<TwoTimes> {
  static void describe(Describer<TwoTimes>& d) {
    d.name("TwoTimes");
    d.timestamp("a", &TwoTimes::a).eventTime();
    d.timestamp("b", &TwoTimes::b).eventTime();
  }
};
template <>
struct Description<TextTime> {
  static void describe(Describer<TextTime>& d) {
    d.name("TextTime");
    d.field("a", &TextTime::a).eventTime();
  }
};
template <>
struct Description<SmallTime> {
  static void describe(Describer<SmallTime>& d) {
    d.name("SmallTime");
    d.field("a", &SmallTime::a).eventTime();
  }
};
template <>
struct Description<Crowd> {
  static void describe(Describer<Crowd>& d) {
    d.name("Crowd");
    for (std::size_t i = 0; i <= RecordType::kMaxMembers; ++i)
      d.field("m" + std::to_string(i), &Crowd::a);
  }
};
template <>
struct Description<NoMembers> {
  static void describe(Describer<NoMembers>& d) { d.name("NoMembers"); }
};

namespace {

template <typename T>
std::string complaint() {
  try {
    recordType<T>();
  } catch (const InternalError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("A description becomes a table of members in its order") {
  const RecordType& type = recordType<Reading>();
  CHECK(&type == &recordType<Reading>());
  CHECK(type.name() == "Reading");
  CHECK(type.size() == sizeof(Reading));
  std::string names;
  for (const Member& member : type.members()) names += member.name + " ";
  CHECK(names == "at seen host on level ratio price colour children prices ");
  REQUIRE(type.eventTime() != nullptr);
  CHECK(type.eventTime()->name == "at");
  CHECK(type.members()[0].required);
  CHECK_FALSE(type.members()[1].required);
  CHECK(type.members()[2].nonEmpty);
  CHECK(type.members()[4].nullIsAbsent);
}

TEST_CASE("Each member knows its type, its place and its default") {
  const auto& members = recordType<Reading>().members();
  Reading reading;
  reading.host = "here";
  const auto at = [&](std::size_t i) {
    return static_cast<const void*>(reinterpret_cast<const char*>(&reading) + members[i].offset);
  };
  CHECK(at(0) == &reading.at);
  CHECK(at(2) == &reading.host);
  CHECK(at(9) == &reading.prices);
  CHECK(*static_cast<const std::string*>(members[2].defaultValue) == "none");
  CHECK(*static_cast<const Timestamp*>(members[0].defaultValue) == 5);

  CHECK(members[0].type->kind == ValueKind::kTimestamp);
  CHECK(members[1].type->kind == ValueKind::kOptional);
  CHECK(members[1].type->element->kind == ValueKind::kTimestamp);
  CHECK(members[3].type->kind == ValueKind::kBool);
  CHECK(members[4].type->kind == ValueKind::kInteger);
  CHECK(members[4].type->size == 2);
  CHECK_FALSE(members[4].type->isSigned);
  CHECK(members[5].type->kind == ValueKind::kDouble);
  CHECK(members[6].type->kind == ValueKind::kDecimal);
  CHECK(members[7].type->kind == ValueKind::kEnum);
  REQUIRE(members[7].type->names->size() == 2);
  CHECK((*members[7].type->names)[0].value == -1);
  CHECK((*members[7].type->names)[0].name == "red");
  CHECK(members[9].type->kind == ValueKind::kLoose);
  CHECK(members[9].type->element->kind == ValueKind::kVector);
  CHECK(members[9].type->element->element->kind == ValueKind::kOptional);
  CHECK(members[9].type->element->element->element->kind == ValueKind::kDecimal);
}

TEST_CASE("A struct may hold a vector of itself") {
  const ValueType& children = *recordType<Reading>().members()[8].type;
  CHECK(children.kind == ValueKind::kVector);
  CHECK(&children.element->record() == &recordType<Reading>());
}

TEST_CASE("Checks are asked in order, and the first reason counts") {
  const RecordType& type = recordType<Reading>();
  Reading reading;
  CHECK(type.check(&reading) == nullptr);
  reading.on = false;
  CHECK(std::string(type.check(&reading)) == "off");
  reading.level = 10;
  CHECK(std::string(type.check(&reading)) == "level above 9");
}

TEST_CASE("A struct may be described without members and without a time") {
  CHECK(recordType<NoMembers>().members().empty());
  CHECK(recordType<NoMembers>().eventTime() == nullptr);
}

TEST_CASE("A contradictory description says what is wrong with it") {
  CHECK(complaint<Reading>().empty());
  CHECK_THAT(complaint<Unnamed>(), Catch::Contains("needs a name"));
  CHECK_THAT(complaint<Twins>(), Catch::Contains("Twins.a is described twice"));
  CHECK_THAT(complaint<NamelessMember>(), Catch::Contains("member without a name"));
  CHECK_THAT(complaint<EmptyNumber>(), Catch::Contains("EmptyNumber.a is nonEmpty()"));
  CHECK_THAT(complaint<TwoTimes>(), Catch::Contains("TwoTimes has more than one eventTime()"));
  CHECK_THAT(complaint<TextTime>(), Catch::Contains("TextTime.a is eventTime() but no Timestamp"));
  CHECK_THAT(complaint<SmallTime>(), Catch::Contains("SmallTime.a is eventTime()"));
  CHECK_THAT(complaint<Crowd>(), Catch::Contains("kMaxMembers"));
}

TEST_CASE("Loose values are equal when their states are, and their values where they have one") {
  Loose<int> a;
  CHECK(a.state() == LooseState::kAbsent);
  a.set(3);
  CHECK(a == Loose<int>(3));
  CHECK_FALSE(a == Loose<int>(4));
  a.clear(LooseState::kNull);
  CHECK_FALSE(a == Loose<int>());
  a.clear();
  CHECK(a == Loose<int>());
}

}  // namespace
}  // namespace millrace
