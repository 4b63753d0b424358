// SPDX-License-Identifier: MIT
#include <millrace/base/decimal.hpp>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <chrono>
#include <limits>
#include <string>

namespace millrace {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

// Moves the point through the digits one place at a time, on text alone.
std::string slowMicros(bool negative, std::string whole, std::string fraction, int exponent) {
  for (exponent += 6; exponent > 0; --exponent) {
    if (fraction.empty()) fraction = "0";
    whole += fraction.front();
    fraction.erase(0, 1);
  }
  for (; exponent < 0; ++exponent) {
    if (whole.empty()) whole = "0";
    fraction.insert(fraction.begin(), whole.back());
    whole.pop_back();
  }
  if (!fraction.empty() && fraction.front() >= '5') {
    whole.insert(whole.begin(), '0');
    std::size_t i = whole.size() - 1;
    while (whole[i] == '9') whole[i--] = '0';
    ++whole[i];
  }
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  if (whole.empty()) return "0";
  return negative ? "-" + whole : whole;
}

TEST_CASE("JSON numbers are read into millionths, half away from zero") {
  struct Row {
    const char* text;
    std::int64_t micros;
  };
  const Row rows[] = {
      {"0", 0},
      {"-0", 0},
      {"-0.0000004", 0},
      {"99.99", 99'990'000},
      {"1e2", 100'000'000},
      {"1.5E1", 15'000'000},
      {"1.5e+1", 15'000'000},
      {"15e-1", 1'500'000},
      {"19.999999", 19'999'999},
      {"12.3456785", 12'345'679},
      {"12.3456784999", 12'345'678},
      {"-12.3456785", -12'345'679},
      {"0.0000005", 1},
      {"-0.0000005", -1},
      {"0.00000049999999999999999999999", 0},
      {"5e-7", 1},
      {"4.9e-7", 0},
      {"5e-8", 0},
      {"9223372036854.775807", kMax},
      {"-9223372036854.775808", kMin},
      {"9223372036854.7758074", kMax},
      {"0.000000000000000000000000000009223372036854775807e36", 9'223'372'036'855},
      {"922337203685477580700000e-17", 9'223'372'036'855},
      {"0e999999999999999999999", 0},
      {"0.000e999999999999999999999", 0},
      {"1e-999999999999999999999", 0},
      {"123456789e-999999999", 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const std::optional<Decimal> decimal = Decimal::parse(row.text);
    REQUIRE(decimal.has_value());
    CHECK(decimal->micros() == row.micros);
  }
}

TEST_CASE("A number that does not fit in a decimal is refused") {
  for (const char* text :
       {"9223372036854.775808", "9223372036854.7758075", "-9223372036854.775809", "1e13", "-1e13",
        "1e300", "1e999999999999999999999", "99999999999999999999999999", "0.1e20"}) {
    CAPTURE(text);
    CHECK_FALSE(Decimal::parse(text).has_value());
  }
}

TEST_CASE("Text that is not exactly one JSON number is no decimal") {
  for (const char* text : {"",      "-",    "+1",    ".5",    "1.",    "01",   "-01",      "1e",
                           "1e+",   "1.e5", "1 ",    " 1",    "0x10",  "NaN",  "Infinity", "1,5",
                           "1.5.2", "--1",  "1e5e5", "1e5.0", "\"1\"", "true", "1\n"}) {
    CAPTURE(text);
    CHECK_FALSE(Decimal::parse(text).has_value());
  }
}

TEST_CASE("Enormous exponents and long numbers cost no more than their text") {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100'000; ++i) {
    CHECK_FALSE(Decimal::parse("1e999999999999").has_value());
    if (Decimal::parse("0e999999999999") != Decimal()) FAIL("zero with a large exponent");
  }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  const std::string zeros(1'000'000, '0');
  CHECK(Decimal::parse("1" + zeros + "e-1000000") == Decimal::fromMicros(1'000'000));
  CHECK(Decimal::parse("0." + zeros + "1e1000001") == Decimal::fromMicros(1'000'000));
}

TEST_CASE("Reading a decimal agrees with moving the point by hand") {
  CHECK(rc::check("parse", [] {
    const bool negative = *rc::gen::arbitrary<bool>();
    std::string whole = std::to_string(*rc::gen::inRange<std::int64_t>(0, 100'000));
    std::string fraction =
        *rc::gen::resize(20, rc::gen::container<std::string>(rc::gen::inRange('0', char{'9' + 1})));
    const int exponent = *rc::gen::inRange(-12, 4);
    std::string text = (negative ? "-" : "") + whole + (fraction.empty() ? "" : "." + fraction);
    if (exponent != 0) text += "e" + std::to_string(exponent);
    const std::optional<Decimal> decimal = Decimal::parse(text);
    RC_ASSERT(decimal.has_value());
    RC_ASSERT(std::to_string(decimal->micros()) == slowMicros(negative, whole, fraction, exponent));
  }));
}

TEST_CASE("Decimals are written with two to six fraction digits") {
  struct Row {
    std::int64_t micros;
    const char* text;
  };
  const Row rows[] = {
      {0, "0.00"},
      {12'000'000, "12.00"},
      {100'000, "0.10"},
      {10'000, "0.01"},
      {1, "0.000001"},
      {-1, "-0.000001"},
      {120'000, "0.12"},
      {123'000, "0.123"},
      {99'990'000, "99.99"},
      {-12'345'600, "-12.3456"},
      {kMax, "9223372036854.775807"},
      {kMin, "-9223372036854.775808"},
  };
  for (const Row& row : rows) {
    CHECK(Decimal::fromMicros(row.micros).toString() == row.text);
    std::string appended = "x";
    Decimal::fromMicros(row.micros).appendTo(appended);
    CHECK(appended == std::string("x") + row.text);
    CHECK(appended.size() <= Decimal::kMaxLength);
  }
}

TEST_CASE("A written decimal is read back") {
  CHECK(rc::check("round trip", [] {
    const auto decimal = Decimal::fromMicros(*rc::gen::arbitrary<std::int64_t>());
    RC_ASSERT(Decimal::parse(decimal.toString()) == decimal);
  }));
}

TEST_CASE("Sums and differences that do not fit are reported and change nothing") {
  Decimal sum = Decimal::fromMicros(kMax - 1);
  CHECK(sum.add(Decimal::fromMicros(1)));
  CHECK(sum.micros() == kMax);
  CHECK_FALSE(sum.add(Decimal::fromMicros(1)));
  CHECK(sum.micros() == kMax);
  CHECK(sum.subtract(Decimal::fromMicros(kMax)));
  CHECK(sum == Decimal());
  CHECK_FALSE(sum.subtract(Decimal::fromMicros(kMin)));
  CHECK(sum == Decimal());
}

TEST_CASE("Decimals are ordered by value") {
  CHECK(Decimal::fromMicros(-1) < Decimal());
  CHECK(Decimal::fromMicros(2) > Decimal::fromMicros(1));
  CHECK(Decimal::parse("1.50") == Decimal::parse("15e-1"));
}

TEST_CASE("Averages are rounded half away from zero to two digits") {
  struct Row {
    std::int64_t micros;
    std::int64_t count;
    const char* average;
  };
  const Row rows[] = {
      {12'345'670'000, 12, "1028.81"},
      {10'000'000, 4, "2.50"},
      {10'000'000, 3, "3.33"},
      {20'000'000, 3, "6.67"},
      {5'000, 1, "0.01"},
      {4'999, 1, "0.00"},
      {-5'000, 1, "-0.01"},
      {-4'999, 1, "0.00"},
      {15'000, 3, "0.01"},
      {14'999, 3, "0.00"},
      {0, 7, "0.00"},
      {kMax, kMax, "0.00"},
      {kMin, 1'000'000, "-9223372.04"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.micros, row.count);
    const std::optional<Decimal> average =
        roundedAverage(Decimal::fromMicros(row.micros), row.count);
    REQUIRE(average.has_value());
    CHECK(average->toString() == row.average);
  }
  CHECK_FALSE(roundedAverage(Decimal::fromMicros(1), 0).has_value());
  CHECK_FALSE(roundedAverage(Decimal::fromMicros(kMax), 1).has_value());
}

TEST_CASE("Division rounds half away from zero to a millionth, and always fits") {
  struct Row {
    std::int64_t micros;
    std::int64_t count;
    std::int64_t quotient;
  };
  const Row rows[] = {
      {0, 7, 0},
      {7, 1, 7},
      {7, 2, 4},
      {-7, 2, -4},
      {7, 3, 2},
      {-7, 3, -2},
      {8, 3, 3},
      {-8, 3, -3},
      {kMax, 1, kMax},
      {kMin, 1, kMin},
      {kMax, kMax, 1},
      {kMin, kMax, -1},
      {1, kMax, 0},
      {kMax / 2, kMax, 0},
      {kMax / 2 + 1, kMax, 1},
      {kMin / 2, kMax, -1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.micros, row.count);
    CHECK(Decimal::fromMicros(row.micros).dividedBy(row.count).micros() == row.quotient);
  }
}

}  // namespace
}  // namespace millrace
