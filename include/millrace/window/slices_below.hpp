// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/state/epoch_changes.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/settling.hpp>
#include <millrace/state/state_below.hpp>
#include <millrace/time/timestamp.hpp>
#include <millrace/window/slice_table.hpp>

namespace millrace {

/// The way from the slices of one task to what lies below them: which of their entries are settled,
/// when it is worth while to let go of some, and how they are read again.
///
/// **Thread safety**: none; a worker's own. **Errors**: throws a JobError that names the state.
class SlicesBelow {
 public:
  void set(StateBelow& below, StateId state) {
    below_ = &below;
    state_ = state;
  }
  /// False: all there is is in the slices. REQUIRES, of what follows: isSet().
  bool isSet() const noexcept { return below_ != nullptr; }

  // --- what is settled

  /// At a barrier.
  void noteBarrier() { settling_.begin(*below_); }
  Generation generation() const noexcept { return static_cast<Generation>(settling_.generation()); }
  /// Of an entry with these marks.
  bool isSettled(EpochTag tag, Generation generation) const {
    return tag == 0 && settling_.isSettled(generation);
  }
  bool isSettled(Generation generation) const { return isSettled(0, generation); }

  // --- memory

  /// Says how much there is, and how much of it has changed since the last barrier. Answers how
  /// much of it is worth letting go of, an eighth at least; 0 also when trying would be in vain.
  std::size_t excess(std::size_t bytes, std::size_t changedBytes);
  /// What came of it.
  void noteFreed(bool isEnough);
  bool hasRoom() const { return below_->hasRoom(); }

  // --- what is below

  /// `key`: with the slice's time. False: there is none.
  bool read(KeyGroup group, std::string_view key, std::string& value) const;

  /// Shows all entries of a slice; keys without the time. `visit` answers false when they are
  /// damaged.
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;
  void readSlice(Timestamp end, KeyGroup group, const Visit& visit) const;

  [[noreturn]] static void failDamaged();

 private:
  StateBelow* below_ = nullptr;
  StateId state_{};
  Settling settling_;
  // Until something has moved, nothing more can be let go of.
  bool isExhausted_ = false;
  Generation exhaustedIn_ = 0;
  std::uint64_t exhaustedAt_ = 0;
};

/// The positions of a table's entries, by the key groups of their keys.
class PositionsByGroup {
 public:
  /// groupAt(i) is the group of the entry at `i`, for each below `n`. REQUIRES: all are in
  /// `groups`.
  template <typename GroupAt>
  PositionsByGroup(KeyGroupRange groups, std::size_t n, GroupAt&& groupAt)
      : first_(groups.first), ends_(groups.size() + 1), positions_(n) {
    for (std::size_t i = 0; i < n; ++i) ++ends_[groupAt(i).value - first_ + 1];
    for (std::size_t group = 1; group < ends_.size(); ++group) ends_[group] += ends_[group - 1];
    // Each beginning moves to the next one's while its positions are put down.
    for (std::size_t i = 0; i < n; ++i)
      positions_[ends_[groupAt(i).value - first_]++] = static_cast<std::uint32_t>(i);
  }

  std::span<const std::uint32_t> of(KeyGroup group) const {
    const std::size_t at = group.value - first_;
    const std::uint32_t begin = at == 0 ? 0 : ends_[at - 1];
    return {positions_.data() + begin, positions_.data() + ends_[at]};
  }

 private:
  std::uint32_t first_;
  std::vector<std::uint32_t> ends_;  // by group
  std::vector<std::uint32_t> positions_;
};

}  // namespace millrace
