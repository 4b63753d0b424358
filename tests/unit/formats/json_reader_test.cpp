// SPDX-License-Identifier: MIT
#include "padded_line.hpp"

#include <millrace/formats/describe.hpp>
#include <millrace/formats/json_reader.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace millrace {
namespace {

enum class Device { kMobile, kDesktop };

struct Place {
  std::string city = "nowhere";
  double latitude = 0;
};

struct Purchase {
  Loose<Decimal> amount;
  Loose<std::string> currency;
  std::vector<std::string> tags;
  std::optional<Place> place;
};

struct UserEvent {
  Timestamp timestamp = 0;
  std::string eventType;
  std::string userId;
  std::string version = "1.0";
  Purchase data;
};

struct Kinds {
  bool flag = false;
  std::int8_t tiny = 0;
  std::uint8_t byte = 0;
  std::int16_t small = 0;
  std::uint16_t medium = 0;
  std::int32_t normal = 0;
  std::uint32_t natural = 0;
  std::int64_t large = 0;
  std::uint64_t huge = 0;
  double real = 0;
  Decimal money;
  Device device = Device::kDesktop;
  std::string text = "default";
  Timestamp time = 0;
  std::optional<int> maybe;
  std::vector<std::vector<int>> grid;
  std::vector<Place> places;
  Loose<Place> loosePlace;
  Loose<std::vector<int>> looseList;
  std::string filled = "x";
  std::string lenient = "lenient";
};

struct Range {
  int low = 0;
  int high = 0;
};

// Names of every length up to 40, some the same but for their first, middle or last letter.
struct Names {
  std::optional<int> a, ab, abcdefg, abcdefgh, abcdefghi, bbcdefghi, sixteen, seventeen, middleA,
      middleB, last;
};

struct Wide {
  std::string first = "first";
  int middle = -1;
  std::optional<int> last;
  int others = 0;
};

struct Tree {
  std::string name;
  std::vector<Tree> children;
};

const char* refuseReversed(const Range& range) {
  return range.low > range.high ? "low is above high" : nullptr;
}

}  // namespace

template <>
struct EnumNames<Device> {
  static constexpr EnumName<Device> names[] = {{Device::kMobile, "mobile"},
                                               {Device::kDesktop, "desktop"}};
};

template <>
struct Description<Place> {
  static void describe(Describer<Place>& d) {
    d.name("Place");
    d.field("city", &Place::city).required();
    d.field("latitude", &Place::latitude);
  }
};

template <>
struct Description<Purchase> {
  static void describe(Describer<Purchase>& d) {
    d.name("Purchase");
    d.field("amount", &Purchase::amount);
    d.field("currency", &Purchase::currency);
    d.field("tags", &Purchase::tags);
    d.field("place", &Purchase::place);
  }
};

template <>
struct Description<UserEvent> {
  static void describe(Describer<UserEvent>& d) {
    d.name("UserEvent");
    d.timestamp("timestamp", &UserEvent::timestamp).required().eventTime();
    d.field("event_type", &UserEvent::eventType).required().nonEmpty();
    d.field("user_id", &UserEvent::userId).required().nonEmpty();
    d.field("version", &UserEvent::version);
    d.field("data", &UserEvent::data);
  }
};

template <>
struct Description<Kinds> {
  static void describe(Describer<Kinds>& d) {
    d.name("Kinds");
    d.field("flag", &Kinds::flag);
    d.field("tiny", &Kinds::tiny);
    d.field("byte", &Kinds::byte);
    d.field("small", &Kinds::small);
    d.field("medium", &Kinds::medium);
    d.field("normal", &Kinds::normal);
    d.field("natural", &Kinds::natural);
    d.field("large", &Kinds::large);
    d.field("huge", &Kinds::huge);
    d.field("real", &Kinds::real);
    d.field("money", &Kinds::money);
    d.field("device", &Kinds::device);
    d.field("text", &Kinds::text);
    d.timestamp("time", &Kinds::time);
    d.field("maybe", &Kinds::maybe);
    d.field("grid", &Kinds::grid);
    d.field("places", &Kinds::places);
    d.field("loosePlace", &Kinds::loosePlace);
    d.field("looseList", &Kinds::looseList);
    d.field("filled", &Kinds::filled).nonEmpty();
    d.field("lenient", &Kinds::lenient).nullIsAbsent();
  }
};

