// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <millrace/state/state_below.hpp>

#include "unit/state/replayed_changes.hpp"

namespace millrace::test {

inline void require(bool isSo, const std::string& what) {
  if (!isSo) throw std::logic_error(what);
}

/// What lies below tables under test. Epochs that are written come down here one by one, each
/// whole, and count as settled still later.
class StoredBelow : public StateBelow {
 public:
  StatusOr<bool> read(StateId state, KeyGroup group, std::string_view key,
                      std::string& value) override {
    ++asked;
    MILLRACE_RETURN_IF_ERROR(failure);
    const auto entry = held.entries().find({state, std::string(key)});
    if (entry == held.entries().end()) return false;
    require(entry->second.group == group, "asked in the wrong group");
    value = entry->second.value;
    ++found;
    return true;
  }

  Status readAll(StateId state, KeyGroup group, std::string_view prefix,
                 const Visitor& visit) override {
    ++asked;
    const auto walk = [&](std::string_view key, std::string_view value) -> StatusOr<bool> {
      if (!key.starts_with(prefix)) return false;
      ++found;
      ++shown;
      MILLRACE_RETURN_IF_ERROR(visit(key, value));
      return true;
    };
    return StoredBelow::readFrom(state, group, prefix, walk);
  }

  Status readFrom(StateId state, KeyGroup group, std::string_view from,
                  const Walker& walk) override {
    MILLRACE_RETURN_IF_ERROR(failure);
    for (auto entry = held.entries().lower_bound({state, std::string(from)});
         entry != held.entries().end(); ++entry) {
      if (entry->first.first != state) break;
      if (entry->second.group != group) continue;
      MILLRACE_ASSIGN_OR_RETURN(const bool goesOn, walk(entry->first.second, entry->second.value));
      if (!goesOn) break;
    }
    return absl::OkStatus();
  }

  std::uint64_t lastBarrier() const override { return last; }
  std::uint64_t settledBarrier() const override { return settled; }
  std::size_t use(std::size_t bytes, std::size_t changedBytes) override {
    require(changedBytes <= bytes, "more has changed than there is");
    used = bytes;
    return bytes > limit ? bytes - limit : 0;
  }
  bool hasRoom() const override { return isRoomy; }

  /// The epoch before the last barrier is written, and on its way.
  void send(StateChanges epoch) { underway_.emplace_back(last, std::move(epoch)); }
  /// The oldest epoch on its way arrives. False: none was.
  bool moveDown() {
    if (underway_.empty()) return false;
    held.apply(underway_.front().second);
    holds_ = underway_.front().first;
    underway_.pop_front();
    return true;
  }
  void moveAllDown() {
    while (moveDown()) {
    }
  }
  void settle() { settled = holds_; }
  /// Written, arrived and settled at once.
  void settle(StateChanges epoch) {
    send(std::move(epoch));
    moveAllDown();
    settle();
  }
  /// All has arrived, and barriers are counted anew.
  void restart() {
    moveAllDown();
    last = holds_ = settled = 0;
  }

  ReplayedChanges held;
  Status failure;  ///< of all that is read
  std::size_t limit = std::numeric_limits<std::size_t>::max();
  bool isRoomy = true;
  std::uint64_t last = 0;
  std::uint64_t settled = 0;
  std::size_t used = 0;

  // How often it was asked, by key or by prefix, and for how many entries that were there.
  std::size_t asked = 0;
  std::size_t found = 0;
  std::size_t shown = 0;  ///< of these, by prefix

 private:
  std::uint64_t holds_ = 0;
  std::deque<std::pair<std::uint64_t, StateChanges>> underway_;
};

}  // namespace millrace::test
