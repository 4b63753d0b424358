// SPDX-License-Identifier: MIT
#include <millrace/window/windows.hpp>

#include <fmt/format.h>

#include <array>

#include <millrace/base/check.hpp>
#include <millrace/window/window_layout.hpp>

namespace millrace {
namespace {

std::string show(Duration duration) {
  struct Unit {
    std::int64_t milliseconds;
    std::string_view name;
  };
  constexpr std::array<Unit, 4> kUnits{
      {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}}};
  const std::int64_t count = duration.count();
  for (const auto& [milliseconds, name] : kUnits)
    if (count != 0 && count % milliseconds == 0)
      return fmt::format("{}{}", count / milliseconds, std::string_view(name));
  return fmt::format("{}ms", count);
}

template <typename... Args>
Status invalid(fmt::format_string<Args...> format, Args&&... args) {
  return absl::InvalidArgumentError(fmt::format(format, std::forward<Args>(args)...));
}

Status requirePositive(std::string_view what, std::string_view windows, Duration duration) {
  if (duration > Duration::zero()) return absl::OkStatus();
  return invalid("{} of {} windows is {} (must be positive)", what, windows, show(duration));
}

Status requireOffsetBelow(std::string_view windows, Duration offset, std::string_view what,
                          Duration limit) {
  if (offset < limit && offset > -limit) return absl::OkStatus();
  return invalid("offset of {} windows is {} (must be smaller than the {}, {}, either way)",
                 windows, show(offset), what, show(limit));
}

std::string withOffset(std::string text, Duration offset) {
  return offset == Duration::zero() ? text + ")" : text + ", offset " + show(offset) + ")";
}

std::string_view unitName(CalendarUnit unit) {
  constexpr std::array<std::string_view, 3> kNames{"day", "week", "month"};
  return kNames.at(static_cast<std::size_t>(unit));
}

}  // namespace

Status TumblingWindows::validate() const {
  MILLRACE_RETURN_IF_ERROR(requirePositive("size", "tumbling", size));
  return requireOffsetBelow("tumbling", offset, "size", size);
}

Status SlidingWindows::validate() const {
  MILLRACE_RETURN_IF_ERROR(requirePositive("size", "sliding", size));
  MILLRACE_RETURN_IF_ERROR(requirePositive("slide", "sliding", slide));
  return requireOffsetBelow("sliding", offset, "slide", slide);
}

Status CumulatingWindows::validate() const {
  MILLRACE_RETURN_IF_ERROR(requirePositive("size", "cumulating", size));
  MILLRACE_RETURN_IF_ERROR(requirePositive("step", "cumulating", step));
  if (size % step != Duration::zero())
    return invalid("size of cumulating windows is {} (must be a multiple of the step, {})",
                   show(size), show(step));
  return requireOffsetBelow("cumulating", offset, "size", size);
}

Status CalendarWindows::validate() const { return WindowLayout::compile(*this).status(); }

Status SessionWindows::validate() const { return requirePositive("gap", "session", gap); }

Status GlobalWindow::validate() const { return absl::OkStatus(); }

Status validate(const WindowSpec& windows) {
  return std::visit([](const auto& one) { return one.validate(); }, windows);
}

std::string describe(const TumblingWindows& w) {
  return withOffset("tumbling(" + show(w.size), w.offset);
}
std::string describe(const SlidingWindows& w) {
  return withOffset("sliding(" + show(w.size) + ", " + show(w.slide), w.offset);
}
std::string describe(const CumulatingWindows& w) {
  return withOffset("cumulating(" + show(w.size) + ", " + show(w.step), w.offset);
}
std::string describe(const CalendarWindows& w) {
  return fmt::format("calendar({}, {})", std::string_view(unitName(w.unit)), w.timeZone);
}
std::string describe(const SessionWindows& w) { return "session(" + show(w.gap) + ")"; }
std::string describe(const GlobalWindow& w) {
  return w.count == 0 ? "global()" : fmt::format("global({} records)", w.count);
}

std::string describe(const WindowSpec& windows) {
  return std::visit([](const auto& one) { return describe(one); }, windows);
}

bool EarlyFiring::isDue(Timestamp from, Timestamp to) const noexcept {
  if (kind != Kind::kEventTime && kind != Kind::kProcessingTime) return false;
  return floorDivide(from, interval.count()) < floorDivide(to, interval.count());
}

Status EarlyFiring::validate() const {
  const bool timed = kind == Kind::kEventTime || kind == Kind::kProcessingTime;
  if (timed && interval <= Duration::zero())
    return invalid("interval of early firing is {} (must be positive)", show(interval));
  if (kind == Kind::kRecords && records == 0)
    return invalid("early firing every 0 records (must be at least 1)");
  return absl::OkStatus();
}

Status WindowOptions::validate() const {
  if (allowedLateness < Duration::zero())
    return invalid("allowed lateness is {} (must not be negative)", show(allowedLateness));
  return early.validate();
}

void failWithoutEventTime() {
  throw JobError(
      "the record has no event time, which windows need (take it from the record: "
      "boundedOutOfOrderness(5s).timestamps(&Record::time) at the source)");
}

std::string_view paneName(Pane pane) noexcept {
  switch (pane) {
    case Pane::kEarly:
      return "early";
    case Pane::kOnTime:
      return "on-time";
    case Pane::kLate:
      return "late";
    case Pane::kEndOfInput:
      return "end-of-input";
  }
  return "?";
}

}  // namespace millrace
