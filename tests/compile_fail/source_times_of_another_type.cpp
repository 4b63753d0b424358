// SPDX-License-Identifier: MIT
// source is to take event times from some other type of record.
// EXPECT FIRST: source: timestamps\(...\) takes a pointer to a member of T or a function
#include <millrace/millrace.hpp>

#include <vector>

struct Click {
  millrace::Timestamp time = 0;
};
struct Sale {
  millrace::Timestamp time = 0;
};

void build(millrace::Pipeline& pipeline, const std::vector<Click>& clicks) {
  const auto watermarks = millrace::monotonousTimestamps();
#ifdef GOOD
  pipeline.source("clicks", millrace::collection(clicks), watermarks.timestamps(&Click::time));
#else
  pipeline.source("clicks", millrace::collection(clicks), watermarks.timestamps(&Sale::time));
#endif
}
