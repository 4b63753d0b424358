// SPDX-License-Identifier: MIT
#include "padded_line.hpp"
#include "plain_json.hpp"

#include <millrace/formats/describe.hpp>
#include <millrace/formats/json_reader.hpp>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace millrace {
namespace {

// Everything in a line is skipped.
struct Nothing {};

// Some of it is looked for.
struct Something {
  Loose<std::string> text;
  Loose<std::vector<Loose<double>>> list;
  Loose<Nothing> inner;
};

}  // namespace

template <>
struct Description<Nothing> {
  static void describe(Describer<Nothing>& d) { d.name("Nothing"); }
};

template <>
struct Description<Something> {
  static void describe(Describer<Something>& d) {
    d.name("Something");
    d.field("a", &Something::text);
    d.field("list", &Something::list);
    d.field("inner", &Something::inner);
  }
};

namespace {

using namespace std::string_literals;

template <typename T>
bool accepts(std::string_view line) {
  static JsonReader<T> reader;
  static T record;
  DecodeError error;
  const bool good = reader.decode(PaddedLine(line).view(), record, error);
  CHECK(good == (error.fault == DecodeFault::kNone));
  CHECK(good == error.reason.empty());
  return good;
}

// Both readers must think of it what the plain one thinks.
bool accepted(const std::string& line) {
  const bool plain = PlainJson(line, kMaxJsonDepth).isOneObject();
  CAPTURE(line);
  CHECK(accepts<Nothing>(line) == plain);
  CHECK(accepts<Something>(line) == plain);
  return plain;
}

const std::vector<std::string>& goodValues() {
  static const std::vector<std::string> values = {
      "0",
      "-0",
      "1",
      "-1",
      "10",
      "1.5",
      "0.5",
      "-0.0",
      "1e5",
      "1E5",
      "1e+5",
      "1e-5",
      "1.5e300",
      "0e0",
      "123456789012345678901234567890",
      "1e99999999999",
      "-1e-99999999999",
      "0.1234567890123456789",
      "true",
      "false",
      "null",
      "\"\"",
      "\"a\"",
      "\"\\\"\"",
      "\"\\\\\"",
      "\"\\/\\b\\f\\n\\r\\t\"",
      "\"\\u0041\"",
      "\"\\uD83D\\uDE00\"",
      "\"\\ud83d\"",
      "\"\\ude00\"",
      "\"\\ud83dx\"",
      "\"\\ud83d\\n\"",
      "\"\\u0000\"",
      "\"\\uffff\"",
      "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
      "\"\x7f\"",
      "\"{}[],:\"",
      "\"{\\\"a\\\":1}\"",
      "\"\xef\xbb\xbf\"",
      "[]",
      "[ ]",
      "[1]",
      "[1,2]",
      "[[],[[]],{}]",
      "{}",
      "{ }",
      "{\"\":\"\"}",
      "{\"a\":{\"b\":[1,{\"c\":null}]}}",
      "{\"a\":1,\"a\":2}",
      "{\"\\u0061\":1}",
      "[\n1 ,\t2\r]",
      "\"\\\\\\\\\\\\\"",
      "\"a string that is longer than the sixty-four bytes of one block, with \\\"quotes\\\" and "
      "\\\\ in it\""};
  return values;
}

const std::vector<std::string>& badValues() {
  static const std::vector<std::string> values = {"",
                                                  "01",
                                                  "-",
                                                  "-01",
                                                  "+1",
                                                  ".5",
                                                  "1.",
                                                  "1.e5",
                                                  "1e",
                                                  "1e+",
                                                  "1e5.5",
                                                  "0x10",
                                                  "1_000",
                                                  "1 2",
                                                  "1a",
                                                  "1\"a\"",
                                                  "00",
                                                  "-a",
                                                  "--1",
                                                  "1-",
                                                  "1+1",
                                                  "1\\",
                                                  "12\f",
                                                  "NaN",
                                                  "Infinity",
                                                  "-Infinity",
                                                  "nan",
                                                  "tru",
                                                  "truee",
                                                  "True",
                                                  "TRUE",
                                                  "t",
                                                  "false1",
                                                  "nul",
                                                  "nulll",
                                                  "NULL",
                                                  "undefined",
                                                  "null\"a\"",
                                                  "true\"\"",
                                                  "'a'",
                                                  "a",
                                                  "\"a",
                                                  "a\"",
                                                  "\"a\"b",
                                                  "\"a\"\"b\"",
                                                  "\"a\" \"b\"",
                                                  "\"\\\"",
                                                  "\"\\",
                                                  "\"\\x41\"",
                                                  "\"\\u\"",
                                                  "\"\\u12\"",
                                                  "\"\\u123g\"",
                                                  "\"\\u 123\"",
                                                  "\"\\U0041\"",
                                                  "\"\\a\"",
                                                  "\"\\'\"",
                                                  "\"\\0\"",
                                                  "\"\\uD83D\\uDE\"",
                                                  "\"a\tb\"",
                                                  "\"a\nb\"",
                                                  "\"\x01\"",
                                                  "\"a\x1f\"",
                                                  "\"a\0b\""s,
                                                  "\0"s,
                                                  "1\0"s,
                                                  "\"a\"\0"s,
                                                  "\"\xff\"",
                                                  "\"\xc3\"",
                                                  "\"\xc0\x80\"",
                                                  "\"\xed\xa0\x80\"",
                                                  "\"\xf5\x80\x80\x80\"",
                                                  "\"\xe2\x82\"",
                                                  "\x80",
                                                  "\xc2\xa0",
                                                  "[",
                                                  "]",
                                                  "[1",
                                                  "1]",
                                                  "[1,]",
                                                  "[,1]",
                                                  "[,]",
                                                  "[1,,2]",
                                                  "[1 2]",
                                                  "[1:2]",
                                                  "[}",
                                                  "[1}",
                                                  "{]",
                                                  "{\"a\":1]",
                                                  "{",
                                                  "}",
                                                  "{}}",
                                                  "{{}}",
                                                  "{,}",
                                                  "{\"a\"}",
                                                  "{\"a\":}",
                                                  "{:1}",
                                                  "{\"a\":1,}",
                                                  "{,\"a\":1}",
                                                  "{\"a\":1 \"b\":2}",
                                                  "{\"a\" 1}",
                                                  "{\"a\",1}",
                                                  "{\"a\"::1}",
                                                  "{1:1}",
                                                  "{a:1}",
                                                  "{true:1}",
                                                  "{null:1}",
                                                  "{[]:1}",
                                                  "{{}:1}",
                                                  "{\"a\":1,,\"b\":2}",
                                                  "{\"a\":\"b\":1}",
                                                  "{\"\\x\":1}",
                                                  "{\"\\u00g0\":1}",
                                                  "{\"a\":1:2}",
                                                  "1,",
                                                  ",1",
                                                  "/* c */ 1",
                                                  "1 // c",
                                                  "\x0b",
                                                  "\f1",
                                                  "\x1a",
                                                  "[1\x0c"
                                                  "2]",
                                                  "1\x1a",
                                                  "{\"a\"\x1a"
                                                  "1}",
                                                  "\xef\xbb\xbf"
                                                  "1",
                                                  "\\\"a\\\"",
                                                  "\\n"};
  return values;
}

TEST_CASE("Valid JSON values are accepted wherever they stand") {
  for (const std::string& value : goodValues()) {
    CAPTURE(value);
    for (const char* name : {"a", "list", "inner", "other"}) {
      const std::string key = "\""s + name + "\"";
      CHECK(accepted("{" + key + ":" + value + "}"));
      CHECK(accepted(" \t{\r\n " + key + " : " + value + " } \r\n"));
      CHECK(accepted("{\"x\":[" + value + "," + value + "]," + key + ":{\"y\":" + value + "}}"));
      CHECK(accepted("{" + key + ":[" + value + "]}"));
    }
  }
}

TEST_CASE("Broken JSON makes a line invalid wherever it stands") {
  for (const std::string& value : badValues()) {
    CAPTURE(value);
    for (const char* name : {"a", "list", "inner", "other"}) {
      const std::string key = "\""s + name + "\"";
      CHECK_FALSE(accepted("{" + key + ":" + value + "}"));
      CHECK_FALSE(accepted("{\"x\":1," + key + ":{\"y\":" + value + "},\"z\":[]}"));
      if (!value.empty()) CHECK_FALSE(accepted("{" + key + ":[" + value + "]}"));
    }
  }
}

TEST_CASE("A line is one object with nothing around it") {
  for (const std::string& line : goodValues()) {
    if (line.front() != '{') CHECK_FALSE(accepted(line));
    CHECK_FALSE(accepted("{}" + line));
    CHECK_FALSE(accepted("{} " + line));
    CHECK_FALSE(accepted(line + "{}"));
  }
  for (const std::string& line : {""s,
                                  " "s,
                                  "\n"s,
                                  "{"s,
                                  "}"s,
                                  "{}}"s,
                                  "{}{}"s,
                                  "{},"s,
                                  ",{}"s,
                                  "{}x"s,
                                  "{} trailing"s,
                                  "{}\0"s,
                                  "\0{}"s,
                                  "\xef\xbb\xbf{}"s,
                                  "not json"s,
                                  "{}]"s,
                                  "[{}]"s,
                                  "\"{}\""s,
                                  "{\"a\":1}\"}"s,
                                  "{\"a\":1}}"s})
    CHECK_FALSE(accepted(line));
  CHECK(accepted("{}"));
  CHECK(accepted(" \t\r\n{ \t\r\n} \t\r\n"));
}

TEST_CASE("Every cut of a valid line is invalid") {
  const std::string line =
      R"({"timestamp":"2025-12-12T10:30:00Z","a":"g\u00f6\\\"","data":{"n":[1,-2.5e3,true],"x":null}})";
  REQUIRE(accepted(line));
  for (std::size_t length = 0; length < line.size(); ++length)
    CHECK_FALSE(accepted(line.substr(0, length)));
}

