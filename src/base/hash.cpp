// SPDX-License-Identifier: MIT
#include <millrace/base/hash.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace millrace {

std::uint64_t hashBytes(const void* data, std::size_t size) noexcept {
  return XXH3_64bits(data, size);
}

}  // namespace millrace
