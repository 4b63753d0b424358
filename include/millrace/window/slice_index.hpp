// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace millrace {

/// From hashes to positions in the entries of a SliceTable. It is made to be emptied and filled
/// again, window after window, without giving its memory back.
///
/// A byte for each slot holds seven bits of its hash, and sixteen of them are compared at once, so
/// that few look-ups should take a branch that the processor did not expect. Measured with a
/// thousand keys: 4 ns a record, where linear probing (and another hash) took 8.
/// [Abseil's Swiss tables]
///
/// Invariants:
///  1. A probe looks at groups of sixteen tags from the hash's home on, at growing distances; it is
///     over at the first group with a free slot. At most 7/8 of the slots are not free.
///  2. The first tags stand once more behind the last, so a group may begin anywhere.
/// Thread safety: that of a vector. REQUIRES: positions below 2^32 - 1.
class SliceIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  SliceIndex() { allocate(kGroup); }

  /// The position put in under this hash for which `isSame(position)`, or kNone; then `slot` is
  /// where it would go.
  template <typename IsSame>
  [[gnu::always_inline]] std::uint32_t find(std::uint64_t hash, IsSame&& isSame,
                                            std::size_t& slot) const {
    const std::uint8_t* const tags = tags_.data();
    const std::uint32_t* const places = places_.data();
    const std::size_t mask = mask_;
    std::size_t at = homeOf(hash);
    for (std::size_t step = kGroup;; step += kGroup) {
      const Group group(tags + at);
      for (std::uint32_t hits = group.matching(tagOf(hash)); hits != 0; hits &= hits - 1) {
        const std::uint32_t place =
            places[(at + static_cast<unsigned>(std::countr_zero(hits))) & mask];
        if (isSame(place)) [[likely]]
          return place;
      }
      if (const std::uint32_t free = group.matching(kFree); free != 0) [[likely]] {
        slot = (at + static_cast<unsigned>(std::countr_zero(free))) & mask;
        return kNone;
      }
      at = (at + step) & mask;
    }
  }

  /// Puts in the position size(). `hashOf(position)` is asked when the index grows.
  /// REQUIRES: find() has just answered kNone and `slot`.
  template <typename HashOf>
  void insert(std::uint64_t hash, std::size_t slot, HashOf&& hashOf) {
    if (left_ == 0) [[unlikely]]
      slot = rebuild(size_ >= capacity() / 2 ? slots() * 2 : slots(), hashOf).freeSlot(hash);
    put(slot, hash);
  }

  /// REQUIRES: `position` is in the index under this hash.
  void erase(std::uint64_t hash, std::uint32_t position);

  /// Writes `to` where `from` stands. REQUIRES: `from` is in the index under this hash.
  void replace(std::uint64_t hash, std::uint32_t from, std::uint32_t to) {
    places_[slotOf(hash, from)] = to;
  }

  /// Makes room for `positions` in all.
  template <typename HashOf>
  void reserve(std::size_t positions, HashOf&& hashOf) {
    if (positions > capacity()) rebuild(slotsFor(positions), hashOf);
  }

  /// Puts in the positions up to `positions`. REQUIRES: the index is empty.
  template <typename HashOf>
  void fill(std::size_t positions, HashOf&& hashOf) {
    size_ = positions;
    rebuild(slotsFor(positions), hashOf);
  }

  /// Empties the index and keeps its memory.
  void clear() noexcept;

  // Inlined by force: calls of a function that does nothing but prefetch are dropped by GCC 12.
  [[gnu::always_inline]] void prefetch(std::uint64_t hash) const noexcept {
    const std::size_t home = homeOf(hash);
    __builtin_prefetch(&tags_[home]);
    __builtin_prefetch(&places_[home]);
  }

  /// The position most likely to be found under this hash, or 0. Other than find() it looks at no
  /// key, so that many guesses run side by side.
  [[gnu::always_inline]] std::uint32_t guess(std::uint64_t hash) const noexcept {
    const std::size_t at = homeOf(hash);
    const std::uint32_t hits = Group(&tags_[at]).matching(tagOf(hash));
    if (hits == 0) return 0;
    return places_[(at + static_cast<unsigned>(std::countr_zero(hits))) & mask_];
  }

  std::size_t capacity() const noexcept { return slots() / 8 * 7; }
  std::size_t memoryBytes() const noexcept {
    return tags_.capacity() + places_.capacity() * sizeof(std::uint32_t);
  }

 private:
  static constexpr std::size_t kGroup = 16;
  static constexpr std::uint8_t kFree = 0x80;
  static constexpr std::uint8_t kErased = 0x81;

  // Sixteen tags; matching() has a bit for each that is equal.
  class Group {
   public:
#if defined(__SSE2__)
    explicit Group(const std::uint8_t* tags)
        : tags_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(tags))) {}
    std::uint32_t matching(std::uint8_t tag) const {
      const __m128i equal = _mm_cmpeq_epi8(tags_, _mm_set1_epi8(static_cast<char>(tag)));
      return static_cast<std::uint32_t>(_mm_movemask_epi8(equal));
    }

   private:
    __m128i tags_;
#else
    explicit Group(const std::uint8_t* tags) : tags_(tags) {}
    std::uint32_t matching(std::uint8_t tag) const {
      std::uint32_t hits = 0;
      for (std::size_t i = 0; i < kGroup; ++i) hits |= std::uint32_t{tags_[i] == tag} << i;
      return hits;
    }

   private:
    const std::uint8_t* tags_;
#endif
  };

  static std::uint8_t tagOf(std::uint64_t hash) noexcept {
    return static_cast<std::uint8_t>(hash & 0x7f);
  }
  std::size_t homeOf(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(hash >> 7) & mask_;
  }
  std::size_t slots() const noexcept { return mask_ + 1; }

  // For so many positions and one more.
  static std::size_t slotsFor(std::size_t positions) noexcept {
    return std::max(kGroup, std::bit_ceil(positions + positions / 7 + 1));
  }

  template <typename HashOf>
  [[gnu::noinline]] SliceIndex& rebuild(std::size_t slots, HashOf&& hashOf) {
    const auto positions = static_cast<std::uint32_t>(size_);
    allocate(slots);
    for (std::uint32_t i = 0; i < positions; ++i) {
      const std::uint64_t hash = hashOf(i);
      put(freeSlot(hash), hash);
    }
    return *this;
  }

  void put(std::size_t slot, std::uint64_t hash) noexcept {
    setTag(slot, tagOf(hash));
    places_[slot] = static_cast<std::uint32_t>(size_++);
    --left_;
  }

  void setTag(std::size_t slot, std::uint8_t tag) noexcept {
    tags_[slot] = tag;
    if (slot < kGroup) tags_[slot + slots()] = tag;
  }

  void allocate(std::size_t slots);
  std::size_t freeSlot(std::uint64_t hash) const noexcept;
  std::size_t slotOf(std::uint64_t hash, std::uint32_t position) const noexcept;

  std::vector<std::uint8_t> tags_;
  std::vector<std::uint32_t> places_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
  std::size_t left_ = 0;  // free slots that may still be taken
};

}  // namespace millrace
