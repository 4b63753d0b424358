// SPDX-License-Identifier: MIT
#include "sent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace millrace::examples {

void Sent::add(std::uint64_t count, std::uint64_t size, std::chrono::steady_clock::duration took) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  records += count;
  bytes += size;
  latency.add(static_cast<std::uint64_t>(std::max<std::int64_t>(micros, 0)), count);
}

std::string Sent::line() const {
  const auto elapsed = std::chrono::steady_clock::now() - since;
  const double seconds = std::max(std::chrono::duration<double>(elapsed).count(), 1e-9);
  const double megabytes = static_cast<double>(bytes) / (1024 * 1024);
  return fmt::format(
      "{} records sent, {:.1f} records/sec ({:.2f} MB/sec), {:.2f} ms avg latency, "
      "{:.2f} ms max latency",
      records, static_cast<double>(records) / seconds, megabytes / seconds, latency.averageMillis(),
      latency.largestMillis());
}

std::string Sent::lastLine() const {
  const auto at = [this](double fraction) {
    return std::llround(latency.percentileMillis(fraction));
  };
  return fmt::format("{}, {} ms 50th, {} ms 95th, {} ms 99th, {} ms 99.9th.", line(), at(0.5),
                     at(0.95), at(0.99), at(0.999));
}

}  // namespace millrace::examples
