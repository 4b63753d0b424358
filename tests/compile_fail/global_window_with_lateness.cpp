// SPDX-License-Identifier: MIT
// Lateness is allowed to a window that nothing is late for.
// EXPECT FIRST: allowedLateness: no record is ever late for global\(...\) windows
#include <millrace/millrace.hpp>

using namespace std::chrono_literals;

void build(const millrace::Stream<int>& numbers) {
  const auto parity = numbers.keyBy([](const int& number) { return number % 2; });
#ifdef GOOD
  parity.window(millrace::tumbling(1min))
      .allowedLateness(1s)
      .aggregate("counts", millrace::count());
#else
  parity.window(millrace::global(10)).allowedLateness(1s).aggregate("counts", millrace::count());
#endif
}
