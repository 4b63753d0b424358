// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <millrace/base/status.hpp>
#include <millrace/time/timestamp.hpp>
#include <millrace/window/windows.hpp>

namespace millrace {

/// The geometry of windows that are the same for all keys: how event time is cut into *slices*
/// so that every window is a run of whole slices and a record touches one slice only.
///
/// Tumbling and calendar windows: the slice is the window. Cumulating: the step. Sliding: time is
/// cut wherever a window starts or ends, so there are one or two slices per slide ("pairs", of
/// lengths `size mod slide` and the rest; never the many of gcd(size, slide), which for 1 h by
/// 59,999 ms would be a millisecond).
///
/// Thread safety: immutable after compile(). Cost: each call does a division or two, a
/// calendar call asks the time-zone database; keep the current slice, do not call per record.
///
/// Invariants:
///  1. Slices do not overlap and cover all of time; windows are told by their ends.
///  2. Slices and windows are cut off at the ends of representable time: of the windows that
///     end at or beyond kMaxTimestamp only the first exists, and it ends at kMaxTimestamp.
class WindowLayout {
 public:
  /// A slice and the windows it is part of, which are those that end at `firstEnd`, at every
  /// window end after it up to `lastEnd`. `isOutside()`: it lies between windows.
  struct Slice {
    Timestamp start = 0;
    Timestamp end = 0;
    Timestamp firstEnd = 0;
    Timestamp lastEnd = 0;

    bool isOutside() const noexcept { return lastEnd < firstEnd; }
    bool contains(Timestamp t) const noexcept { return t >= start && t < end; }
    bool operator==(const Slice&) const = default;
  };

  /// Errors: what `validate(spec)` says; kInvalidArgument for session and global windows,
  /// which differ from key to key.
  static StatusOr<WindowLayout> compile(const WindowSpec& spec);

  /// "sliding(1m, 10s)": what it was compiled from.
  const std::string& describe() const noexcept { return description_; }

  /// The slice with the event time `t` (kMaxTimestamp counts as one less).
  Slice sliceOf(Timestamp t) const;

  /// The first window end after `t`; kMaxTimestamp when there is none before that.
  Timestamp windowEndAfter(Timestamp t) const;

  /// REQUIRES: `end` is the end of a window.
  Timestamp windowStart(Timestamp end) const;

  /// Whether a watermark that goes from `from` to `to` completes a window, or (with allowed
  /// lateness) closes one for good. False means: nothing at all happens on the way.
  bool crossesWindow(Timestamp from, Timestamp to, Duration allowedLateness) const;

  /// Whether a window can be made of several slices (sliding, cumulating).
  bool windowsShareSlices() const noexcept {
    return kind_ != Kind::kDisjoint && kind_ != Kind::kCalendar;
  }

 private:
  class Calendar;
  enum class Kind : std::uint8_t { kDisjoint, kSliding, kCumulating, kCalendar };

  WindowLayout() = default;
  Slice slidingSlice(Timestamp t) const;
  Slice cumulatingSlice(Timestamp t) const;

  std::string description_;
  Kind kind_ = Kind::kDisjoint;
  std::int64_t size_ = 0;
  std::int64_t period_ = 0;  // from window end to window end
  std::int64_t offset_ = 0;
  std::shared_ptr<const Calendar> calendar_;
};

}  // namespace millrace
