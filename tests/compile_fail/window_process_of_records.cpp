// SPDX-License-Identifier: MIT
// process over windows is given a function of one record instead of a window's elements.
// EXPECT FIRST: process<U> on windows takes a function void\(const WindowElements<Key, T>&
#include <millrace/millrace.hpp>

using namespace std::chrono_literals;

void build(const millrace::Stream<int>& numbers) {
  const auto minutes =
      numbers.keyBy([](const int& number) { return number % 2; }).window(millrace::tumbling(1min));
#ifdef GOOD
  minutes.process<int>("sizes", [](const millrace::WindowElements<int, int>& elements,
                                   millrace::Collector<int>& out) {
    out.emit(static_cast<int>(elements.value.size()));
  });
#else
  minutes.process<int>("sizes",
                       [](const int& number, millrace::Collector<int>& out) { out.emit(number); });
#endif
}
