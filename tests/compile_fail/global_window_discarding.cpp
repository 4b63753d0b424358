// SPDX-License-Identifier: MIT
// A window that begins anew after each result is told to discard.
// EXPECT FIRST: discarding: global\(n\) windows begin anew
#include <millrace/millrace.hpp>

using namespace std::chrono_literals;

void build(const millrace::Stream<int>& numbers) {
  const auto parity = numbers.keyBy([](const int& number) { return number % 2; });
#ifdef GOOD
  parity.window(millrace::tumbling(1min)).discarding().aggregate("counts", millrace::count());
#else
  parity.window(millrace::global(10)).discarding().aggregate("counts", millrace::count());
#endif
}
