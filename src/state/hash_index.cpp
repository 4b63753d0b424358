// SPDX-License-Identifier: MIT
#include <millrace/state/hash_index.hpp>

#include <algorithm>

namespace millrace {
namespace {

constexpr std::size_t kFirstSlots = 16;

}  // namespace

// Later slots of the run move up into the gap, unless that would put them before
// their home. [Knuth, volume 3, 6.4, algorithm R]
void HashIndex::erase(std::uint64_t hash, std::uint32_t position) {
  std::size_t gap = slotOf(hash, position);
  for (std::size_t at = (gap + 1) & mask_; slots_[at].place != 0; at = (at + 1) & mask_) {
    const std::size_t home = slots_[at].tag & mask_;
    if (((at - home) & mask_) < ((at - gap) & mask_)) continue;
    slots_[gap] = slots_[at];
    gap = at;
  }
  slots_[gap] = Slot{};
  --size_;
}

void HashIndex::clear() noexcept {
  std::vector<Slot>().swap(slots_);
  mask_ = size_ = 0;
}

void HashIndex::grow() {
  std::vector<Slot> old(std::max(kFirstSlots, slots_.size() * 2));
  old.swap(slots_);
  mask_ = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.place != 0) place(slot);
  }
}

}  // namespace millrace
