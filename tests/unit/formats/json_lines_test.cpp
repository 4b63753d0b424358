// SPDX-License-Identifier: MIT
// Lines that are read one after another from a block, as a file's are: what is scanned together
// must be read like what is scanned alone.
#include "padded_line.hpp"

#include <millrace/formats/describe.hpp>
#include <millrace/formats/json_reader.hpp>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace millrace {
namespace {

struct Note {
  std::string text = "none";
  std::int64_t number = 0;
  Loose<std::vector<std::string>> rest;
};

}  // namespace

template <>
struct Description<Note> {
  static void describe(Describer<Note>& d) {
    d.name("Note");
    d.field("text", &Note::text).required();
    d.field("number", &Note::number);
    d.field("rest", &Note::rest);
  }
};

namespace {

// A record or what is wrong with it.
std::string outcome(JsonReader<Note>& reader, std::string_view line) {
  Note note;
  DecodeError error;
  if (!reader.decode(line, note, error)) return error.message();
  std::string told = note.text + " " + std::to_string(note.number);
  if (note.rest.hasValue())
    for (const std::string& each : note.rest.value()) told += "," + each;
  return told;
}

// Good alone.
const std::vector<std::string> kGood = {
    R"({"text":"a","number":1})",
    R"( { "number" : -2 , "text" : "b" } )",
    R"({"text":"","rest":["x","y"]})",
    R"({"text":"\u00e9\n","rest":{"a":[1,2,{"b":null}]}})",
    R"({"text":"back\\"})",
    "{\"text\":\"caf\xC3\xA9\"}\r",
    R"({"text":"only text"} )",
};

// Bad alone; some would be good with the line that comes next here, which is no excuse.
const std::vector<std::vector<std::string>> kBad = {
    {R"({"number":3})"},
    {R"({"text":4})"},
    {R"({"text":"a","number":99999999999999999999})"},
    {R"({"text":"a")", R"(,"number":5})"},
    {R"({"text":"a")", R"(})"},
    {R"({"text")", R"(:"b"})"},
    {R"({"text":)", R"("b"})"},
    {R"({"text":"a","number":1)", R"(2})"},
    {R"({"text":"a","rest":[1)", R"(]})"},
    {R"({"text":"a","rest":{"x":tr)", R"(ue}})"},
    {R"({)", R"("text":"a"})"},
    {R"({"text":"a"}{"text":"b"})"},
    {R"({"text":"a"}})"},
    {R"({"text":"a"}1)"},
    {R"({"text":"a"}\)"},
    {R"({"text":"\x"})"},
    {"{}"},
    {"[]"},
    {"1"},
    {"\\"},
    {" "},
    {""},
};

// So bad that nothing can be scanned together with it.
const std::vector<std::vector<std::string>> kSpoiling = {
    {R"({"text":"never closed)", R"(closed before","number":6})"},
    {R"({"text":"a backslash last\)", R"("})"},
    {R"("{"text":"c"})"},
    {"{\"text\":\"\x01\"}"},
    {"{\"text\":\"\xC3\"}"},
    {"\xA9"},
    {"{\"text\":\"\xFF\"}"},
    {"\""},
};

struct Block {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> lines;  // begin, length

  void add(const std::string& line) {
    lines.emplace_back(text.size(), line.size());
    text += line + "\n";
  }
};

Block anyBlock() {
  Block block;
  // Some blocks are longer than what is scanned at once, and some hold a line that is.
  const int count = *rc::gen::element(1, 2, 3, 10, 100, 1000);
  const int badInTen = *rc::gen::element(0, 1, 5);
  const int spoilingInThousand = *rc::gen::element(0, 0, 2, 100);
  const std::size_t longLine = *rc::gen::element<std::size_t>(0, 0, 0, 20'000, 70'000);
  for (int i = 0; i < count; ++i) {
    if (*rc::gen::inRange(0, 1000) < spoilingInThousand)
      for (const std::string& line : *rc::gen::elementOf(kSpoiling)) block.add(line);
    if (*rc::gen::inRange(0, 10) < badInTen)
      for (const std::string& line : *rc::gen::elementOf(kBad)) block.add(line);
    block.add(*rc::gen::elementOf(kGood));
    if (longLine > 0 && i == count / 2)
      block.add(R"({"text":")" + std::string(longLine, 'x') + R"("})");
  }
  if (*rc::gen::arbitrary<bool>())
    block.text.pop_back();  // the last line of a file may have no end
  return block;
}

TEST_CASE("lines of a block are read as each is alone") {
  CHECK(rc::check([] {
    static JsonReader<Note> among;
    static JsonReader<Note> alone;
    const Block block = anyBlock();
    const PaddedLine padded(block.text);
    const int skippedInTen = *rc::gen::element(0, 0, 3);
    among.expect(padded.view());
    for (const auto& [begin, length] : block.lines) {
      if (*rc::gen::inRange(0, 10) < skippedInTen) continue;
      const std::string_view line = padded.view().substr(begin, length);
      RC_ASSERT(outcome(among, line) == outcome(alone, PaddedLine(line).view()));
    }
  }));
}

TEST_CASE("a line goes back, or comes from elsewhere, and is read all the same") {
  JsonReader<Note> reader;
  const std::string first = R"({"text":"a"})", second = R"({"text":"b"})";
  const PaddedLine block(first + "\n" + second + "\n");
  const PaddedLine other(R"({"text":"c"})");
  reader.expect(block.view());
  const std::string_view a = block.view().substr(0, first.size());
  const std::string_view b = block.view().substr(first.size() + 1, second.size());
  CHECK(outcome(reader, b) == "b 0");
  CHECK(outcome(reader, other.view()) == "c 0");
  CHECK(outcome(reader, b) == "b 0");
  CHECK(outcome(reader, a) == "a 0");
  CHECK(outcome(reader, a) == "a 0");
}

TEST_CASE("what a block was is forgotten when the next is expected") {
  JsonReader<Note> reader;
  std::string bytes = R"({"text":"old"})"
                      "\n"
                      R"({"text":"old"})"
                      "\n";
  const std::size_t length = bytes.find('\n');
  const std::size_t size = bytes.size();
  bytes.append(kJsonPadding, ' ');
  reader.expect(std::string_view(bytes).substr(0, size));
  CHECK(outcome(reader, std::string_view(bytes).substr(0, length)) == "old 0");
  bytes.replace(length + 1, length, R"({"text":"a"}  )");
  reader.expect(std::string_view(bytes).substr(0, size));
  CHECK(outcome(reader, std::string_view(bytes).substr(length + 1, length)) == "a 0");
}

}  // namespace
}  // namespace millrace
