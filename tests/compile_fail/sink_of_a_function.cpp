// SPDX-License-Identifier: MIT
// sink is given a function in place of a sink.
// EXPECT FIRST: sink takes toStdout\(format\)
#include <millrace/millrace.hpp>

void build(const millrace::Stream<int>& numbers) {
#ifdef GOOD
  numbers.sink("out", millrace::forEach([](const int&) {}));
#else
  numbers.sink("out", [](const int&) {});
#endif
}
