// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/state/key_group.hpp>
#include <millrace/state/state_changes.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::checkpoint {

/// Keys as they stand in RocksDB; see RocksBase. Their order is that of group, state and key bytes.
inline constexpr std::size_t kRocksPrefix = 4;

inline void appendBigEndian(std::uint32_t number, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(number >> shift & 0xff));
}

constexpr std::uint32_t rocksPrefix(KeyGroup group, StateId state) noexcept {
  return std::uint32_t{group.value} << 16 | static_cast<std::uint16_t>(state);
}

inline std::string rocksKey(std::uint32_t prefix, std::string_view key = {}) {
  std::string out;
  out.reserve(kRocksPrefix + key.size());
  appendBigEndian(prefix, out);
  out.append(key);
  return out;
}

/// The first key behind all that begin with `prefix`; REQUIRES: it is not all 0xff.
inline std::string rocksEndOf(std::string prefix) {
  while (static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

/// REQUIRES: made by rocksKey().
inline std::uint32_t rocksPrefixOf(std::string_view key) noexcept {
  std::uint32_t prefix = 0;
  for (std::size_t i = 0; i < kRocksPrefix; ++i)
    prefix = prefix << 8 | static_cast<unsigned char>(key[i]);
  return prefix;
}

}  // namespace millrace::checkpoint
