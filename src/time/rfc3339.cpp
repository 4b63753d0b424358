// SPDX-License-Identifier: MIT
#include <millrace/time/rfc3339.hpp>

#include <charconv>
#include <cstdint>

namespace millrace {
namespace {

constexpr std::int64_t kMillisPerDay = 86'400'000;
constexpr Timestamp kFirstInstant = -62'135'596'800'000;  // 0001-01-01T00:00:00.000Z
constexpr Timestamp kLastInstant = 253'402'300'799'999;   // 9999-12-31T23:59:59.999Z

constexpr std::size_t kDateTimeLength = 19;
constexpr std::size_t kOffsetLength = 6;
constexpr std::size_t kMaxFractionDigits = 9;

// Gathers whether every character looked at was a digit, so that the reader
// below branches once and not fourteen times.
class Digits {
 public:
  explicit Digits(const char* text) : text_(text) {}

  unsigned pair(std::size_t at) noexcept {
    const unsigned tens = digit(at);
    const unsigned ones = digit(at + 1);
    return tens * 10 + ones;
  }
  bool valid() const noexcept { return worst_ <= 9; }

 private:
  unsigned digit(std::size_t at) noexcept {
    const auto value = static_cast<unsigned>(static_cast<unsigned char>(text_[at])) - unsigned{'0'};
    worst_ = value > worst_ ? value : worst_;
    return value;
  }

  const char* text_;
  unsigned worst_ = 0;
};

bool isDigit(char c) noexcept { return c >= '0' && c <= '9'; }

unsigned daysInMonth(unsigned year, unsigned month) noexcept {
  if (month != 2) return 30 + ((month + (month >> 3)) & 1);
  const bool leap = (year & 3) == 0 && (year % 100 != 0 || year % 400 == 0);
  return leap ? 29 : 28;
}

// days_from_civil of Howard Hinnant's "chrono-Compatible Low-Level Date
// Algorithms", for years that are not negative.
std::int64_t daysFromCivil(unsigned year, unsigned month, unsigned day) noexcept {
  year -= month <= 2;
  const unsigned era = year / 400;
  const unsigned yearOfEra = year - era * 400;
  const unsigned dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
  return std::int64_t{era} * 146'097 + dayOfEra - 719'468;
}

struct CivilDate {
  std::int64_t year;
  unsigned month;
  unsigned day;
};

// civil_from_days of the same source.
CivilDate civilFromDays(std::int64_t days) noexcept {
  days += 719'468;
  const std::int64_t era = floorDivide(days, 146'097);
  const auto dayOfEra = static_cast<unsigned>(days - era * 146'097);
  const unsigned yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36'524 - dayOfEra / 146'096) / 365;
  const unsigned dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const unsigned shifted = (5 * dayOfYear + 2) / 153;
  const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {.year = std::int64_t{yearOfEra} + era * 400 + (month <= 2 ? 1 : 0),
          .month = month,
          .day = dayOfYear - (153 * shifted + 2) / 5 + 1};
}

// Reads ".123..." at the front of `text`, if it is there, and takes it off.
bool takeFraction(std::string_view& text, unsigned& millis) noexcept {
  millis = 0;
  if (text.empty() || text.front() != '.') return true;
  std::size_t digits = 0;
  while (digits + 1 < text.size() && isDigit(text[digits + 1])) ++digits;
  if (digits == 0 || digits > kMaxFractionDigits) return false;
  unsigned unit = 100;
  for (std::size_t i = 1; i <= digits && unit > 0; ++i, unit /= 10)
    millis += unit * static_cast<unsigned>(text[i] - '0');
  text.remove_prefix(digits + 1);
  return true;
}

bool readZone(std::string_view text, std::int64_t& offsetMinutes) noexcept {
  offsetMinutes = 0;
  if (text.size() == 1) return text.front() == 'Z' || text.front() == 'z';
  if (text.size() != kOffsetLength || text[3] != ':') return false;
  if (text.front() != '+' && text.front() != '-') return false;
  Digits digits(text.data());
  const unsigned hours = digits.pair(1);
  const unsigned minutes = digits.pair(4);
  if (!digits.valid() || hours > 23 || minutes > 59) return false;
  offsetMinutes = std::int64_t{hours * 60 + minutes} * (text.front() == '-' ? -1 : 1);
  return true;
}

char* writePadded(char* out, unsigned value, unsigned width) noexcept {
  for (unsigned i = width; i > 0; --i, value /= 10)
    out[i - 1] = static_cast<char>('0' + value % 10);
  return out + width;
}

char* writeYear(char* out, std::int64_t year) noexcept {
  if (year >= 0 && year <= 9999) return writePadded(out, static_cast<unsigned>(year), 4);
  *out++ = year < 0 ? '-' : '+';
  const std::int64_t magnitude = year < 0 ? -year : year;
  if (magnitude <= 9999) return writePadded(out, static_cast<unsigned>(magnitude), 4);
  return std::to_chars(out, out + 20, magnitude).ptr;
}

}  // namespace

bool parseRfc3339(std::string_view text, Timestamp& out) noexcept {
  if (text.size() <= kDateTimeLength) return false;
  const char* p = text.data();
  const bool marks =
      p[4] == '-' && p[7] == '-' && (p[10] | 0x20) == 't' && p[13] == ':' && p[16] == ':';
  Digits digits(p);
  const unsigned century = digits.pair(0);
  const unsigned year = century * 100 + digits.pair(2);
  const unsigned month = digits.pair(5);
  const unsigned day = digits.pair(8);
  const unsigned hour = digits.pair(11);
  const unsigned minute = digits.pair(14);
  const unsigned second = digits.pair(17);
  if (!marks || !digits.valid()) return false;
  if (year == 0 || month - 1 > 11 || hour > 23 || minute > 59 || second > 59) return false;
  if (day == 0 || day > daysInMonth(year, month)) return false;

  unsigned millis = 0;
  std::int64_t offsetMinutes = 0;
  text.remove_prefix(kDateTimeLength);
  if (!takeFraction(text, millis) || !readZone(text, offsetMinutes)) return false;

  const std::int64_t secondOfDay = std::int64_t{hour * 3600 + minute * 60 + second};
  const Timestamp time = daysFromCivil(year, month, day) * kMillisPerDay +
                         (secondOfDay - offsetMinutes * 60) * 1000 + millis;
  if (time < kFirstInstant || time > kLastInstant) return false;
  out = time;
  return true;
}

char* formatUtc(Timestamp time, char* out) noexcept {
  const std::int64_t days = floorDivide(time, kMillisPerDay);
  // Two's complement, because days * kMillisPerDay may lie below the smallest time.
  const auto ofDay = static_cast<unsigned>(static_cast<std::uint64_t>(time) -
                                           static_cast<std::uint64_t>(days) * kMillisPerDay);
  const CivilDate date = civilFromDays(days);
  out = writeYear(out, date.year);
  *out++ = '-';
  out = writePadded(out, date.month, 2);
  *out++ = '-';
  out = writePadded(out, date.day, 2);
  *out++ = 'T';
  out = writePadded(out, ofDay / 3'600'000, 2);
  *out++ = ':';
  out = writePadded(out, ofDay / 60'000 % 60, 2);
  *out++ = ':';
  out = writePadded(out, ofDay / 1000 % 60, 2);
  *out++ = '.';
  out = writePadded(out, ofDay % 1000, 3);
  *out++ = 'Z';
  return out;
}

std::string formatUtc(Timestamp time) {
  char text[kMaxUtcLength];
  return std::string(text, formatUtc(time, text));
}

}  // namespace millrace
