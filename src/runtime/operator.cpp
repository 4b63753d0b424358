// SPDX-License-Identifier: MIT
#include <millrace/runtime/operator.hpp>

namespace millrace {

void throwIfFailed(const Status& status) {
  if (!status.ok()) throw JobError(status);
}

Status Operator::open(OperatorContext&) { return absl::OkStatus(); }
Step Operator::onWatermark(Timestamp) { return Step::kDone; }
bool Operator::forwardsWatermark(Timestamp) { return true; }
Step Operator::onQuiet() { return Step::kDone; }
Timestamp Operator::nextDeadline() const { return kMaxTimestamp; }
Step Operator::onProcessingTime(Timestamp) { return Step::kDone; }
Step Operator::onBarrier() { return Step::kDone; }
void Operator::beginSnapshot(TaskState&) {}
bool Operator::writeSnapshot(StateChanges&, std::size_t) { return false; }
Status Operator::restoreTask(std::span<const std::string>) { return absl::OkStatus(); }

bool Operator::fetchesOnDemand(StateId) const { return false; }

Status Operator::restoreEntry(StateId, KeyGroup, std::string_view, std::string_view) {
  return absl::InternalError("the operator keeps no keyed state, yet there is some of it");
}

void Operator::expectEntry(StateId, std::string_view) {}

KeyedStateStore* Operator::queryableStates() { return nullptr; }
Step Operator::onEnd(bool) { return Step::kDone; }
Status Operator::close(bool) { return absl::OkStatus(); }

StatusOr<bool> SourceOperator::hasPassingStart() const { return false; }
void SourceOperator::appendSplits(std::vector<SplitProgress>&) const {}

void SourceOperator::onBatch(std::size_t, BatchPtr&) {
  MILLRACE_CHECK(false, "a source has no input");
}

}  // namespace millrace
