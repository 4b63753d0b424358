// SPDX-License-Identifier: MIT
// source is given values in place of a connector.
// EXPECT FIRST: source takes a connector: collection\(...\), generator<T>\(...\), file<T>\(...\)
#include <millrace/millrace.hpp>

#include <vector>

void build(millrace::Pipeline& pipeline, const std::vector<int>& numbers) {
#ifdef GOOD
  pipeline.source("numbers", millrace::collection(numbers), millrace::noWatermarks());
#else
  pipeline.source("numbers", numbers, millrace::noWatermarks());
#endif
}
