// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include <millrace/base/hash.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace::test {

/// A key that knows how many of its kind are in memory at once.
struct Badge {
  static inline std::atomic<std::int64_t> now{0};
  static inline std::atomic<std::int64_t> most{0};

  Badge() : Badge(0) {}
  explicit Badge(std::uint64_t number) : id(number) { count(); }
  Badge(const Badge& other) : id(other.id) { count(); }
  Badge& operator=(const Badge& other) = default;
  ~Badge() { --now; }
  bool operator==(const Badge& other) const { return id == other.id; }
  static void count() {
    const std::int64_t all = ++now;
    std::int64_t before = most.load();
    while (before < all && !most.compare_exchange_weak(before, all)) {
    }
  }

  std::uint64_t id;

  friend std::uint64_t millraceHash(const Badge& badge) { return millrace::millraceHash(badge.id); }
  friend void millraceWrite(const Badge& badge, ByteWriter& out) { writeAll(out, badge.id); }
  friend bool millraceRead(ByteReader& in, Badge& badge) { return readAll(in, badge.id); }
  // As if each had a name.
  friend std::size_t millraceHeapBytes(const Badge&) { return 100; }
};

/// What is written of the visits of one badge in one window.
inline std::string visitsLine(std::uint64_t guest, Timestamp end, std::int64_t visits) {
  return std::to_string(guest) + " came " + std::to_string(visits) + " times until " +
         std::to_string(end);
}

}  // namespace millrace::test
