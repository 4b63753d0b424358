// SPDX-License-Identifier: MIT
#include "connectors/kafka/marker.hpp"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

namespace millrace::rdkafka {
namespace {

TEST_CASE("a marker tells its epoch, run and checksum") {
  const std::string text = writeMarker({12, 3, 0xabc});
  CHECK(text.starts_with("v1;n=12;inc=3;sum=0000000000000abc;k=2;crc="));
  CHECK(text.size() < 200);
  CHECK(readMarker(text) == EpochMark{12, 3, 0xabc});
}

TEST_CASE("markers come back as they were, and nothing else is one") {
  rc::prop("round trip", [](std::uint64_t number, std::uint64_t incarnation, std::uint64_t sum) {
    const EpochMark mark{number, incarnation, sum};
    RC_ASSERT(readMarker(writeMarker(mark)) == mark);
  });
  rc::prop("one byte changed", [](std::uint64_t number, std::uint64_t sum) {
    std::string text = writeMarker({number, 1, sum});
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    text[at] = static_cast<char>(text[at] ^ *rc::gen::inRange(1, 256));
    RC_ASSERT(!readMarker(text));
  });
  rc::prop("any text", [](const std::string& text) { RC_ASSERT(!readMarker(text)); });
  CHECK(!readMarker(""));
  CHECK(!readMarker("v1;n=99999999999999999999;inc=1;sum=0;k=2;crc=0"));
}

}  // namespace
}  // namespace millrace::rdkafka