TEST_CASE("Nesting is allowed to its limit and no further") {
  const auto nested = [](const std::string& open, const std::string& close, std::size_t depth) {
    std::string line;
    for (std::size_t i = 0; i < depth; ++i) line += open;
    for (std::size_t i = 0; i < depth; ++i) line += close;
    return line;
  };
  const std::size_t inside = kMaxJsonDepth - 1;
  CHECK(accepted("{\"x\":" + nested("[", "]", inside) + "}"));
  CHECK_FALSE(accepted("{\"x\":" + nested("[", "]", inside + 1) + "}"));
  CHECK(accepted("{\"x\":" + nested("{\"a\":", "}", inside - 1).insert((inside - 1) * 5, "{}") +
                 "}"));
  CHECK_FALSE(accepted("{\"x\":" + nested("{\"a\":", "}", inside).insert(inside * 5, "{}") + "}"));
  CHECK_FALSE(accepted("{\"x\":" + nested("[", "]", 200'000) + "}"));

  JsonReader<Nothing> reader;
  Nothing nothing;
  DecodeError error;
  const PaddedLine deep("{\"x\":" + nested("[", "]", inside + 1) + "}");
  CHECK_FALSE(reader.decode(deep.view(), nothing, error));
  CHECK(error.fault == DecodeFault::kTooDeep);
  const PaddedLine wide("{\"x\":[" + nested("[],", "", 5'000) + "[]]}");
  CHECK(reader.decode(wide.view(), nothing, error));
}

TEST_CASE("Long lines are read like short ones") {
  const std::string longText(3'000'000, 'x');
  CHECK(accepted("{\"a\":\"" + longText + "\",\"other\":\"" + longText + "\"}"));
  CHECK_FALSE(accepted("{\"a\":\"" + longText));
  CHECK(accepted("{\"other\":" + std::string(100'000, '1') + "}"));
  CHECK(accepted("{" + std::string(100'000, ' ') + "}"));
}

TEST_CASE("The reason tells broken encoding from broken JSON") {
  JsonReader<Nothing> reader;
  Nothing nothing;
  DecodeError error;
  CHECK_FALSE(reader.decode(PaddedLine("{\"x\":\"\xff\"}").view(), nothing, error));
  CHECK(error.fault == DecodeFault::kEncoding);
  CHECK(error.message() == "not valid UTF-8");
  CHECK_FALSE(reader.decode(PaddedLine("{\"x\"").view(), nothing, error));
  CHECK(error.fault == DecodeFault::kSyntax);
  CHECK(error.message() == "not one valid JSON object");
}

// Lines made of good and bad pieces, and good lines with a few bytes changed.
std::string randomLine() {
  static const std::vector<std::string> pieces = {
      "{",         "}",     "[",    "]",    ",",    ":",    "\"",   "\"a\"", "\"list\"",
      "\"inner\"", "\"b\"", "\\",   "\\\"", "\\u",  "00e9", "d83d", "1",     "-",
      "0",         ".",     "e",    "true", "null", " ",    "\t",   "\x01",  "\0"s,
      "\xc3\xa9",  "\xff",  "\xed", "\x0c", "\x1a", "x"};
  if (*rc::gen::arbitrary<bool>()) {
    std::string line = "{";
    for (const std::string& piece :
         *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces)))
      line += piece;
    return line + "}";
  }
  const auto value = [] { return *rc::gen::elementOf(goodValues()); };
  std::string line = "{\"a\":" + value() + ",\"other\":[" + value() + ",{\"list\":" + value() +
                     "}],\"inner\":" + value() + "}";
  for (int changes = *rc::gen::inRange(0, 4); changes > 0; --changes) {
    const auto at = *rc::gen::inRange<std::size_t>(0, line.size());
    const int how = *rc::gen::inRange(0, 3);
    const std::string& piece = *rc::gen::elementOf(pieces);
    line.replace(at, how == 0 ? 0 : 1, how == 1 ? "" : piece);
    if (line.empty()) line = "{";
  }
  return line;
}

TEST_CASE("Random lines are judged as the plain reader judges them") {
  CHECK(rc::check("strictness", [] {
    for (int i = 0; i < 20; ++i) {
      const std::string line = randomLine();
      const bool plain = PlainJson(line, kMaxJsonDepth).isOneObject();
      RC_LOG() << line << "\n";
      RC_ASSERT(accepts<Nothing>(line) == plain);
      RC_ASSERT(accepts<Something>(line) == plain);
    }
  }));
}

}  // namespace
}  // namespace millrace
