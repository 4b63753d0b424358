// SPDX-License-Identifier: MIT
// keyBy is given a member of some other type of record.
// EXPECT FIRST: keyBy takes a pointer to a member of T or a function K\(const T&\)
#include <millrace/millrace.hpp>

struct Order {
  int customer = 0;
};
struct Invoice {
  int customer = 0;
};

void build(const millrace::Stream<Order>& orders) {
#ifdef GOOD
  orders.keyBy(&Order::customer);
#else
  orders.keyBy(&Invoice::customer);
#endif
}
