// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// An exact decimal number with six fraction digits: money that is never a
/// floating-point sum. Held as a signed 64-bit count of millionths, so it reaches
/// from about -9.2 to 9.2 million million.
///
/// Thread safety: a value type. Invariant: arithmetic never wraps; what does not
/// fit is reported by the operation's result.
class Decimal {
 public:
  /// Room for any number `format` can write.
  static constexpr std::size_t kMaxLength = 24;
  static constexpr std::int64_t kMicrosPerUnit = 1'000'000;

  constexpr Decimal() noexcept = default;

  static constexpr Decimal fromMicros(std::int64_t micros) noexcept { return Decimal(micros); }

  /// Reads the text of a JSON number, exponent and all, rounding half away from
  /// zero past the sixth fraction digit. Nothing when the text is not exactly one
  /// JSON number or the number does not fit. The cost depends on the length of
  /// the text, not on the size of the exponent.
  static std::optional<Decimal> parse(std::string_view text) noexcept;

  constexpr std::int64_t micros() const noexcept { return micros_; }

  /// Adds or subtracts in place: true, or false and unchanged when the result
  /// does not fit.
  [[nodiscard]] constexpr bool add(Decimal other) noexcept {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(micros_, other.micros_, &sum)) return false;
    micros_ = sum;
    return true;
  }
  [[nodiscard]] constexpr bool subtract(Decimal other) noexcept {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(micros_, other.micros_, &difference)) return false;
    micros_ = difference;
    return true;
  }

  /// This number divided by `count`, rounded half away from zero to a millionth.
  /// REQUIRES: count > 0.
  constexpr Decimal dividedBy(std::int64_t count) const noexcept {
    const std::int64_t quotient = micros_ / count;
    const std::int64_t rest = micros_ % count;
    const std::int64_t size = rest < 0 ? -rest : rest;
    const bool roundsAway = size >= count - size;
    return Decimal(roundsAway ? quotient + (micros_ < 0 ? -1 : 1) : quotient);
  }

  constexpr auto operator<=>(const Decimal&) const noexcept = default;

  /// Writes the number exactly, as a plain JSON number with at least two fraction
  /// digits and no zero at the end past the second: `12.00`, `0.10`, `-3.141593`.
  /// No final NUL; returns the end. REQUIRES: room for kMaxLength characters.
  char* format(char* out) const noexcept;
  void appendTo(std::string& out) const;
  std::string toString() const;

 private:
  explicit constexpr Decimal(std::int64_t micros) noexcept : micros_(micros) {}

  std::int64_t micros_ = 0;
};

/// sum / count, rounded half away from zero to two fraction digits. Nothing when
/// count is not positive, or when rounding leads past the largest number.
std::optional<Decimal> roundedAverage(Decimal sum, std::int64_t count) noexcept;

}  // namespace millrace
