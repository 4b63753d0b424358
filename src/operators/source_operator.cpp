// SPDX-License-Identifier: MIT
#include <millrace/operators/source_operator.hpp>

#include <utility>
#include <vector>

namespace millrace {
namespace {

SourcePoll::State toPollState(ReadState state) {
  switch (state) {
    case ReadState::kMore:
      return SourcePoll::State::kMore;
    case ReadState::kQuiet:
      return SourcePoll::State::kQuiet;
    case ReadState::kEnd:
      break;
  }
  return SourcePoll::State::kEnd;
}

}  // namespace

SourceDriver::SourceDriver(SourceReaderLife& reader, const WatermarkStrategy& watermarks,
                           OnInvalid onInvalid)
    : reader_(reader), watermarks_(watermarks), onInvalid_(onInvalid) {}

Status SourceDriver::open(OperatorContext& context) {
  context_ = &context;
  out_ = &context.output(0);
  deadLetters_ = Emitter<DeadLetter>(context.output(1));
  return reader_.open(context);
}

void SourceDriver::beginSnapshot(TaskState& out) {
  ByteWriter position(out.position);
  position.fixed(std::max(watermarks_.merged(), floor_));
  reader_.writePosition(position);
}

Status SourceDriver::restoreTask(std::span<const std::string> positions) {
  std::vector<std::string_view> ofReaders;
  MILLRACE_ASSIGN_OR_RETURN(floor_, readSourcePositions(positions, ofReaders));
  return reader_.restorePositions(ofReaders);
}

SourcePoll SourceDriver::poll() {
  const Timestamp before = std::exchange(now_, context_->processingTime());
  if (wasBlocked()) watermarks_.passOver(before, now_);
  Batch& batch = out_->open();
  const std::size_t from = batch.size();
  rejected_ = 0;
  const StatusOr<ReadState> state = read(batch, from, std::max(from, context_->batchSize()));
  throwIfFailed(state.status());
  hasMore_ = *state == ReadState::kMore;
  context_->counters().in.add(batch.size() - from + rejected_);
  observe(batch, from);
  return {toPollState(*state), std::max(watermarks_.merged(), floor_), watermarks_.isIdle()};
}

Timestamp SourceDriver::nextDeadline() const {
  // Polled at once, or as soon as there is room: no clock has to wake it.
  if (hasMore_) return kMaxTimestamp;
  return std::min(reader_.nextDeadline(), watermarks_.nextDeadline());
}

// Since the last poll(): there was more to read and no room for it.
bool SourceDriver::wasBlocked() {
  const bool records = out_->takeRefusal();
  const bool letters = deadLetters_.port().takeRefusal();
  return hasMore_ && (records || letters);
}

void SourceDriver::rejectTimeless() { reject("record", "it has no event time", "", nullptr); }

void SourceDriver::observe(const Batch& batch, std::size_t from) {
  const bool isNew = batch.size() > from;
  if (isNew) context_->counters().futureDated.add(watermarks_.onBatch(split_, batch, from, now_));
  const Timestamp maximum = isNew ? watermarks_.batchMaximum() : kMinTimestamp;
  if (const std::optional<Timestamp> shared = reader_.sharedMaximum(maximum)) {
    watermarks_.announce(split_, now_);
    watermarks_.commitShared(split_, *shared);
  } else if (isNew) {
    watermarks_.commit(split_);
  }
  watermarks_.checkIdleness(now_);
}

void SourceDriver::split(std::size_t index) {
  split_ = index;
  watermarks_.announce(index, now_);
}

void SourceDriver::endSplit(std::size_t index) { watermarks_.end(index); }

void SourceDriver::setPending(std::size_t index, bool isPending) {
  watermarks_.setPending(index, isPending, now_);
}

Status SourceDriver::close(bool succeeded) { return reader_.close(succeeded); }

void SourceDriver::appendSplits(std::vector<SplitProgress>& splits) const {
  reader_.appendSplits(splits);
}

bool SourceDriver::reject(std::string_view position, std::string_view reason,
                          std::string_view payload, const MessageParts* message) {
  ++rejected_;
  context_->counters().invalid.add(1);
  if (onInvalid_ == OnInvalid::kFail) failInvalidRecord(position, reason);
  if (!deadLetters_.isConnected()) return true;
  deadLetters_.append(now_).assign(context_->operatorName(), position, reason, payload, message);
  return deadLetters_.open().size() < context_->batchSize();
}

void SourceDriver::countBytes(std::size_t bytes) { context_->counters().bytesIn.add(bytes); }

}  // namespace millrace
