// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/source.hpp>
#include <millrace/runtime/split_watermarks.hpp>

#include <algorithm>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

/// Takes no event time from the records: the connector knows it, or there is none.
struct ConnectorTimestamps {};

/// Drives a SourceReader: gives its records their event times, its splits their watermarks, and
/// accounts for what cannot be read. Output 0: records. Output 1: dead letters.
template <typename T, typename TimestampOf>
class ReaderSource final : public SourceOperator, private SourceOutput<T> {
 public:
  ReaderSource(std::unique_ptr<SourceReader<T>> reader, WatermarkStrategy watermarks,
               TimestampOf timestampOf, OnInvalid onInvalid)
      : reader_(std::move(reader)),
        watermarks_(std::move(watermarks)),
        timestampOf_(std::move(timestampOf)),
        onInvalid_(onInvalid) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    out_ = Emitter<T>(context.output(0));
    deadLetters_ = Emitter<DeadLetter>(context.output(1));
    return reader_->open(context);
  }

  void beginSnapshot(TaskState& out) override {
    ByteWriter position(out.position);
    position.fixed(std::max(watermarks_.merged(), floor_));
    reader_->writePosition(position);
  }

  Status restoreTask(std::span<const std::string> positions) override {
    std::vector<std::string_view> ofReaders;
    MILLRACE_ASSIGN_OR_RETURN(floor_, readSourcePositions(positions, ofReaders));
    return reader_->restorePositions(ofReaders);
  }

  SourcePoll poll() override {
    const Timestamp before = std::exchange(now_, context_->processingTime());
    if (wasBlocked()) watermarks_.passOver(before, now_);
    batch_ = &out_.open();
    const std::size_t from = batch_->size();
    const std::size_t limit = std::max(from, context_->batchSize());
    batch_->reserve(limit);
    this->slot_ = batch_->slots() + from;
    this->end_ = batch_->slots() + limit;
    this->time_ = batch_->slotTimes() + from;
    rejected_ = 0;
    StatusOr<ReadState> state = reader_->read(*this);
    throwIfFailed(state.status());
    hasMore_ = *state == ReadState::kMore;
    batch_->setSize(static_cast<std::size_t>(this->slot_ - batch_->slots()));
    assignTimestamps(from);
    context_->counters().in.add(batch_->size() - from + rejected_);
    observe(from);
    return {toPollState(*state), std::max(watermarks_.merged(), floor_), watermarks_.isIdle()};
  }

  Timestamp nextDeadline() const override {
    // Polled at once, or as soon as there is room: no clock has to wake it.
    if (hasMore_) return kMaxTimestamp;
    return std::min(reader_->nextDeadline(), watermarks_.nextDeadline());
  }

 private:
  // Since the last poll(): there was more to read and no room for it.
  bool wasBlocked() {
    const bool records = out_.port().takeRefusal();
    const bool letters = deadLetters_.port().takeRefusal();
    return hasMore_ && (records || letters);
  }

  static SourcePoll::State toPollState(ReadState state) {
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

  void assignTimestamps(std::size_t from) {
    if constexpr (!std::same_as<TimestampOf, ConnectorTimestamps>) {
      TypedBatch<T>& batch = *batch_;
      std::size_t kept = from;
      for (std::size_t i = from; i < batch.size(); ++i) {
        const std::optional<Timestamp> time = std::invoke(timestampOf_, std::as_const(batch[i]));
        if (!time) {
          reject("record", "it has no event time", "");
          continue;
        }
        batch.compact(kept, i);
        batch.setTime(kept++, *time);
      }
      batch.truncate(kept);
    }
  }

  void observe(std::size_t from) {
    const bool isNew = batch_->size() > from;
    if (isNew) {
      context_->counters().futureDated.add(
          watermarks_.onBatch(split_, *batch_, from, now_));
    }
    const Timestamp maximum = isNew ? watermarks_.batchMaximum() : kMinTimestamp;
    if (const std::optional<Timestamp> shared = reader_->sharedMaximum(maximum)) {
      watermarks_.announce(split_, now_);
      watermarks_.commitShared(split_, *shared);
    } else if (isNew) {
      watermarks_.commit(split_);
    }
    watermarks_.checkIdleness(now_);
  }

  // SourceOutput, for the reader.
  void split(std::size_t index) override {
    split_ = index;
    watermarks_.announce(index, now_);
  }

  void endSplit(std::size_t index) override { watermarks_.end(index); }

  void reject(std::string_view position, std::string_view reason,
              std::string_view payload) override {
    ++rejected_;
    context_->counters().invalid.add(1);
    if (onInvalid_ == OnInvalid::kFail) failInvalidRecord(position, reason);
    if (!deadLetters_.isConnected()) return;
    deadLetters_.append(now_).assign(context_->operatorName(), position, reason, payload);
    if (deadLetters_.open().size() >= context_->batchSize()) this->end_ = this->slot_;
  }

  void countBytes(std::size_t bytes) override { context_->counters().bytesIn.add(bytes); }

  const std::unique_ptr<SourceReader<T>> reader_;
  SplitWatermarks watermarks_;
  [[no_unique_address]] TimestampOf timestampOf_;
  const OnInvalid onInvalid_;

  OperatorContext* context_ = nullptr;
  Emitter<T> out_;
  TypedBatch<T>* batch_ = nullptr;  // being filled
  Emitter<DeadLetter> deadLetters_;
  Timestamp now_ = kMinTimestamp;
  Timestamp floor_ = kMinTimestamp;  // the watermark that an earlier run had come to
  std::size_t split_ = 0;
  std::size_t rejected_ = 0;
  bool hasMore_ = false;  // as the reader said last
};

}  // namespace millrace
