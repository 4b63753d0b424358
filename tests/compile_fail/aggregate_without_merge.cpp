// SPDX-License-Identifier: MIT
// aggregate over windows is given an aggregate that cannot merge.
// EXPECT FIRST: aggregate: windows other than global\(...\) need merge\(accumulator, other\)
#include <millrace/millrace.hpp>

using namespace std::chrono_literals;

struct Total {
  int create() const { return 0; }
  void add(int& total, const int& number) const { total += number; }
#ifdef GOOD
  void merge(int& into, const int& other) const { into += other; }
#endif
  int result(const int& total) const { return total; }
};

void build(const millrace::Stream<int>& numbers) {
  numbers.keyBy([](const int& number) { return number % 2; })
      .window(millrace::tumbling(1min))
      .aggregate("totals", Total());
}
