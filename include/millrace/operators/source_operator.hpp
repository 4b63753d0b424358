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

/// Drives a SourceReader: gives its splits their watermarks, and accounts for what cannot be read.
/// Output 0: records. Output 1: dead letters.
class SourceDriver : public SourceOperator, private ReaderReport {
 public:
  Status open(OperatorContext& context) final;
  StatusOr<bool> hasPassingStart() const final { return reader_.hasPassingStart(); }
  void beginSnapshot(TaskState& out) final;
  Status restoreTask(std::span<const std::string> positions) final;
  SourcePoll poll() final;
  Timestamp nextDeadline() const final;
  void appendSplits(std::vector<SplitProgress>& splits) const final;
  Status close(bool succeeded) final;

 protected:
  SourceDriver(SourceReaderLife& reader, const WatermarkStrategy& watermarks, OnInvalid onInvalid);

  /// Lets the reader append to `batch`, up to `limit` records, and gives those from `from` on their
  /// event times.
  virtual StatusOr<ReadState> read(Batch& batch, std::size_t from, std::size_t limit) = 0;

  ReaderReport& report() { return *this; }
  void rejectTimeless();

 private:
  bool wasBlocked();
  void observe(const Batch& batch, std::size_t from);

  void split(std::size_t index) final;
  void endSplit(std::size_t index) final;
  void setPending(std::size_t index, bool isPending) final;
  bool reject(std::string_view position, std::string_view reason, std::string_view payload,
              const MessageParts* message) final;
  void countBytes(std::size_t bytes) final;

  SourceReaderLife& reader_;
  SplitWatermarks watermarks_;
  const OnInvalid onInvalid_;

  OperatorContext* context_ = nullptr;
  OutputPort* out_ = nullptr;
  Emitter<DeadLetter> deadLetters_;
  Timestamp now_ = kMinTimestamp;
  Timestamp floor_ = kMinTimestamp;  // the watermark that an earlier run had come to
  std::size_t split_ = 0;
  std::size_t rejected_ = 0;
  bool hasMore_ = false;  // as the reader said last
};

/// The half of a source that knows its records: reads them and gives them their event times.
template <typename T, typename TimestampOf>
class ReaderSource final : public SourceDriver {
 public:
  ReaderSource(std::unique_ptr<SourceReader<T>> reader, const WatermarkStrategy& watermarks,
               TimestampOf timestampOf, OnInvalid onInvalid)
      : SourceDriver(*reader, watermarks, onInvalid),
        reader_(std::move(reader)),
        timestampOf_(std::move(timestampOf)) {}

 private:
  StatusOr<ReadState> read(Batch& opened, std::size_t from, std::size_t limit) override {
    auto& batch = static_cast<TypedBatch<T>&>(opened);
    batch.reserve(limit);
    SourceOutput<T> out(report(), batch, from, limit);
    StatusOr<ReadState> state = reader_->read(out);
    batch.setSize(static_cast<std::size_t>(out.position() - batch.slots()));
    if constexpr (!std::same_as<TimestampOf, ConnectorTimestamps>) {
      if (state.ok()) assignTimestamps(batch, from);
    }
    return state;
  }

  void assignTimestamps(TypedBatch<T>& batch, std::size_t from) {
    std::size_t kept = from;
    for (std::size_t i = from; i < batch.size(); ++i) {
      const std::optional<Timestamp> time = std::invoke(timestampOf_, std::as_const(batch[i]));
      if (!time) {
        rejectTimeless();
        continue;
      }
      batch.compact(kept, i);
      batch.setTime(kept++, *time);
    }
    batch.truncate(kept);
  }

  const std::unique_ptr<SourceReader<T>> reader_;
  [[no_unique_address]] TimestampOf timestampOf_;
};

}  // namespace millrace
