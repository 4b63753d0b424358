// SPDX-License-Identifier: MIT
// keyBy is given a key that cannot be hashed, and so not spread over workers.
// EXPECT FIRST: keyBy: the key must be hashable the same on every machine
#include <millrace/millrace.hpp>

struct Account {
  int number = 0;
  bool operator==(const Account&) const = default;
};

#ifdef GOOD
std::uint64_t millraceHash(const Account& account) {
  return millrace::mixHash(static_cast<std::uint64_t>(account.number));
}
void millraceWrite(const Account& account, millrace::ByteWriter& out) {
  millrace::Serde<int>::write(account.number, out);
}
bool millraceRead(millrace::ByteReader& in, Account& account) {
  return millrace::Serde<int>::read(in, account.number);
}
#endif

struct Order {
  Account account;
};

void build(const millrace::Stream<Order>& orders) { orders.keyBy(&Order::account); }
