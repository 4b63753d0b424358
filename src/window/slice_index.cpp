// SPDX-License-Identifier: MIT
#include <millrace/window/slice_index.hpp>

#include <algorithm>

namespace millrace {

void SliceIndex::erase(std::uint64_t hash, std::uint32_t position) {
  setTag(slotOf(hash, position), kErased);
  --size_;
}

void SliceIndex::clear() noexcept {
  if (left_ == capacity()) return;
  std::fill(tags_.begin(), tags_.end(), kFree);
  size_ = 0;
  left_ = capacity();
}

void SliceIndex::allocate(std::size_t slots) {
  mask_ = slots - 1;
  tags_.assign(slots + kGroup, kFree);
  places_.resize(slots);
  size_ = 0;
  left_ = capacity();
}

std::size_t SliceIndex::freeSlot(std::uint64_t hash) const noexcept {
  std::size_t at = homeOf(hash);
  std::uint32_t free = 0;
  for (std::size_t step = kGroup; (free = Group(&tags_[at]).matching(kFree)) == 0; step += kGroup)
    at = (at + step) & mask_;
  return (at + static_cast<unsigned>(std::countr_zero(free))) & mask_;
}

std::size_t SliceIndex::slotOf(std::uint64_t hash, std::uint32_t position) const noexcept {
  std::size_t at = homeOf(hash);
  for (std::size_t step = kGroup;; step += kGroup) {
    for (std::uint32_t hits = Group(&tags_[at]).matching(tagOf(hash)); hits != 0;
         hits &= hits - 1) {
      const std::size_t slot = (at + static_cast<unsigned>(std::countr_zero(hits))) & mask_;
      if (places_[slot] == position) return slot;
    }
    at = (at + step) & mask_;
  }
}

}  // namespace millrace
