// SPDX-License-Identifier: MIT
#include "checkpoint/checksum.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace millrace::checkpoint {

std::uint64_t checksum(std::span<const std::string_view> pieces, std::uint64_t seed) {
  if (pieces.size() == 1) {
    const std::string_view only = *pieces.begin();
    return XXH3_64bits_withSeed(only.data(), only.size(), seed);
  }
  XXH3_state_t state{};
  XXH3_64bits_reset_withSeed(&state, seed);
  for (const std::string_view piece : pieces)
    XXH3_64bits_update(&state, piece.data(), piece.size());
  return XXH3_64bits_digest(&state);
}

}  // namespace millrace::checkpoint
