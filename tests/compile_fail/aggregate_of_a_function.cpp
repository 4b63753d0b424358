// SPDX-License-Identifier: MIT
// aggregate is given a function in place of an aggregate.
// EXPECT FIRST: aggregate takes count\(\), sum\(...\), .* or an object with create\(\),
// add\(accumulator, record\)
#include <millrace/millrace.hpp>

using namespace std::chrono_literals;

void build(const millrace::Stream<int>& numbers) {
  const auto minutes =
      numbers.keyBy([](const int& number) { return number % 2; }).window(millrace::tumbling(1min));
#ifdef GOOD
  minutes.aggregate("totals", millrace::sum([](const int& number) { return number; }));
#else
  minutes.aggregate("totals", [](int& total, const int& number) { total += number; });
#endif
}
