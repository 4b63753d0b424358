// SPDX-License-Identifier: MIT
// reduce is given a function that makes something else of two records.
// EXPECT FIRST: reduce takes a function T\(const T&, const T&\)
#include <millrace/millrace.hpp>

#include <string>

void build(const millrace::Stream<int>& numbers) {
  const auto parity = numbers.keyBy([](const int& number) { return number % 2; });
#ifdef GOOD
  parity.reduce("sums", [](const int& a, const int& b) { return a + b; });
#else
  parity.reduce("sums", [](const int& a, const int& b) { return std::to_string(a + b); });
#endif
}
