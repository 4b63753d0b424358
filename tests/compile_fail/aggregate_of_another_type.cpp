// SPDX-License-Identifier: MIT
// aggregate is given the sum of a member of some other type of record.
// EXPECT FIRST: aggregate takes count\(\), sum\(...\), .* or an object with create\(\),
// add\(accumulator, record\)
#include <millrace/millrace.hpp>

using namespace std::chrono_literals;

struct Order {
  int customer = 0;
  int cents = 0;
};
struct Invoice {
  int cents = 0;
};

void build(const millrace::Stream<Order>& orders) {
  const auto minutes = orders.keyBy(&Order::customer).window(millrace::tumbling(1min));
#ifdef GOOD
  minutes.aggregate("totals", millrace::sum(&Order::cents));
#else
  minutes.aggregate("totals", millrace::sum(&Invoice::cents));
#endif
}
