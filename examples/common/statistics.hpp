// SPDX-License-Identifier: MIT
#pragma once

#include "user_event.hpp"

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace millrace::examples {

/// What `event_consumer` tells about the events it has seen: how many, how fast,
/// how many broken, the commonest types and the busiest users.
class Statistics {
 public:
  /// `top`: how many types and users the block lists.
  explicit Statistics(std::size_t top) : top_(top) {}

  void add(const UserEvent& event);
  void addError() { ++errors_; }

  std::uint64_t events() const { return events_; }
  std::uint64_t errors() const { return errors_; }

  /// The statistics block. Counts fall; of equal ones the name that is first in
  /// byte order comes first. Control characters in names are escaped as in JSON.
  std::string block(double elapsedSeconds) const;

 private:
  using Counts = absl::flat_hash_map<std::string, std::uint64_t>;

  void appendTop(std::string& out, const Counts& counts, const char* unit) const;

  std::size_t top_;
  std::uint64_t events_ = 0;
  std::uint64_t errors_ = 0;
  Counts types_;
  Counts users_;
};

}  // namespace millrace::examples
