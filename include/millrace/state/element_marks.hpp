// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace {

/// Which elements of a DenseMap have changed since its changes were written last, by position.
/// Costs nothing until the first mark.
/// Thread safety: that of a vector.
class ElementMarks {
 public:
  /// The element has changed.
  void setChanged(std::size_t position) { at(position) |= kChanged; }
  /// The element is new: nothing of it is stored.
  void setNew(std::size_t position) { at(position) = kChanged | kNew; }

  bool isChanged(std::size_t position) const noexcept { return (get(position) & kChanged) != 0; }
  bool isNew(std::size_t position) const noexcept { return (get(position) & kNew) != 0; }

  /// Positions from here on have no marks.
  std::size_t end() const noexcept { return marks_.size(); }

  /// As DenseMap::removeAt: the element at `last` moves to `position`.
  void removeAt(std::size_t position, std::size_t last) {
    if (position < marks_.size()) marks_[position] = get(last);
    if (marks_.size() > last) marks_.resize(last);
  }

  void clear() noexcept { marks_.clear(); }
  std::size_t memoryBytes() const noexcept { return marks_.capacity(); }

 private:
  static constexpr std::uint8_t kChanged = 1;
  static constexpr std::uint8_t kNew = 2;

  std::uint8_t get(std::size_t position) const noexcept {
    return position < marks_.size() ? marks_[position] : std::uint8_t{0};
  }
  std::uint8_t& at(std::size_t position) {
    if (position >= marks_.size()) marks_.resize(position + 1);
    return marks_[position];
  }

  std::vector<std::uint8_t> marks_;
};

}  // namespace millrace
