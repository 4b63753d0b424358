// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <millrace/state/state_below.hpp>

namespace millrace {

/// Tells of entries whether their last change is settled (see StateBelow), from three bits each:
/// the *generation* in which an entry changed last, 1 to 7 in turn, 0 when it is known to be
/// settled.
///
/// A generation begins at a barrier, once everything before the beginning of the last one is
/// settled; so all but the newest two are. Seven numbers are enough because an old one that comes
/// round again only makes a settled entry look fresh, which keeps it a little longer and harms
/// nobody. An entry that was found settled, and is kept, is best given generation 0.
///
/// **Thread safety**: none; a table's own.
class Settling {
 public:
  static constexpr std::uint32_t kGenerations = 7;

  /// Of what changes now.
  std::uint32_t generation() const noexcept { return generation_; }

  /// To be called at each barrier, before anything changes behind it. REQUIRES: `below` is always
  /// the same, and outlives this.
  void begin(const StateBelow& below) noexcept {
    if (below.settledBarrier() < begin_) return;
    below_ = &below;
    begin_ = below.lastBarrier();
    generation_ = generation_ % kGenerations + 1;
  }

  /// Whether an entry that changed last in this generation may go.
  bool isSettled(std::uint32_t generation) const noexcept {
    if (generation == generation_) return false;
    const bool isLast = generation == (generation_ == 1 ? kGenerations : generation_ - 1);
    return !isLast || (below_ != nullptr && below_->settledBarrier() >= begin_);
  }

 private:
  const StateBelow* below_ = nullptr;
  std::uint32_t generation_ = 1;
  std::uint64_t begin_ = 0;  // the barrier it began at
};

}  // namespace millrace
