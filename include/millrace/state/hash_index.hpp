// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace {

/// From stable hashes to positions of things kept elsewhere: the hash table under rows,
/// map entries and timers. A slot is eight bytes, so that finding a position costs one
/// cache miss where a general table has two.
///
/// Invariants:
/// 1. Linear probing, at most half full, no tombstones: a slot is found by
///    walking from its home to the first free slot.
/// 2. A slot keeps 32 bits of the hash: growing never looks at the things themselves.
///    They are bits 16 to 47, because the lowest ones are much alike among the keys of
///    one worker, being the key group.
/// 3. Positions are the caller's; one position is in the index at most once.
/// Thread safety: that of a vector. REQUIRES: positions below 2^32 - 1.
class HashIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// The position put in under this hash for which `isSame(position)`, or kNone.
  template <typename IsSame>
  std::uint32_t find(std::uint64_t hash, IsSame&& isSame) const {
    if (slots_.empty()) return kNone;
    const std::uint32_t tag = tagOf(hash);
    for (std::size_t at = tag & mask_;; at = (at + 1) & mask_) {
      const Slot slot = slots_[at];
      if (slot.place == 0) return kNone;
      if (slot.tag == tag && isSame(slot.place - 1)) return slot.place - 1;
    }
  }

  /// The position most likely to be found under this hash, or kNone: for prefetching.
  std::uint32_t guess(std::uint64_t hash) const noexcept {
    if (slots_.empty()) return kNone;
    const std::uint32_t tag = tagOf(hash);
    std::size_t at = tag & mask_;
    while (slots_[at].place != 0 && slots_[at].tag != tag) at = (at + 1) & mask_;
    return slots_[at].place - 1;  // kNone where the slot is free
  }

  /// REQUIRES: `position` is not in the index.
  void insert(std::uint64_t hash, std::uint32_t position) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    place(Slot{tagOf(hash), position + 1});
    ++size_;
  }

  /// REQUIRES: `position` is in the index under this hash.
  void erase(std::uint64_t hash, std::uint32_t position);

  /// Writes `to` where `from` stands. REQUIRES: `from` is in the index under this hash.
  void replace(std::uint64_t hash, std::uint32_t from, std::uint32_t to) {
    slots_[slotOf(hash, from)].place = to + 1;
  }

  /// Tells the processor that this hash will be looked for soon.
  void prefetch(std::uint64_t hash) const noexcept {
    if (!slots_.empty()) __builtin_prefetch(&slots_[tagOf(hash) & mask_]);
  }

  /// Empties the index and gives its memory back.
  void clear() noexcept;

  std::size_t memoryBytes() const noexcept { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t place = 0;  // position + 1; 0: free
  };

  static std::uint32_t tagOf(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 16);
  }

  void place(Slot slot) noexcept {
    std::size_t at = slot.tag & mask_;
    while (slots_[at].place != 0) at = (at + 1) & mask_;
    slots_[at] = slot;
  }

  std::size_t slotOf(std::uint64_t hash, std::uint32_t position) const noexcept {
    std::size_t at = tagOf(hash) & mask_;
    while (slots_[at].place != position + 1) at = (at + 1) & mask_;
    return at;
  }

  void grow();

  std::vector<Slot> slots_;  // size is 0 or a power of two
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace millrace
