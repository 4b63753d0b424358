// SPDX-License-Identifier: MIT
// split is given something that is no predicate.
// EXPECT FIRST: split takes predicates bool\(const T&\)
#include <millrace/millrace.hpp>

#include <string>

void build(const millrace::Stream<int>& numbers) {
#ifdef GOOD
  numbers.split([](const int& number) { return number > 0; });
#else
  numbers.split([](const std::string& text) { return text.empty(); });
#endif
}