template <>
struct Description<Range> {
  static void describe(Describer<Range>& d) {
    d.name("Range");
    d.field("low", &Range::low);
    d.field("high", &Range::high);
    d.check(&refuseReversed);
  }
};

struct Ranges {
  Range strict;
  Loose<Range> loose;
};

template <>
struct Description<Ranges> {
  static void describe(Describer<Ranges>& d) {
    d.name("Ranges");
    d.field("strict", &Ranges::strict);
    d.field("loose", &Ranges::loose);
  }
};

template <>
struct Description<Names> {
  static void describe(Describer<Names>& d) {
    d.name("Names");
    d.field("a", &Names::a);
    d.field("ab", &Names::ab);
    d.field("abcdefg", &Names::abcdefg);
    d.field("abcdefgh", &Names::abcdefgh);
    d.field("abcdefghi", &Names::abcdefghi);
    d.field("bbcdefghi", &Names::bbcdefghi);
    d.field("abcdefghijklmnop", &Names::sixteen);
    d.field("abcdefghijklmnopq", &Names::seventeen);
    d.field("abcdefghijAlmnopqrst", &Names::middleA);
    d.field("abcdefghijBlmnopqrst", &Names::middleB);
    d.field("abcdefghijAlmnopqrsT", &Names::last);
  }
};

// More members than a machine word has bits.
template <>
struct Description<Wide> {
  static void describe(Describer<Wide>& d) {
    d.name("Wide");
    for (int i = 0; i < 63; ++i) d.field("skip" + std::to_string(i), &Wide::others);
    d.field("first", &Wide::first);
    d.field("middle", &Wide::middle).required();
    for (int i = 63; i < 200; ++i) d.field("skip" + std::to_string(i), &Wide::others);
    d.field("last", &Wide::last);
  }
};

template <>
struct Description<Tree> {
  static void describe(Describer<Tree>& d) {
    d.name("Tree");
    d.field("name", &Tree::name);
    d.field("children", &Tree::children);
  }
};

namespace {

template <typename T>
class Reading {
 public:
  explicit Reading(std::string_view line) {
    good = reader_.decode(PaddedLine(line).view(), record, error);
  }
  Reading& again(std::string_view line) {
    good = reader_.decode(PaddedLine(line).view(), record, error);
    return *this;
  }

  bool good = false;
  T record;
  DecodeError error;

 private:
  JsonReader<T> reader_;
};

std::string complaint(std::string_view member) {
  const Reading<Kinds> reading("{" + std::string(member) + "}");
  return reading.good ? "" : reading.error.message();
}

TEST_CASE("An event is read from its line") {
  const Reading<UserEvent> reading(
      R"({"timestamp":"2025-12-12T10:30:00.000Z","event_type":"purchase","user_id":"user_123","version":"1.0",)"
      R"("data":{"product_id":"prod_456","amount":99.99,"currency":"USD","session_id":"session_789","device":"mobile","browser":"chrome"}})");
  REQUIRE(reading.good);
  const UserEvent& event = reading.record;
  CHECK(event.timestamp == 1'765'535'400'000);
  CHECK(event.eventType == "purchase");
  CHECK(event.userId == "user_123");
  CHECK(event.version == "1.0");
  CHECK(event.data.amount == Decimal::fromMicros(99'990'000));
  CHECK(event.data.currency == std::string("USD"));
  CHECK(reading.error.fault == DecodeFault::kNone);
}

TEST_CASE("The order of members and the space around them do not matter") {
  std::vector<std::string> members = {
      R"("timestamp" : "2025-12-12T10:30:00Z")", R"("event_type":"login" )", R"( "user_id":"u")",
      R"("data":{"currency" :"EUR", "amount": 1e2 } )", R"("other":[{"user_id":"no"}])"};
  std::sort(members.begin(), members.end());
  do {
    std::string line = "{";
    for (const std::string& member : members) line += (line.size() > 1 ? "," : "") + member;
    const Reading<UserEvent> reading(line + "}");
    REQUIRE(reading.good);
    CHECK(reading.record.eventType == "login");
    CHECK(reading.record.userId == "u");
    CHECK(reading.record.data.amount == Decimal::fromMicros(100'000'000));
  } while (std::next_permutation(members.begin(), members.end()));
}

TEST_CASE("Names and strings may be written with escapes") {
  const Reading<UserEvent> reading(
      R"({"\u0074imestamp":"2025-12-12T10:30:00\u005a","event\u005ftype":"gr\u00f6\u00DFe \"\\\/\b\f\n\r\t \ud83d\ude00","user_id":"a\u0000b"})");
  REQUIRE(reading.good);
  CHECK(reading.record.timestamp == 1'765'535'400'000);
  CHECK(reading.record.eventType ==
        "gr\xc3\xb6\xc3\x9f"
        "e \"\\/\b\f\n\r\t \xf0\x9f\x98\x80");
  CHECK(reading.record.userId == std::string("a\0b", 3));
}

