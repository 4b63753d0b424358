// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace millrace {

/// Stable hashing: the same value has the same hash on every machine, in every
/// process and in every version, because key groups (and so stored state) depend
/// on it. `std::hash` and `absl::Hash` promise none of that.
///
/// Strings: XXH3 (64 bits, seed 0). Integers and enums: the splitmix64 finaliser
/// over the value widened to 64 bits. Tuples and pairs: members folded in order.
/// A user's key type joins in by a free function found by argument-dependent
/// look-up: `std::uint64_t millraceHash(const MyKey&)`.

/// XXH3 of `size` bytes at `data`.
std::uint64_t hashBytes(const void* data, std::size_t size) noexcept;

/// The finaliser of splitmix64 [Steele, Lea, Flood 2014]: a bijection of 64 bits.
constexpr std::uint64_t mixHash(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

constexpr std::uint64_t combineHashes(std::uint64_t a, std::uint64_t b) noexcept {
  return mixHash(a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2)));
}

template <typename T>
concept IntegerLike = std::integral<T> || std::is_enum_v<T>;

template <IntegerLike T>
constexpr std::uint64_t millraceHash(T value) noexcept {
  return mixHash(static_cast<std::uint64_t>(value));
}

inline std::uint64_t millraceHash(std::string_view value) noexcept {
  return hashBytes(value.data(), value.size());
}
inline std::uint64_t millraceHash(const std::string& value) noexcept {
  return hashBytes(value.data(), value.size());
}

template <typename A, typename B>
std::uint64_t millraceHash(const std::pair<A, B>& value);
template <typename... Ts>
std::uint64_t millraceHash(const std::tuple<Ts...>& value);

template <typename A, typename B>
std::uint64_t millraceHash(const std::pair<A, B>& value) {
  return combineHashes(millraceHash(value.first), millraceHash(value.second));
}

template <typename... Ts>
std::uint64_t millraceHash(const std::tuple<Ts...>& value) {
  std::uint64_t hash = sizeof...(Ts);
  std::apply([&](const auto&... each) { ((hash = combineHashes(hash, millraceHash(each))), ...); },
             value);
  return hash;
}

/// What a key must offer to be spread over key groups.
template <typename K>
concept StablyHashable = requires(const K& key) {
  { millraceHash(key) } -> std::convertible_to<std::uint64_t>;
};

/// A stable hash as a hash table on a worker wants it. The low bits choose the key group, so all
/// keys of a worker have few values there; a table that tags its slots with them (Abseil's takes
/// seven) would find too many tags alike.
constexpr std::size_t tableHash(std::uint64_t hash) noexcept {
  return static_cast<std::size_t>(std::rotr(hash, 16));
}

}  // namespace millrace
