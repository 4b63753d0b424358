// SPDX-License-Identifier: MIT
#pragma once

#include "latency_histogram.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace millrace::examples {

/// What an interval of a run, or the whole of it, has sent.
struct Sent {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  LatencyHistogram latency;  ///< from when a record was due, or was begun, until it was safe
  std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();

  void add(std::uint64_t count, std::uint64_t size, std::chrono::steady_clock::duration took);

  /// In the form of kafka-producer-perf-test, so that its readers can read it; no line feed.
  std::string line() const;
  /// The same with percentiles.
  std::string lastLine() const;
};

}  // namespace millrace::examples