TEST_CASE("Half of a surrogate pair is invalid where it is read and nowhere else") {
  for (const char* text : {"\\ud83d", "x\\ud83d", "\\ude00", "\\ude00\\ud83d", "\\ud83d\\n",
                           "\\ud83d\\u0041", "\\ud83dx"}) {
    CAPTURE(text);
    const std::string quoted = "\"" + std::string(text) + "\"";
    CHECK(complaint("\"text\":" + quoted) == "Kinds.text: half of a surrogate pair");
    CHECK(complaint("\"unknown\":" + quoted) == "");
    CHECK(complaint(quoted + ":1") == "");
    const Reading<UserEvent> loose(
        R"({"timestamp":"2025-12-12T10:30:00Z","event_type":"a","user_id":"b","data":{"currency":)" +
        quoted + "}}");
    CHECK(loose.good);
    CHECK(loose.record.data.currency.state() == LooseState::kMismatched);
  }
}

TEST_CASE("Missing, null, mistyped and empty members are named") {
  struct Row {
    const char* line;
    const char* message;
    DecodeFault fault;
  };
  const Row rows[] = {
      {R"({"event_type":"login","user_id":"u"})", "UserEvent.timestamp: missing",
       DecodeFault::kMissing},
      {R"({"timestamp":"2025-12-12T10:30:00Z","event_type":"login"})", "UserEvent.user_id: missing",
       DecodeFault::kMissing},
      {R"({"timestamp":"2025-12-12T10:30:00Z","event_type":7,"user_id":"u"})",
       "UserEvent.event_type: a string was expected", DecodeFault::kWrongType},
      {R"({"timestamp":"2025-12-12T10:30:00Z","event_type":"login","user_id":null})",
       "UserEvent.user_id: a string was expected", DecodeFault::kWrongType},
      {R"({"timestamp":"2025-12-12T10:30:00Z","event_type":"","user_id":"u"})",
       "UserEvent.event_type: empty", DecodeFault::kEmpty},
      {R"({"timestamp":"yesterday","event_type":"login","user_id":"u"})",
       "UserEvent.timestamp: not an RFC 3339 time", DecodeFault::kBadTimestamp},
      {R"({"timestamp":1765535400000,"event_type":"login","user_id":"u"})",
       "UserEvent.timestamp: a string was expected", DecodeFault::kWrongType},
      {R"({"timestamp":"2025-12-12T10:30:00Z","event_type":"login","user_id":"u","version":null})",
       "UserEvent.version: a string was expected", DecodeFault::kWrongType},
      {R"({"timestamp":"2025-12-12T10:30:00Z","event_type":"login","user_id":"u","data":[]})",
       "UserEvent.data: an object was expected", DecodeFault::kWrongType},
      {R"({"timestamp":"2025-12-12T10:30:00Z","event_type":"login","user_id":"u","data":null})",
       "UserEvent.data: an object was expected", DecodeFault::kWrongType},
      {R"({"timestamp":"2025-12-12T10:30:00Z","event_type":"login","user_id":"u","data":{"tags":["a",1]}})",
       "Purchase.tags: a string was expected", DecodeFault::kWrongType},
      {R"({"timestamp":"2025-12-12T10:30:00Z","event_type":"login","user_id":"u","data":{"place":{}}})",
       "Place.city: missing", DecodeFault::kMissing},
      {R"({"timestamp":"2025-12-12T10:30:00Z","event_type":"login","user_id":"u"} trailing)",
       "not one valid JSON object", DecodeFault::kSyntax},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const Reading<UserEvent> reading(row.line);
    CHECK_FALSE(reading.good);
    CHECK(reading.error.message() == row.message);
    CHECK(reading.error.fault == row.fault);
  }
}

