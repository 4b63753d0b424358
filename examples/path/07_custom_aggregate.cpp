// SPDX-License-Identifier: MIT
// An aggregate of one's own: mean and spread of a machine's temperature over the last ten minutes.

#include <millrace/millrace.hpp>

#include <cmath>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

constexpr millrace::Timestamp kMinute = 60'000;

struct Temperature {
  std::string machine;
  std::int64_t degrees;
  millrace::Timestamp time;
};

const std::vector<Temperature> kTemperatures = {
    {"press", 40, 1 * kMinute},  {"press", 44, 3 * kMinute},  {"press", 48, 6 * kMinute},
    {"press", 60, 12 * kMinute}, {"press", 60, 14 * kMinute}, {"lathe", 20, 4 * kMinute},
};

// [aggregate]
struct Spread {
  double mean;
  double deviation;
};

// merge() is what lets the library add up on each worker first, and keep one slice of time for
// many windows. subtract() takes a slice out again, which saves merging the others anew; leave it
// out where it would not be exact.
struct SpreadOfDegrees {
  struct Sums {
    std::int64_t n = 0;
    std::int64_t sum = 0;
    std::int64_t squares = 0;
  };

  Sums create() const { return {}; }
  void add(Sums& sums, const Temperature& in) const {
    merge(sums, {1, in.degrees, in.degrees * in.degrees});
  }
  void merge(Sums& into, const Sums& other) const {
    into.n += other.n;
    into.sum += other.sum;
    into.squares += other.squares;
  }
  void subtract(Sums& from, const Sums& other) const {
    merge(from, {-other.n, -other.sum, -other.squares});
  }
  Spread result(const Sums& sums) const {
    const auto n = static_cast<double>(sums.n);
    const double mean = static_cast<double>(sums.sum) / n;
    return {mean, std::sqrt(static_cast<double>(sums.squares) / n - mean * mean)};
  }
};
// [aggregate end]

std::string asLine(const millrace::WindowResult<std::string, Spread>& spread) {
  return millrace::formatUtc(spread.windowEnd).substr(11, 5) + " " + spread.key + " " +
         std::to_string(spread.value.mean) + " +- " + std::to_string(spread.value.deviation);
}

int main() {
  millrace::Pipeline pipeline("temperatures");
  pipeline
      .source("temperatures", millrace::collection(kTemperatures),
              millrace::boundedOutOfOrderness(10min).timestamps(&Temperature::time))
      .keyBy(&Temperature::machine)
      .window(millrace::sliding(10min, 5min))
      .aggregate("spread", SpreadOfDegrees())
      .sink("out", millrace::toStdout(asLine));

  const millrace::Status status = millrace::run(pipeline);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
