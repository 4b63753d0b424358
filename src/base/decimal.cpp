// SPDX-License-Identifier: MIT
#include <millrace/base/decimal.hpp>

#include <charconv>
#include <limits>

namespace millrace {
namespace {

__extension__ using Int128 = __int128;

constexpr int kFractionDigits = 6;
constexpr std::int64_t kMicrosPerCent = 10'000;

// Beyond any text's length, so that holding an exponent here changes no result.
constexpr std::int64_t kExponentLimit = std::int64_t{1} << 40;

bool isDigit(char c) noexcept { return c >= '0' && c <= '9'; }

// The parts of a JSON number; the digits before and after the point are views.
struct NumberParts {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  std::int64_t exponent = 0;

  char digit(std::size_t i) const noexcept {
    return i < whole.size() ? whole[i] : fraction[i - whole.size()];
  }
  std::size_t digits() const noexcept { return whole.size() + fraction.size(); }
};

std::string_view takeDigits(std::string_view& text) noexcept {
  std::size_t count = 0;
  while (count < text.size() && isDigit(text[count])) ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

bool takeExponent(std::string_view& text, std::int64_t& exponent) noexcept {
  if (text.empty() || (text.front() | 0x20) != 'e') return true;
  text.remove_prefix(1);
  const bool negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  const std::string_view digits = takeDigits(text);
  if (digits.empty()) return false;
  for (const char c : digits) {
    exponent = exponent * 10 + (c - '0');
    if (exponent > kExponentLimit) exponent = kExponentLimit;
  }
  if (negative) exponent = -exponent;
  return true;
}

bool split(std::string_view text, NumberParts& parts) noexcept {
  parts.negative = !text.empty() && text.front() == '-';
  if (parts.negative) text.remove_prefix(1);
  parts.whole = takeDigits(text);
  if (parts.whole.empty() || (parts.whole.size() > 1 && parts.whole.front() == '0')) return false;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    parts.fraction = takeDigits(text);
    if (parts.fraction.empty()) return false;
  }
  return takeExponent(text, parts.exponent) && text.empty();
}

bool appendDigit(std::uint64_t& value, unsigned digit) noexcept {
  return !__builtin_mul_overflow(value, std::uint64_t{10}, &value) &&
         !__builtin_add_overflow(value, std::uint64_t{digit}, &value);
}

// The digits left of the point once it has moved to the millionths, rounded by
// the first digit right of it.
bool magnitudeOf(const NumberParts& parts, std::uint64_t& magnitude) noexcept {
  const auto count = static_cast<std::int64_t>(parts.digits());
  const std::int64_t kept =
      static_cast<std::int64_t>(parts.whole.size()) + parts.exponent + kFractionDigits;
  std::int64_t i = 0;
  for (; i < kept && i < count; ++i) {
    const auto digit = static_cast<unsigned>(parts.digit(static_cast<std::size_t>(i)) - '0');
    if (!appendDigit(magnitude, digit)) return false;
  }
  // Ends within twenty rounds: zero stays zero, and anything else overflows.
  for (; i < kept && magnitude != 0; ++i)
    if (!appendDigit(magnitude, 0)) return false;
  if (kept >= 0 && kept < count && parts.digit(static_cast<std::size_t>(kept)) >= '5')
    return !__builtin_add_overflow(magnitude, std::uint64_t{1}, &magnitude);
  return true;
}

}  // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) noexcept {
  NumberParts parts;
  std::uint64_t magnitude = 0;
  if (!split(text, parts) || !magnitudeOf(parts, magnitude)) return std::nullopt;
  constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (magnitude > kLargest + (parts.negative ? 1 : 0)) return std::nullopt;
  return Decimal(static_cast<std::int64_t>(parts.negative ? 0 - magnitude : magnitude));
}

char* Decimal::format(char* out) const noexcept {
  const bool negative = micros_ < 0;
  const std::uint64_t magnitude =
      negative ? 0 - static_cast<std::uint64_t>(micros_) : static_cast<std::uint64_t>(micros_);
  if (negative) *out++ = '-';
  out = std::to_chars(out, out + 20, magnitude / kMicrosPerUnit).ptr;
  *out++ = '.';
  std::uint64_t fraction = magnitude % kMicrosPerUnit;
  for (int i = kFractionDigits; i > 0; --i, fraction /= 10)
    out[i - 1] = static_cast<char>('0' + fraction % 10);
  int digits = kFractionDigits;
  while (digits > 2 && out[digits - 1] == '0') --digits;
  return out + digits;
}

void Decimal::appendTo(std::string& out) const {
  char text[kMaxLength];
  out.append(text, format(text));
}

std::string Decimal::toString() const {
  std::string text;
  appendTo(text);
  return text;
}

std::optional<Decimal> roundedAverage(Decimal sum, std::int64_t count) noexcept {
  if (count <= 0) return std::nullopt;
  const Int128 divisor = Int128{count} * kMicrosPerCent;
  const Int128 micros = sum.micros();
  const Int128 rest = micros % divisor;
  auto cents = static_cast<std::int64_t>(micros / divisor);
  if ((rest < 0 ? -rest : rest) * 2 >= divisor) cents += micros < 0 ? -1 : 1;
  std::int64_t average = 0;
  if (__builtin_mul_overflow(cents, kMicrosPerCent, &average)) return std::nullopt;
  return Decimal::fromMicros(average);
}

}  // namespace millrace
