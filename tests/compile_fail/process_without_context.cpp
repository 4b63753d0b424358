// SPDX-License-Identifier: MIT
// process is given a function without a context to emit by.
// EXPECT FIRST: process<Out> takes an object with void process\(const T&, ProcessContext<K, Out>&\)
#include <millrace/millrace.hpp>

void build(const millrace::Stream<int>& numbers) {
  const auto parity = numbers.keyBy([](const int& number) { return number % 2; });
#ifdef GOOD
  parity.process<int>("same", [](const int& number, auto& context) { context.emit(number); });
#else
  parity.process<int>("same", [](const int& number) { return number; });
#endif
}
