// SPDX-License-Identifier: MIT
// A topic copied with librdkafka alone: what a pipeline that passes records through is measured
// against.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>

namespace millrace::bench {

/// What all threads of this process have used so far.
double cpuSeconds();

/// When the first record was read. Starting and ending clients is not what is compared.
///
/// **Thread safety**: any.
class Begin {
 public:
  void note() {
    if (isNoted_.load(std::memory_order_relaxed) || isNoted_.exchange(true)) return;
    at_ = std::chrono::steady_clock::now();
    cpu_ = cpuSeconds();
    isThere_.store(true, std::memory_order_release);
  }
  bool isThere() const { return isThere_.load(std::memory_order_acquire); }
  std::chrono::steady_clock::time_point at() const { return at_; }
  double cpu() const { return cpu_; }

 private:
  std::atomic<bool> isNoted_{false};
  std::atomic<bool> isThere_{false};
  std::chrono::steady_clock::time_point at_;
  double cpu_ = 0;
};

/// Where records come from and go to.
struct Place {
  std::string bootstrap;
  std::string from;
  std::string to;
  int partitions = 0;
};

/// Copies what is in the topic now, every record by its key, with a consumer and a producer for
/// each thread.
void copyByHand(const Place& place, std::size_t threads, Begin& begin);

}  // namespace millrace::bench
