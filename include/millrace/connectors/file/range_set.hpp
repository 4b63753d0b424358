// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include <millrace/serde/bytes.hpp>

namespace millrace {

/// The bytes [begin, end) of a file.
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// Which bytes of a file were read, however they were cut up.
///
/// Thread safety: none.
/// Invariants: ranges() rise, none is empty, and no two touch.
class RangeSet {
 public:
  /// Adds [begin, end), which may overlap what is there. Cheap at the upper end.
  void add(std::uint64_t begin, std::uint64_t end);
  void add(const RangeSet& other);

  /// Takes out what lies below `offset`.
  void removeBelow(std::uint64_t offset);

  bool contains(std::uint64_t offset) const;

  /// The first range that ends above `offset`, or null.
  const ByteRange* firstAbove(std::uint64_t offset) const;

  /// Up to where everything from 0 on is in it.
  std::uint64_t prefixEnd() const;

  bool isEmpty() const { return ranges_.empty(); }
  const std::vector<ByteRange>& ranges() const { return ranges_; }

  /// Appends the set in few bytes; fewest when most ranges begin and end at multiples of `unit`,
  /// as the chunks of a plain file do: a bit for each unit then. REQUIRES: unit > 0.
  ///
  ///     pairs (count; for each: bytes from the end of the one before, bytes in it),
  ///     unit, 0 when there is no map; map: first unit, bytes, one bit a unit from the lowest on
  ///
  /// (all numbers are lengths as ByteWriter has them).
  void write(std::uint64_t unit, ByteWriter& out) const;

  /// Adds what write() has written; false when the bytes are damaged.
  bool read(ByteReader& in);

  friend bool operator==(const RangeSet&, const RangeSet&) = default;

 private:
  bool readPairs(ByteReader& in);
  bool readMap(ByteReader& in);

  std::vector<ByteRange> ranges_;
};

}  // namespace millrace
