// SPDX-License-Identifier: MIT
// filter is given a function that says neither yes nor no.
// EXPECT FIRST: filter takes a predicate bool\(const T&\)
#include <millrace/millrace.hpp>

#include <string>

void build(const millrace::Stream<int>& numbers) {
#ifdef GOOD
  numbers.filter([](const int& number) { return number > 0; });
#else
  numbers.filter([](const int& number) { return std::to_string(number); });
#endif
}