TEST_CASE("A loose member tells absent, null, mismatched and value apart") {
  const auto amountOf = [](const std::string& data) {
    const Reading<UserEvent> reading(
        R"({"timestamp":"2025-12-12T10:30:00Z","event_type":"purchase","user_id":"u","data":)" +
        data + "}");
    REQUIRE(reading.good);
    return reading.record.data.amount;
  };
  CHECK(amountOf("{}").state() == LooseState::kAbsent);
  CHECK(amountOf(R"({"amount":null})").state() == LooseState::kNull);
  for (const char* value :
       {"\"12.50\"", "true", "[1,[2]]", "{\"a\":{}}", "1e300", "99999999999999", "\"\\ud83d\""})
    CHECK(amountOf("{\"amount\":" + std::string(value) + "}").state() == LooseState::kMismatched);
  CHECK(amountOf(R"({"amount":12.3456785})") == Decimal::fromMicros(12'345'679));
  CHECK(amountOf(R"({"amount":-1})") == Decimal::fromMicros(-1'000'000));
}

TEST_CASE("A loose member does not excuse broken JSON") {
  for (const char* value : {"1.", "01", "tru", "\"\\x\"", "[1,]", "{\"a\"}", "NaN", "", "nul"})
    CHECK_FALSE(
        Reading<UserEvent>(
            R"({"timestamp":"2025-12-12T10:30:00Z","event_type":"purchase","user_id":"u","data":{"amount":)" +
            std::string(value) + "}}")
            .good);
}

TEST_CASE("A loose struct or vector is a value as a whole or not at all") {
  const auto stateOf = [](const char* member) {
    const Reading<Kinds> reading("{" + std::string(member) + ",\"text\":\"after\"}");
    CHECK(reading.good);
    CHECK(reading.record.text == "after");
    return std::max(reading.record.loosePlace.state(), reading.record.looseList.state());
  };
  CHECK(stateOf(R"("loosePlace":{"city":"Ulm"})") == LooseState::kValue);
  CHECK(stateOf(R"("loosePlace":{"latitude":1})") == LooseState::kMismatched);
  CHECK(stateOf(R"("loosePlace":{"city":1,"x":[{}]})") == LooseState::kMismatched);
  CHECK(stateOf(R"("looseList":[1,2])") == LooseState::kValue);
  CHECK(stateOf(R"("looseList":[1,[2],{"a":"}"}])") == LooseState::kMismatched);
}

TEST_CASE("Every kind of member is read") {
  const Reading<Kinds> reading(
      R"({"flag":true,"tiny":-128,"byte":255,"small":-32768,"medium":65535,"normal":-2147483648,"natural":4294967295,)"
      R"("large":-9223372036854775808,"huge":18446744073709551615,"real":-1.5e-3,"money":12.5,"device":"mobile","text":"",)"
      R"("time":"1970-01-01T00:00:01Z","maybe":-0,"grid":[[],[1],[2,3]],"places":[{"city":"Ulm","latitude":48.4},{"city":"Bonn"}]})");
  REQUIRE(reading.good);
  const Kinds& kinds = reading.record;
  CHECK(kinds.flag);
  CHECK(kinds.tiny == -128);
  CHECK(kinds.byte == 255);
  CHECK(kinds.small == -32768);
  CHECK(kinds.medium == 65535);
  CHECK(kinds.normal == std::numeric_limits<std::int32_t>::min());
  CHECK(kinds.natural == 4294967295U);
  CHECK(kinds.large == std::numeric_limits<std::int64_t>::min());
  CHECK(kinds.huge == std::numeric_limits<std::uint64_t>::max());
  CHECK(kinds.real == -1.5e-3);
  CHECK(kinds.money == Decimal::fromMicros(12'500'000));
  CHECK(kinds.device == Device::kMobile);
  CHECK(kinds.text.empty());
  CHECK(kinds.time == 1000);
  CHECK(kinds.maybe == 0);
  CHECK(kinds.grid == std::vector<std::vector<int>>{{}, {1}, {2, 3}});
  REQUIRE(kinds.places.size() == 2);
  CHECK(kinds.places[0].city == "Ulm");
  CHECK(kinds.places[0].latitude == 48.4);
  CHECK(kinds.places[1].latitude == 0);
}

