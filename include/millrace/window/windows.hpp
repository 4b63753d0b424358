// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <millrace/base/status.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {

/// The kinds of windows a keyed stream can be cut into, as plain values.
///
/// A window is `[start, end)` in event time and its *maximum timestamp* is `end - 1`.
/// Definitions follow Apache Flink's assigners of the same names. Building such a value
/// never fails; `validate()` says what is wrong with it, with the hint how to put it right.
///
/// The first and the last window of representable time are cut off at its ends; an event
/// dated kMaxTimestamp counts as one millisecond earlier (that value means "the end").

/// Back to back: `[k * size + offset, (k + 1) * size + offset)`.
/// Valid when size > 0 and |offset| < size.
struct TumblingWindows {
  Duration size{};
  Duration offset{};

  Status validate() const;
  bool operator==(const TumblingWindows&) const = default;
};

/// Of length `size`, one starting every `slide`. With slide > size there are gaps, and
/// an event in a gap belongs to no window (it is *outside*, which is not late).
/// Valid when size > 0, slide > 0 and |offset| < slide.
struct SlidingWindows {
  Duration size{};
  Duration slide{};
  Duration offset{};

  Status validate() const;
  bool operator==(const SlidingWindows&) const = default;
};

/// A large window reported every `step` while it grows: `[s, s + step)`,
/// `[s, s + 2 * step)`, ... `[s, s + size)`, then the next s.
/// Valid when step > 0, size is a multiple of it, and |offset| < size.
struct CumulatingWindows {
  Duration size{};
  Duration step{};
  Duration offset{};

  Status validate() const;
  bool operator==(const CumulatingWindows&) const = default;
};

enum class CalendarUnit : std::uint8_t { kDay, kWeek, kMonth };

/// Days, weeks (from Monday) or months as the clock on the wall of `timeZone` (a name of the
/// IANA database) has them: a day with a clock change has 23 or 25 hours.
/// Valid when the zone is known on this machine.
struct CalendarWindows {
  CalendarUnit unit = CalendarUnit::kDay;
  std::string timeZone = "UTC";

  Status validate() const;
  bool operator==(const CalendarWindows&) const = default;
};

/// Per key: events no further apart than `gap` (exactly `gap` included) share a session,
/// which is `[first, last + gap)`. Valid when gap > 0.
struct SessionWindows {
  Duration gap{};

  Status validate() const;
  bool operator==(const SessionWindows&) const = default;
};

/// Per key one window over all of time. With `count` > 0 it fires and empties itself every
/// `count` records of a key, and what is left at the end of input is not fired (as Flink's
/// `countWindow`). With `count` 0 it fires once, at the end of input.
struct GlobalWindow {
  std::uint64_t count = 0;

  Status validate() const;
  bool operator==(const GlobalWindow&) const = default;
};

using WindowSpec = std::variant<TumblingWindows, SlidingWindows, CumulatingWindows, CalendarWindows,
                                SessionWindows, GlobalWindow>;

Status validate(const WindowSpec& windows);

/// As the user would write it: "sliding(1m, 10s)".
std::string describe(const TumblingWindows& windows);
std::string describe(const SlidingWindows& windows);
std::string describe(const CumulatingWindows& windows);
std::string describe(const CalendarWindows& windows);
std::string describe(const SessionWindows& windows);
std::string describe(const GlobalWindow& windows);
std::string describe(const WindowSpec& windows);

inline TumblingWindows tumbling(Duration size, Duration offset = {}) { return {size, offset}; }
inline SlidingWindows sliding(Duration size, Duration slide, Duration offset = {}) {
  return {size, slide, offset};
}
inline CumulatingWindows cumulating(Duration size, Duration step, Duration offset = {}) {
  return {size, step, offset};
}
inline CalendarWindows calendar(CalendarUnit unit, std::string timeZone = "UTC") {
  return {unit, std::move(timeZone)};
}
inline SessionWindows session(Duration gap) { return {gap}; }
inline GlobalWindow global(std::uint64_t count = 0) { return {count}; }

/// When a window tells its value before its time has come.
struct EarlyFiring {
  enum class Kind : std::uint8_t { kNone, kEventTime, kProcessingTime, kRecords };

  Kind kind = Kind::kNone;
  Duration interval{};        ///< for the two kinds of time
  std::uint64_t records = 0;  ///< for kRecords: per key and window

  static EarlyFiring none() { return {}; }
  /// Whenever the watermark passes a multiple of `interval`: the first watermark those since the
  /// first record, each later one those since the one before.
  static EarlyFiring everyEventTime(Duration interval) { return {Kind::kEventTime, interval, 0}; }
  static EarlyFiring everyProcessingTime(Duration interval) {
    return {Kind::kProcessingTime, interval, 0};
  }
  static EarlyFiring everyRecords(std::uint64_t n) { return {Kind::kRecords, {}, n}; }

  /// For the kinds of time: whether a clock that goes from `from` to `to` passes a multiple of
  /// the interval, so that an early firing is due. False for the other kinds.
  bool isDue(Timestamp from, Timestamp to) const noexcept;

  Status validate() const;
  bool operator==(const EarlyFiring&) const = default;
};

/// What a windowed operation may be told besides its windows.
struct WindowOptions {
  /// How long after a window's end the watermark may be while records still go into it, each
  /// firing the window's key anew at once. Not negative.
  Duration allowedLateness{0};
  EarlyFiring early{};
  /// Every pane tells only what came since the pane before (default: all of it).
  bool discarding = false;

  Status validate() const;
  bool operator==(const WindowOptions&) const = default;
};

struct WindowBounds {
  Timestamp start = 0;
  Timestamp end = 0;

  Timestamp maxTimestamp() const noexcept { return end - 1; }
  bool operator==(const WindowBounds&) const = default;
};

/// Why a result was told.
enum class Pane : std::uint8_t {
  kEarly,       ///< before the watermark reached the window's end
  kOnTime,      ///< the watermark reached the window's end
  kLate,        ///< an allowed-late record came after that
  kEndOfInput,  ///< the input ended before the watermark had got there
};

/// "early", "on-time", "late", "end-of-input".
std::string_view paneName(Pane pane) noexcept;

/// What a windowed aggregation hands down: one per key, window and pane.
template <typename K, typename R>
struct WindowResult {
  K key;
  R value;
  Timestamp windowStart = 0;
  Timestamp windowEnd = 0;
  Pane pane = Pane::kOnTime;

  /// The event time of the result.
  Timestamp timestamp() const noexcept { return windowEnd - 1; }
  WindowBounds bounds() const noexcept { return {windowStart, windowEnd}; }
  bool operator==(const WindowResult&) const = default;
};

/// Throws the JobError of a record without an event time that came to windows.
[[noreturn]] void failWithoutEventTime();

/// Where a record went that was offered to windows.
enum class Placement : std::uint8_t {
  kAccepted,     ///< into every window that contains it
  kLatePartial,  ///< into some; others had been closed for good
  kLate,         ///< into none: all had been closed for good
  kOutside,      ///< into none: it falls into the gap between windows
};

/// The answer to an add. When `due`, the add has called for panes of this key (a late one, or an
/// early one by the number of records): call `emitDue` before anything else.
struct AddResult {
  Placement placement = Placement::kAccepted;
  bool due = false;
  bool operator==(const AddResult&) const = default;
};

}  // namespace millrace
