// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include <millrace/base/hash.hpp>

namespace millrace {

/// A key whose stable hash is known already (batches on a keyed edge carry it); every look-up that
/// takes a key takes this too and does not hash again. REQUIRES: hash == millraceHash(key).
template <typename Q>
struct HashedKey {
  const Q& key;
  std::uint64_t hash;
};
template <typename Q>
HashedKey(const Q&, std::uint64_t) -> HashedKey<Q>;

template <typename Q>
const Q& plainKey(const Q& key) {
  return key;
}
template <typename Q>
const Q& plainKey(const HashedKey<Q>& key) {
  return key.key;
}

template <typename Q>
std::uint64_t stableHashOf(const Q& key) {
  if constexpr (StablyHashable<Q>)
    return millraceHash(key);
  else  // a string literal
    return millraceHash(std::string_view(key));
}
template <typename Q>
std::uint64_t stableHashOf(const HashedKey<Q>& key) {
  return key.hash;
}

}  // namespace millrace
