// SPDX-License-Identifier: MIT
// Early results are asked of a window without an end.
// EXPECT FIRST: early: global\(...\) windows have no end
#include <millrace/millrace.hpp>

using namespace std::chrono_literals;

void build(const millrace::Stream<int>& numbers) {
  const auto parity = numbers.keyBy([](const int& number) { return number % 2; });
#ifdef GOOD
  parity.window(millrace::tumbling(1min))
      .early(millrace::EarlyFiring::everyRecords(2))
      .aggregate("counts", millrace::count());
#else
  parity.window(millrace::global(10))
      .early(millrace::EarlyFiring::everyRecords(2))
      .aggregate("counts", millrace::count());
#endif
}
