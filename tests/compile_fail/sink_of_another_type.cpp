// SPDX-License-Identifier: MIT
// sink is given a format for some other type of record.
// EXPECT FIRST: sink takes toStdout\(format\)
#include <millrace/millrace.hpp>

#include <string>

void build(const millrace::Stream<int>& numbers) {
#ifdef GOOD
  numbers.sink("out", millrace::toStdout([](const int& number) { return std::to_string(number); }));
#else
  numbers.sink("out", millrace::toStdout([](const std::string& text) { return text; }));
#endif
}
