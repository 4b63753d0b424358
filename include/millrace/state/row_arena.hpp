// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace millrace {

/// Places of one size, numbered from 0 and never moved: slabs of them, with a list of
/// the free ones threaded through their own memory.
///
/// Invariants:
/// 1. A place keeps its address and number until it is freed, and is then the next to
///    be handed out.
/// 2. Numbers below `used()` were all handed out at some time; telling which are still
///    in use is the owner's business.
/// Thread safety: none.
class RowArena {
 public:
  /// REQUIRES: align is a power of two.
  RowArena(std::size_t size, std::size_t align);

  /// The number of a place with raw memory. Throws std::bad_alloc, also after 2^32 - 2.
  std::uint32_t allocate();
  void free(std::uint32_t number) noexcept;

  /// One past the highest number ever handed out.
  std::size_t used() const noexcept { return used_; }
  void* at(std::size_t number) const noexcept {
    return slabs_[number >> slabShift_].get() + (number & slabMask_) * stride_;
  }

  /// The first `kPlaceHead` bytes of a place keep their content while it is free.
  static constexpr std::size_t kPlaceHead = 8;

  std::size_t memoryBytes() const noexcept;

 private:
  static constexpr std::uint32_t kNoPlace = 0xffffffff;

  struct SlabDelete {
    std::align_val_t align;
    void operator()(std::byte* slab) const noexcept { ::operator delete[](slab, align); }
  };

  std::size_t stride_;
  std::align_val_t align_;
  unsigned slabShift_ = 0;
  std::size_t slabMask_ = 0;
  std::size_t used_ = 0;
  std::uint32_t free_ = kNoPlace;
  std::vector<std::unique_ptr<std::byte, SlabDelete>> slabs_;
};

}  // namespace millrace
