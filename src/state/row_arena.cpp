// SPDX-License-Identifier: MIT
#include <millrace/state/row_arena.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

namespace millrace {
namespace {

// Large enough to make allocation rare, small enough for a job with a handful of keys.
constexpr std::size_t kSlabBytes = 32 * 1024;

}  // namespace

RowArena::RowArena(std::size_t size, std::size_t align) {
  const std::size_t wide = std::max(align, alignof(std::uint64_t));
  const std::size_t least = std::max(size, kPlaceHead + sizeof(std::uint32_t));
  stride_ = (least + wide - 1) / wide * wide;
  align_ = std::align_val_t{wide};
  const std::size_t perSlab = std::bit_floor(std::max<std::size_t>(kSlabBytes / stride_, 1));
  slabShift_ = static_cast<unsigned>(std::countr_zero(perSlab));
  slabMask_ = perSlab - 1;
}

std::uint32_t RowArena::allocate() {
  if (free_ != kNoPlace) {
    const std::uint32_t number = free_;
    std::memcpy(&free_, static_cast<std::byte*>(at(number)) + kPlaceHead, sizeof(free_));
    return number;
  }
  if (used_ >= kNoPlace - 1) throw std::bad_alloc();
  if (used_ >> slabShift_ == slabs_.size()) {
    auto* slab = static_cast<std::byte*>(::operator new[](stride_ << slabShift_, align_));
    slabs_.emplace_back(slab, SlabDelete{align_});
  }
  return static_cast<std::uint32_t>(used_++);
}

void RowArena::free(std::uint32_t number) noexcept {
  std::memcpy(static_cast<std::byte*>(at(number)) + kPlaceHead, &free_, sizeof(free_));
  free_ = number;
}

std::size_t RowArena::memoryBytes() const noexcept {
  return slabs_.size() * (stride_ << slabShift_) + slabs_.capacity() * sizeof(slabs_[0]);
}

}  // namespace millrace
