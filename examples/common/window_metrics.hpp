// SPDX-License-Identifier: MIT
#pragma once

#include "money.hpp"
#include "user_event.hpp"

#include <millrace/window/windows.hpp>

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace millrace::examples {

/// What `event_consumer --aggregate` tells about a window: its events, revenue,
/// active users, and the commonest types and busiest users.
class WindowMetrics {
 public:
  using Counts = absl::flat_hash_map<std::string, std::int64_t>;
  using Ranking = std::vector<std::pair<std::string, std::int64_t>>;

  struct Accumulator {
    std::int64_t events = 0;
    RevenueByCurrency revenue;
    Counts types;
    Counts users;
  };
  struct Result {
    std::int64_t events = 0;
    std::int64_t activeUsers = 0;
    RevenueByCurrency revenue;
    Ranking topTypes;  ///< most first; of equal ones the name first in byte order
    Ranking topUsers;
  };

  /// `top`: the length of the rankings.
  explicit WindowMetrics(std::size_t top) : top_(top) {}

  Accumulator create() const { return {}; }
  void add(Accumulator& into, const ShopEvent& event) const;
  void merge(Accumulator& into, const Accumulator& other) const;
  Result result(const Accumulator& window) const;

 private:
  std::size_t top_;
};

/// Appends one window as a JSON object, without a line feed.
void appendRow(std::string& out, const WindowResult<int, WindowMetrics::Result>& window);

}  // namespace millrace::examples