TEST_CASE("Values that a member cannot hold are refused") {
  struct Row {
    const char* member;
    const char* message;
  };
  const Row rows[] = {
      {"\"flag\":1", "Kinds.flag: true or false was expected"},
      {"\"flag\":\"true\"", "Kinds.flag: true or false was expected"},
      {"\"tiny\":128", "Kinds.tiny: number out of range"},
      {"\"tiny\":-129", "Kinds.tiny: number out of range"},
      {"\"byte\":256", "Kinds.byte: number out of range"},
      {"\"byte\":-1", "Kinds.byte: number out of range"},
      {"\"small\":32768", "Kinds.small: number out of range"},
      {"\"medium\":65536", "Kinds.medium: number out of range"},
      {"\"normal\":2147483648", "Kinds.normal: number out of range"},
      {"\"natural\":4294967296", "Kinds.natural: number out of range"},
      {"\"large\":9223372036854775808", "Kinds.large: number out of range"},
      {"\"huge\":18446744073709551616", "Kinds.huge: number out of range"},
      {"\"normal\":1.0", "Kinds.normal: an integer was expected"},
      {"\"normal\":1e2", "Kinds.normal: an integer was expected"},
      {"\"normal\":\"1\"", "Kinds.normal: an integer was expected"},
      {"\"real\":1e400", "Kinds.real: number out of range"},
      {"\"real\":\"1\"", "Kinds.real: a number was expected"},
      {"\"money\":1e13", "Kinds.money: number out of range"},
      {"\"money\":null", "Kinds.money: a number was expected"},
      {"\"device\":\"tablet\"", "Kinds.device: none of the known names"},
      {"\"device\":0", "Kinds.device: a string was expected"},
      {"\"maybe\":\"1\"", "Kinds.maybe: an integer was expected"},
      {"\"grid\":[1]", "Kinds.grid: an array was expected"},
      {"\"grid\":{}", "Kinds.grid: an array was expected"},
      {"\"grid\":[[null]]", "Kinds.grid: an integer was expected"},
      {"\"places\":[{\"city\":1}]", "Place.city: a string was expected"},
      {"\"places\":[[]]", "Kinds.places: an object was expected"},
      {"\"filled\":\"\"", "Kinds.filled: empty"},
      {"\"byte\":-0", ""},
      {"\"real\":5", ""},
      {"\"maybe\":null", ""},
      {"\"lenient\":null", ""},
      {"\"device\":\"\\u006dobile\"", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.member);
    CHECK(complaint(row.member) == row.message);
  }
}

TEST_CASE("A recycled record keeps nothing of the one before") {
  const std::string longText(1000, 'x');
  Reading<Kinds> reading(
      R"({"flag":true,"tiny":1,"money":1,"device":"mobile","text":")" + longText +
      R"(","maybe":1,"grid":[[1,2],[3]],"places":[{"city":"Ulm","latitude":1},{"city":"Bonn"}],"loosePlace":{"city":"Ulm"},"lenient":"no"})");
  REQUIRE(reading.good);
  const char* const bytes = reading.record.text.data();
  REQUIRE(reading.again(R"({"grid":[[7]],"places":[{"city":"Kiel"}],"lenient":null})").good);
  const Kinds& kinds = reading.record;
  CHECK_FALSE(kinds.flag);
  CHECK(kinds.tiny == 0);
  CHECK(kinds.money == Decimal());
  CHECK(kinds.device == Device::kDesktop);
  CHECK(kinds.text == "default");
  CHECK(kinds.text.data() == bytes);  // the capacity stayed
  CHECK_FALSE(kinds.maybe.has_value());
  CHECK(kinds.grid == std::vector<std::vector<int>>{{7}});
  REQUIRE(kinds.places.size() == 1);
  CHECK(kinds.places[0].city == "Kiel");
  CHECK(kinds.places[0].latitude == 0);
  CHECK(kinds.loosePlace.state() == LooseState::kAbsent);
  CHECK(kinds.lenient == "lenient");
}

TEST_CASE("A record is read anew after a line that failed half-way") {
  Reading<Kinds> reading(
      R"({"grid":[[1,2],[3,4]],"places":[{"city":"Ulm"}],"text":"a","tiny":999})");
  CHECK_FALSE(reading.good);
  REQUIRE(reading.again("{}").good);
  CHECK(reading.record.grid.empty());
  CHECK(reading.record.places.empty());
  CHECK(reading.record.text == "default");
  CHECK(reading.error.fault == DecodeFault::kNone);
  CHECK(reading.error.member.empty());
}

