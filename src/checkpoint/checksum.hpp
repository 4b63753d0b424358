// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace millrace::checkpoint {

/// XXH3 (64 bits) of the pieces put together. The seed ties bytes to their place, so that a run of
/// good bytes in a wrong place is noticed.
std::uint64_t checksum(std::span<const std::string_view> pieces, std::uint64_t seed = 0);
inline std::uint64_t checksum(std::initializer_list<std::string_view> pieces,
                              std::uint64_t seed = 0) {
  return checksum(std::span(pieces.begin(), pieces.size()), seed);
}

}  // namespace millrace::checkpoint
