// SPDX-License-Identifier: MIT
// unite is given a stream of another type of record.
// EXPECT FIRST: unite takes streams of the same type of record
#include <millrace/millrace.hpp>

#include <string>

void build(const millrace::Stream<int>& numbers, const millrace::Stream<std::string>& texts) {
#ifdef GOOD
  numbers.unite(texts.map([](const std::string& text) { return static_cast<int>(text.size()); }));
#else
  numbers.unite(texts);
#endif
}
