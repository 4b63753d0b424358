// SPDX-License-Identifier: MIT
#include <millrace/window/window_layout.hpp>

#include <absl/time/civil_time.h>
#include <absl/time/time.h>

#include <algorithm>

namespace millrace {
namespace {

// Wide enough for any sum of three 64-bit times.
__extension__ using Wide = __int128;

Timestamp clamp(Wide t) {
  if (t <= static_cast<Wide>(kMinTimestamp)) return kMinTimestamp;
  if (t >= static_cast<Wide>(kMaxTimestamp)) return kMaxTimestamp;
  return static_cast<Timestamp>(t);
}

// The greatest k * period + offset that is <= t.
Wide alignDown(Wide t, Wide period, Wide offset) {
  const Wide remainder = (t - offset) % period;
  return remainder >= 0 ? t - remainder : t - remainder - period;
}

// The smallest k * period + offset that is > t.
Wide alignAfter(Wide t, Wide period, Wide offset) { return alignDown(t, period, offset) + period; }

Timestamp withinTime(Timestamp t) { return std::min(t, kMaxTimestamp - 1); }

}  // namespace

// Boundaries are the instants FromCivil() gives for the first second of each unit, which
// never go backwards. The unit an instant reads on the clock can (a clock set back across
// midnight), and a unit can be empty (a day skipped at the date line), hence the search.
class WindowLayout::Calendar {
 public:
  Calendar(CalendarUnit unit, absl::TimeZone zone) : unit_(unit), zone_(zone) {}

  WindowBounds around(Timestamp t) const {
    const absl::CivilDay day = absl::ToCivilDay(absl::FromUnixMillis(t), zone_);
    switch (unit_) {
      case CalendarUnit::kDay:
        return around(t, day);
      case CalendarUnit::kWeek:
        return aroundWeek(t, day);
      case CalendarUnit::kMonth:
        break;
    }
    return around(t, absl::CivilMonth(day));
  }

 private:
  template <typename Civil>
  Timestamp startOf(Civil unit) const {
    return absl::ToUnixMillis(absl::FromCivil(absl::CivilSecond(unit), zone_));
  }

  template <typename Civil>
  WindowBounds around(Timestamp t, Civil unit, int length = 1) const {
    while (startOf(unit) > t) unit -= length;
    while (startOf(unit + length) <= t) unit += length;
    return {startOf(unit), startOf(unit + length)};
  }

  WindowBounds aroundWeek(Timestamp t, absl::CivilDay day) const {
    const int sinceMonday =
        (static_cast<int>(absl::GetWeekday(day)) - static_cast<int>(absl::Weekday::monday) + 7) % 7;
    return around(t, day - sinceMonday, 7);
  }

  CalendarUnit unit_;
  absl::TimeZone zone_;
};

StatusOr<WindowLayout> WindowLayout::compile(const WindowSpec& spec) {
  WindowLayout layout;
  layout.description_ = millrace::describe(spec);
  if (const auto* calendar = std::get_if<CalendarWindows>(&spec)) {
    absl::TimeZone zone;
    if (!absl::LoadTimeZone(calendar->timeZone, &zone))
      return absl::InvalidArgumentError("time zone \"" + calendar->timeZone +
                                        "\" is not known here (use an IANA name such as "
                                        "Europe/Berlin, and have the tzdata package installed)");
    layout.kind_ = Kind::kCalendar;
    layout.calendar_ = std::make_shared<const Calendar>(calendar->unit, zone);
    return layout;
  }
  MILLRACE_RETURN_IF_ERROR(validate(spec));
  if (const auto* tumbling = std::get_if<TumblingWindows>(&spec)) {
    layout.kind_ = Kind::kDisjoint;
    layout.size_ = layout.period_ = tumbling->size.count();
    layout.offset_ = tumbling->offset.count();
  } else if (const auto* sliding = std::get_if<SlidingWindows>(&spec)) {
    layout.kind_ = sliding->slide >= sliding->size ? Kind::kDisjoint : Kind::kSliding;
    layout.size_ = sliding->size.count();
    layout.period_ = sliding->slide.count();
    layout.offset_ = sliding->offset.count();
  } else if (const auto* cumulating = std::get_if<CumulatingWindows>(&spec)) {
    layout.kind_ = cumulating->step == cumulating->size ? Kind::kDisjoint : Kind::kCumulating;
    layout.size_ = cumulating->size.count();
    layout.period_ = cumulating->step.count();
    layout.offset_ = cumulating->offset.count();
  } else {
    return absl::InvalidArgumentError(
        millrace::describe(spec) + " has no layout in slices (its windows differ from key to key)");
  }
  return layout;
}

WindowLayout::Slice WindowLayout::sliceOf(Timestamp t) const {
  t = withinTime(t);
  if (kind_ == Kind::kCalendar) {
    const WindowBounds bounds = calendar_->around(t);
    return {bounds.start, bounds.end, bounds.end, bounds.end};
  }
  return kind_ == Kind::kCumulating ? cumulatingSlice(t) : slidingSlice(t);
}

WindowLayout::Slice WindowLayout::slidingSlice(Timestamp t) const {
  const Wide start = alignDown(t, period_, offset_);
  const Wide cut = start + size_ % period_;  // where in this slide an older window ends
  Wide sliceStart = start;
  Wide sliceEnd = start + period_;
  if (period_ > size_)
    (t < start + size_ ? sliceEnd : sliceStart) = start + size_;
  else if (cut != start)
    (t < cut ? sliceEnd : sliceStart) = cut;
  const Wide firstEnd = alignAfter(sliceEnd - 1, period_, static_cast<Wide>(offset_) + size_);
  return {clamp(sliceStart), clamp(sliceEnd), clamp(firstEnd), clamp(start + size_)};
}

WindowLayout::Slice WindowLayout::cumulatingSlice(Timestamp t) const {
  const Wide start = alignDown(t, period_, offset_);
  const Wide end = start + period_;
  const Wide lastEnd = alignDown(t, size_, offset_) + size_;
  return {clamp(start), clamp(end), clamp(end), clamp(lastEnd)};
}

Timestamp WindowLayout::windowEndAfter(Timestamp t) const {
  if (t >= kMaxTimestamp - 1) return kMaxTimestamp;
  if (kind_ == Kind::kCalendar) return calendar_->around(t).end;
  const Wide phase = kind_ == Kind::kCumulating ? Wide{offset_} : Wide{offset_} + size_;
  return clamp(alignAfter(t, period_, phase));
}

Timestamp WindowLayout::windowStart(Timestamp end) const {
  if (kind_ == Kind::kCalendar) return calendar_->around(end - 1).start;
  if (kind_ == Kind::kCumulating) return clamp(alignDown(Wide{end} - 1, size_, offset_));
  // An end cut off at the end of time stands for the first one beyond it.
  const Wide exactEnd = alignAfter(Wide{end} - 1, period_, Wide{offset_} + size_);
  return clamp(exactEnd - size_);
}

bool WindowLayout::crossesWindow(Timestamp from, Timestamp to, Duration allowedLateness) const {
  if (to <= from) return false;
  const auto crossesEnd = [this](Timestamp a, Timestamp b) {
    return windowEndAfter(saturatingAdd(a, 1)) <= saturatingAdd(b, 1);
  };
  if (crossesEnd(from, to) || to == kMaxTimestamp) return true;
  const std::int64_t lateness = allowedLateness.count();
  return lateness > 0 &&
         crossesEnd(saturatingSubtract(from, lateness), saturatingSubtract(to, lateness));
}

}  // namespace millrace
