// SPDX-License-Identifier: MIT
// flatMap is given a function that returns its results instead of collecting them.
// EXPECT FIRST: flatMap<U> takes a function void\(const T&, Collector<U>&\)
#include <millrace/millrace.hpp>

#include <vector>

void build(const millrace::Stream<int>& numbers) {
#ifdef GOOD
  numbers.flatMap<int>([](const int& number, millrace::Collector<int>& out) { out.emit(number); });
#else
  numbers.flatMap<int>([](const int& number) { return std::vector<int>{number}; });
#endif
}
