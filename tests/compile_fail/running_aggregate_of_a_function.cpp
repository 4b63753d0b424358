// SPDX-License-Identifier: MIT
// The running aggregate of a keyed stream is given a function in place of an aggregate.
// EXPECT FIRST: aggregate takes count\(\), sum\(...\), .* or an object with create\(\),
// add\(accumulator, record\)
#include <millrace/millrace.hpp>

void build(const millrace::Stream<int>& numbers) {
  const auto parity = numbers.keyBy([](const int& number) { return number % 2; });
#ifdef GOOD
  parity.aggregate("counts", millrace::count());
#else
  parity.aggregate("counts", [](int& total, const int& number) { total += number; });
#endif
}
