// SPDX-License-Identifier: MIT
// A key type that says nothing about how it is hashed cannot be spread over key groups.
// EXPECT: constraints not satisfied
// EXPECT: StablyHashable
#include <millrace/base/hash.hpp>

struct Account {
  std::uint64_t number = 0;
};

#ifdef GOOD
std::uint64_t millraceHash(const Account& account) { return millrace::mixHash(account.number); }
#endif

template <millrace::StablyHashable K>
std::uint64_t hashOf(const K& key) {
  return millraceHash(key);
}

std::uint64_t hashed = hashOf(Account{7});