TEST_CASE("Of a member given twice the later one counts, whole") {
  const Reading<Kinds> reading(
      R"({"tiny":1,"places":[{"city":"a"},{"city":"b"}],"tiny":2,"places":[{"city":"c"}],"maybe":1,"maybe":null})");
  REQUIRE(reading.good);
  CHECK(reading.record.tiny == 2);
  CHECK(reading.record.places.size() == 1);
  CHECK(reading.record.places[0].city == "c");
  CHECK_FALSE(reading.record.maybe.has_value());
}

TEST_CASE("The check of a record speaks last, also inside others") {
  CHECK(Reading<Range>(R"({"low":1,"high":2})").good);
  const Reading<Range> reversed(R"({"low":3,"high":2})");
  CHECK_FALSE(reversed.good);
  CHECK(reversed.error.fault == DecodeFault::kCheckFailed);
  CHECK(reversed.error.message() == "Range: low is above high");
  CHECK(Reading<Ranges>(R"({"strict":{"low":3}})").error.message() == "Range: low is above high");
  const Reading<Ranges> loose(R"({"loose":{"low":3}})");
  CHECK(loose.good);
  CHECK(loose.record.loose.state() == LooseState::kMismatched);
}

TEST_CASE("Structs that hold themselves are read to the limit of nesting") {
  const auto nested = [](std::size_t depth) {
    std::string line = "{}";
    for (std::size_t i = 1; i < depth; ++i) line = "{\"children\":[" + line + "]}";
    return line;
  };
  CHECK(Reading<Tree>(R"({"name":"a","children":[{"name":"b"},{"name":"c","children":[{}]}]})")
            .record.children.size() == 2);
  CHECK(Reading<Tree>(nested(kMaxJsonDepth / 2)).good);
  const Reading<Tree> tooDeep(nested(kMaxJsonDepth));
  CHECK_FALSE(tooDeep.good);
  CHECK(tooDeep.error.fault == DecodeFault::kTooDeep);
}

TEST_CASE("Names are told apart by every letter and by their length") {
  const Member* const begin = recordType<Names>().members().data();
  const std::size_t count = recordType<Names>().members().size();
  for (std::size_t i = 0; i < count; ++i) {
    for (const std::string& name :
         {begin[i].name, begin[i].name + "x", begin[i].name.substr(1), "x" + begin[i].name}) {
      CAPTURE(name);
      const Reading<Names> reading("{\"" + name + "\":7}");
      REQUIRE(reading.good);
      for (std::size_t j = 0; j < count; ++j) {
        const auto* place = reinterpret_cast<const char*>(&reading.record) + begin[j].offset;
        CHECK(reinterpret_cast<const std::optional<int>*>(place)->has_value() ==
              (begin[j].name == name));
      }
    }
  }
}

TEST_CASE("Records may have more members than a word has bits") {
  Reading<Wide> reading(R"({"middle":1,"last":2,"first":"f","skip199":0})");
  REQUIRE(reading.good);
  CHECK(reading.record.first == "f");
  CHECK(reading.record.middle == 1);
  CHECK(reading.record.last == 2);
  REQUIRE(reading.again(R"({"middle":3})").good);
  CHECK(reading.record.first == "first");
  CHECK_FALSE(reading.record.last.has_value());
  CHECK(reading.again(R"({"first":"x"})").error.message() == "Wide.middle: missing");
}

TEST_CASE("Blank lines are spaces, tabs and the end of a line") {
  CHECK(isBlankLine(""));
  CHECK(isBlankLine(" \t  \r"));
  CHECK_FALSE(isBlankLine(" {}"));
  CHECK_FALSE(isBlankLine("\v"));
}

TEST_CASE("A reader may be moved while in use") {
  JsonReader<Place> first;
  Place place;
  DecodeError error;
  REQUIRE(first.decode(PaddedLine(R"({"city":"Ulm"})").view(), place, error));
  JsonReader<Place> second = std::move(first);
  REQUIRE(second.decode(PaddedLine(R"({"city":"Bonn"})").view(), place, error));
  CHECK(place.city == "Bonn");
}

}  // namespace
}  // namespace millrace
