// SPDX-License-Identifier: MIT
// map is given a function without a result.
// EXPECT FIRST: map takes a function U\(const T&\) or a pointer to a member of T
#include <millrace/millrace.hpp>

void build(const millrace::Stream<int>& numbers) {
#ifdef GOOD
  numbers.peek([](const int&) {});
#else
  numbers.map([](const int&) {});
#endif
}
