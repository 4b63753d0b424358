// SPDX-License-Identifier: MIT
#include <millrace/operators/window_operator.hpp>

#include <string>
#include <utility>

namespace millrace {

StatusOr<WindowState> declareWindows(OperatorContext& context, std::string kind,
                                     std::string keyType, std::string accumulatorType) {
  const StatusOr<StateId> id = context.declareState(
      {"windows", std::move(kind), std::move(keyType), std::move(accumulatorType), {}});
  if (!id.ok()) return id.status();
  const auto groups = static_cast<std::uint32_t>(context.keyGroups());
  return WindowState{*id, groups,
                     keyGroupsOf(static_cast<std::uint32_t>(context.worker()),
                                 static_cast<std::uint32_t>(context.workers()), groups)};
}

Status cannotBeKept(const std::string& accumulatorType) {
  return absl::UnimplementedError(
      "checkpoints are wanted, but the aggregate's accumulator has no bytes (give " +
      accumulatorType + " the functions millraceWrite and millraceRead, or describe it)");
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

bool readWindowPosition(ByteReader& in, WindowPosition& position) {
  return in.fixed(position.watermark) && in.fixed(position.firstTime) &&
         in.fixed(position.groups.first) && in.fixed(position.groups.end);
}

}  // namespace millrace
