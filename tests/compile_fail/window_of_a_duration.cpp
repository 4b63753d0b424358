// SPDX-License-Identifier: MIT
// window is given a length and not a kind of window.
// EXPECT FIRST: window takes tumbling\(...\), sliding\(...\)
#include <millrace/millrace.hpp>

using namespace std::chrono_literals;

void build(const millrace::Stream<int>& numbers) {
  const auto parity = numbers.keyBy([](const int& number) { return number % 2; });
#ifdef GOOD
  parity.window(millrace::tumbling(1min)).aggregate("counts", millrace::count());
#else
  parity.window(1min).aggregate("counts", millrace::count());
#endif
}
