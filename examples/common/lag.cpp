// SPDX-License-Identifier: MIT
#include "lag.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <tuple>

namespace millrace::examples {
namespace {

const SplitProgress& furthestBehind(const std::vector<SplitProgress>& partitions) {
  return *std::max_element(
      partitions.begin(), partitions.end(),
      [](const SplitProgress& a, const SplitProgress& b) { return a.lag() < b.lag(); });
}

std::string known(std::int64_t offset) {
  return offset == SplitProgress::kUnknown ? std::string("?") : fmt::to_string(offset);
}

}  // namespace

std::string lagNote(const std::vector<SplitProgress>& partitions) {
  std::int64_t lag = 0;
  for (const SplitProgress& each : partitions) lag += each.lag();
  if (lag == 0 || partitions.size() == 1) return fmt::format("lag {}", lag);
  const SplitProgress& last = furthestBehind(partitions);
  return fmt::format("lag {} ({}: {})", lag, last.name, last.lag());
}

std::string lagDetail(const std::vector<SplitProgress>& partitions) {
  if (partitions.empty()) return {};
  const SplitProgress& last = furthestBehind(partitions);
  if (last.lag() == 0) return {};
  return fmt::format("{}: committed {}, current {}, end {}, lag {}", last.name,
                     known(last.committed), known(last.position), known(last.end), last.lag());
}

void sortPartitions(std::vector<SplitProgress>& partitions) {
  // Of numbers without zeros in front the shorter is the smaller.
  const auto order = [](const SplitProgress& split) {
    const std::string_view name = split.name;
    const std::size_t dash = std::min(name.rfind('-'), name.size());
    return std::tuple(name.substr(0, dash), name.size(), name);
  };
  std::sort(partitions.begin(), partitions.end(),
            [&](const SplitProgress& a, const SplitProgress& b) { return order(a) < order(b); });
}

}  // namespace millrace::examples
