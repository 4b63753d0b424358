// SPDX-License-Identifier: MIT
#include <millrace/time/duration.hpp>

#include <absl/strings/str_cat.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>

namespace millrace {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t millis;
};

constexpr std::array<Unit, 5> kUnits{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};

// A command line may hold anything; a message holds only so much of it.
constexpr std::size_t kMaxQuoted = 64;

Status invalid(std::string_view text, std::string_view why) {
  const bool cut = text.size() > kMaxQuoted;
  text = text.substr(0, kMaxQuoted);
  return absl::InvalidArgumentError(absl::StrCat(
      "duration \"", absl::string_view(text.data(), text.size()), cut ? "...\" " : "\" ",
      absl::string_view(why.data(), why.size()), " (accepted: 250ms, 30s, 5m, 1h, 1d)"));
}

}  // namespace

StatusOr<Duration> parseDuration(std::string_view text) {
  const char* const end = text.data() + text.size();
  std::uint64_t amount = 0;
  const auto [next, error] = std::from_chars(text.data(), end, amount);
  if (error == std::errc::result_out_of_range) return invalid(text, "is too long");
  if (error != std::errc()) return invalid(text, "does not start with a whole number");

  const std::string_view unitName(next, static_cast<std::size_t>(end - next));
  if (unitName.empty()) return invalid(text, "has no unit");
  for (const Unit& unit : kUnits) {
    if (unit.name != unitName) continue;
    std::int64_t millis = 0;
    if (__builtin_mul_overflow(amount, unit.millis, &millis)) return invalid(text, "is too long");
    return Duration(millis);
  }
  return invalid(text, "is not a whole number and a unit");
}

std::string formatDuration(Duration duration) {
  const std::int64_t millis = duration.count();
  if (millis == 0) return "0s";
  for (const Unit& unit : kUnits) {
    if (millis % unit.millis == 0)
      return absl::StrCat(millis / unit.millis,
                          absl::string_view(unit.name.data(), unit.name.size()));
  }
  return {};  // every number of milliseconds is divisible by the last unit
}

}  // namespace millrace
