// SPDX-License-Identifier: MIT
// sink is to collect records into a collection of another type.
// EXPECT FIRST: sink takes toStdout\(format\)
#include <millrace/millrace.hpp>

#include <string>

void build(const millrace::Stream<int>& numbers) {
#ifdef GOOD
  const millrace::Collected<int> collected;
#else
  const millrace::Collected<std::string> collected;
#endif
  numbers.sink("out", millrace::collectInto(collected));
}
