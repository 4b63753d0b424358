// SPDX-License-Identifier: MIT
#include "connectors/kafka/marker.hpp"

#include <millrace/base/hash.hpp>

#include <fmt/format.h>

#include <charconv>

namespace millrace::rdkafka {
namespace {

// Takes `before` and a number off the beginning of `text`.
bool take(std::string_view& text, std::string_view before, int base, std::uint64_t& number) {
  if (!text.starts_with(before)) return false;
  text.remove_prefix(before.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

std::string bodyOf(const EpochMark& mark) {
  return fmt::format("v1;n={};inc={};sum={:016x};k=2", mark.number, mark.incarnation,
                     mark.checksum);
}

}  // namespace

std::string writeMarker(const EpochMark& mark) {
  const std::string body = bodyOf(mark);
  return body + fmt::format(";crc={:016x}", hashBytes(body.data(), body.size()));
}

std::optional<EpochMark> readMarker(std::string_view text) {
  EpochMark mark;
  std::string_view rest = text;
  if (!take(rest, "v1;n=", 10, mark.number) || !take(rest, ";inc=", 10, mark.incarnation) ||
      !take(rest, ";sum=", 16, mark.checksum)) {
    return std::nullopt;
  }
  // All but the numbers is fixed: what is not exactly as it is written is not ours.
  if (writeMarker(mark) != text) return std::nullopt;
  return mark;
}

}  // namespace millrace::rdkafka
