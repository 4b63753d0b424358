// SPDX-License-Identifier: MIT
// reduce over windows is given a function of one record.
// EXPECT FIRST: reduce takes a function T\(const T&, const T&\)
#include <millrace/millrace.hpp>

using namespace std::chrono_literals;

void build(const millrace::Stream<int>& numbers) {
  const auto minutes =
      numbers.keyBy([](const int& number) { return number % 2; }).window(millrace::tumbling(1min));
#ifdef GOOD
  minutes.reduce("sums", [](const int& a, const int& b) { return a + b; });
#else
  minutes.reduce("sums", [](const int& a) { return a; });
#endif
}
