// SPDX-License-Identifier: MIT
#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <millrace/serde/bytes.hpp>

using namespace millrace;
using namespace std::string_view_literals;

TEST_CASE("Numbers are little endian and lengths as short as they can be") {
  std::string bytes;
  ByteWriter out(bytes);
  out.fixed(std::uint32_t{0x01020304});
  out.fixed(std::int16_t{-2});
  out.length(127);
  out.length(300);
  REQUIRE(bytes == "\x04\x03\x02\x01\xfe\xff\x7f\xac\x02"sv);
}

TEST_CASE("A length that was not written in the shortest form is refused") {
  const std::string_view bytes = GENERATE("\x80"sv, "\x80\x00"sv, "\xff\x80\x00"sv, ""sv,
                                          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"sv,
                                          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv);
  ByteReader in(bytes);
  std::uint64_t value = 0;
  REQUIRE_FALSE(in.length(value));
}

TEST_CASE("Every length comes back") {
  REQUIRE(rc::check("length", [](std::uint64_t value) {
    std::string bytes;
    ByteWriter(bytes).length(value);
    ByteReader in(bytes);
    std::uint64_t back = 0;
    RC_ASSERT(in.length(back));
    RC_ASSERT(back == value);
    RC_ASSERT(in.isAtEnd());
  }));
}

TEST_CASE("A count is held against the bytes that are there") {
  std::string bytes;
  ByteWriter(bytes).length(3);
  bytes += "12345678";
  std::size_t count = 0;
  REQUIRE(ByteReader(bytes).count(2, count));
  REQUIRE(count == 3);
  REQUIRE_FALSE(ByteReader(bytes).count(3, count));

  std::string huge;
  ByteWriter(huge).length(std::numeric_limits<std::uint64_t>::max());
  REQUIRE_FALSE(ByteReader(huge).count(1, count));
}

TEST_CASE("A length known afterwards is put in its place") {
  std::string bytes = "before";
  ByteWriter out(bytes);
  const std::size_t at = out.size();
  out.fixed(std::uint32_t{0});
  out.bytes("content");
  out.patch(at, 0x01020307);
  REQUIRE(bytes ==
          "before\x07\x03\x02\x01"
          "content");
}
