// SPDX-License-Identifier: MIT
#include <millrace/operators/window_operator.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace millrace {

Status declareWindows(OperatorContext& context, std::string kind, std::string (*keyType)(),
                      std::string (*accumulatorType)(), WindowState& declared) {
  MILLRACE_ASSIGN_OR_RETURN(
      declared.id,
      context.declareState({"windows", std::move(kind), keyType(), accumulatorType(), {}}));
  declared.keyGroups = static_cast<std::uint32_t>(context.keyGroups());
  declared.own = keyGroupsOf(static_cast<std::uint32_t>(context.worker()),
                             static_cast<std::uint32_t>(context.workers()), declared.keyGroups);
  return absl::OkStatus();
}

StatusOr<StateId> declareWindowTimers(OperatorContext& context, std::string (*keyType)()) {
  return context.declareState({"window timers", "timers", keyType(), "timestamp", {}});
}

Status cannotBeKept(std::string (*accumulatorType)()) {
  return absl::UnimplementedError(
      "checkpoints are wanted, but the aggregate's accumulator has no bytes (give " +
      accumulatorType() + " the functions millraceWrite and millraceRead, or describe it)");
}

Status damagedWindow(const char* what) {
  return absl::DataLossError(std::string(what) + " of a window is damaged");
}

void writeWindowPosition(const WindowPosition& position, ByteWriter& out) {
  out.fixed(position.watermark);
  out.fixed(position.firstTime);
  out.fixed(position.groups.first);
  out.fixed(position.groups.end);
}

bool takeWindowPosition(ByteReader& in, WindowPosition& position, GroupTimes& groupTimes) {
  WindowPosition earlier;
  if (!in.fixed(earlier.watermark) || !in.fixed(earlier.firstTime) ||
      !in.fixed(earlier.groups.first) || !in.fixed(earlier.groups.end)) {
    return false;
  }
  const KeyGroupRange own = position.groups;
  if (earlier.groups.end <= own.first || own.end <= earlier.groups.first) return true;
  position.watermark = std::min(position.watermark, earlier.watermark);
  position.firstTime = std::min(position.firstTime, earlier.firstTime);
  groupTimes.raise(earlier.groups, earlier.watermark);
  return true;
}

std::uint64_t countPlaced(TaskCounters& counters, Placement placement, std::uint64_t records) {
  switch (placement) {
    case Placement::kAccepted:
      return 0;
    case Placement::kLatePartial:
      counters.latePartial.add(records);
      return 0;
    case Placement::kLate:
      counters.late.add(records);
      return records;
    case Placement::kOutside:
      counters.filtered.add(records);
      return records;
  }
  return 0;
}

}  // namespace millrace
