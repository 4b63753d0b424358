// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <millrace/runtime/operator.hpp>
#include <millrace/state/state_changes.hpp>

namespace millrace {

/// One task's part in a checkpoint.
struct TaskSnapshot {
  std::string operatorName;
  std::uint32_t worker = 0;
  TaskState state;
  StateChanges changes;  ///< since the task's last snapshot
};

/// What a checkpoint adds to the one before: the stretch between two barriers.
struct Epoch {
  std::uint64_t number = 0;       ///< 1, 2, ... without holes over the life of a state directory
  std::uint64_t incarnation = 0;  ///< which start of the job wrote it: 1, 2, ...
  /// The last of a run that came to its end; when drained, by the end of its input.
  bool isFinal = false;
  bool isDrained = false;
  /// Whether it is committed is decided outside of the state directory; see CommitPoint.
  bool isCommittedElsewhere = false;
  Timestamp completedAt = 0;  ///< wall clock
  std::vector<TaskSnapshot> tasks;
};

}  // namespace millrace
