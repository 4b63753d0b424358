// SPDX-License-Identifier: MIT
#pragma once

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

  void add(const std::string& eventType, const std::string& userId);

  /// The statistics block; `errors` is how many records could not be read. Counts fall; of equal
  /// ones the name that is first in byte order comes first. Control characters in names are escaped
  /// as in JSON.
  std::string block(double elapsedSeconds, std::uint64_t errors) const;

 private:
  using Counts = absl::flat_hash_map<std::string, std::uint64_t>;

  void appendTop(std::string& out, const Counts& counts, const char* unit) const;

  std::size_t top_;
  std::uint64_t events_ = 0;
  Counts types_;
  Counts users_;
};

}  // namespace millrace::examples
