// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace millrace::bench {

/// The numbers that java.util.SplittableRandom gives of the same seed (Java 17), so that both sides
/// of a contest make the same events. Source: Steele, Lea and Flood, Fast splittable pseudorandom
/// number generators, OOPSLA 2014.
///
/// **Thread safety**: none.
class SplitRandom {
 public:
  explicit SplitRandom(std::uint64_t seed) : seed_(seed) {}

  std::int32_t nextInt() {
    std::uint64_t z = next();
    z = (z ^ (z >> 33)) * 0x62a9d9ed799705f5ULL;
    return static_cast<std::int32_t>(((z ^ (z >> 28)) * 0xcb24d0a5c88c35b3ULL) >> 32);
  }

  /// 0 .. bound - 1. REQUIRES: bound > 0.
  std::int32_t nextInt(std::int32_t bound) {
    const auto mask = static_cast<std::uint32_t>(bound) - 1;
    auto random = static_cast<std::uint32_t>(nextInt());
    if ((static_cast<std::uint32_t>(bound) & mask) == 0)
      return static_cast<std::int32_t>(random & mask);
    // Numbers of a last, incomplete row of `bound` are drawn again.
    std::uint32_t drawn = random >> 1;
    while (static_cast<std::int32_t>(drawn + mask -
                                     (random = drawn % static_cast<std::uint32_t>(bound))) < 0)
      drawn = static_cast<std::uint32_t>(nextInt()) >> 1;
    return static_cast<std::int32_t>(random);
  }

  /// 0 up to 1, without 1.
  double nextDouble() {
    std::uint64_t z = next();
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

 private:
  std::uint64_t next() { return seed_ += 0x9e3779b97f4a7c15ULL; }

  std::uint64_t seed_;
};

}  // namespace millrace::bench
