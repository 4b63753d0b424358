// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <vector>

#include <millrace/serde/bytes.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {

/// How far event time had come, by key group, with the instances that had the groups before a
/// restart.
///
/// Where inputs come and go idle, instances may stand at different event times at a barrier. One
/// that takes over from several goes on from the least of their watermarks, so that nothing is lost
/// that could still come; here it finds the groups that are ahead of that, for time must go back
/// for none of them.
///
/// Empty wherever no group is ahead, which is nearly always: then every question costs one
/// comparison.
///
/// Thread safety: none; a task's own.
class GroupTimes {
 public:
  /// For the groups `own`, none of which is ahead.
  explicit GroupTimes(KeyGroupRange own = {}) noexcept : own_(own) {}

  bool isEmpty() const noexcept { return times_.empty(); }

  /// Event time had come to `time` for those of `groups` that are own; the latest said counts.
  void raise(KeyGroupRange groups, Timestamp time);

  /// The watermark has come to `watermark`: once no group is ahead of it, nothing is kept.
  void pass(Timestamp watermark) noexcept {
    if (latest_ <= watermark) *this = GroupTimes(own_);
  }

  /// kMinTimestamp where nothing is known. REQUIRES: `group` is own, or isEmpty().
  Timestamp of(KeyGroup group) const noexcept {
    return isEmpty() ? kMinTimestamp : times_[group.value - own_.first];
  }
  /// The latest of all groups.
  Timestamp latest() const noexcept { return latest_; }

  /// Appends number of ranges, then of each its first group, the one behind its last, and its time
  /// (u32, u32, i64). Nothing when isEmpty().
  void write(ByteWriter& out) const;

  /// Raises what write() has written, of whatever groups, up to the end of `in`. False: damaged.
  bool read(ByteReader& in);

 private:
  // The end of the groups from `first` on, counted from the first of own_, that have the same time.
  std::size_t endOfRange(std::size_t first) const noexcept;

  KeyGroupRange own_;
  std::vector<Timestamp> times_;  // by group, from the first of own_
  Timestamp latest_ = kMinTimestamp;
};

}  // namespace millrace
