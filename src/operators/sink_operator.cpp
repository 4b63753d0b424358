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

Step SinkDriver::onEnd(bool) {
  throwIfFailed(writer_.flush());
  return Step::kDone;
}

Status SinkDriver::close(bool succeeded) { return writer_.close(succeeded); }

}  // namespace millrace
