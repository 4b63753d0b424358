// SPDX-License-Identifier: MIT
// map is given a function that does not take the stream's records.
// EXPECT FIRST: map takes a function U\(const T&\) or a pointer to a member of T
#include <millrace/millrace.hpp>

#include <string>

void build(const millrace::Stream<int>& numbers) {
#ifdef GOOD
  numbers.map([](const int& number) { return number + 1; });
#else
  numbers.map([](const std::string& text) { return text.size(); });
#endif
}
