// SPDX-License-Identifier: MIT
#include <millrace/operators/sink_operator.hpp>

namespace millrace {

Status SinkDriver::open(OperatorContext& context) { return writer_.open(context); }

Step SinkDriver::onQuiet() {
  throwIfFailed(writer_.flush());
  return Step::kDone;
}

void SinkDriver::beginSnapshot(TaskState& out) {
  ByteWriter prepared(out.prepared);
  throwIfFailed(writer_.prepare(prepared));
}

Step SinkDriver::onBarrier() { return handOver(); }

Step SinkDriver::onEnd(bool) {
  throwIfFailed(writer_.flush());
  return handOver();
}

Step SinkDriver::handOver() {
  const StatusOr<bool> isDone = writer_.handOver();
  throwIfFailed(isDone.status());
  return *isDone ? Step::kDone : Step::kAgain;
}

Status SinkDriver::close(bool succeeded) { return writer_.close(succeeded); }

}  // namespace millrace
