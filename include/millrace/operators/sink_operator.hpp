// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/sink.hpp>

#include <memory>
#include <string>
#include <utility>

namespace millrace {

/// Drives a SinkWriter.
class SinkDriver : public Operator {
 public:
  Status open(OperatorContext& context) final;
  Step onQuiet() final;
  Step onBarrier() final;
  void beginSnapshot(TaskState& out) final;
  Step onEnd(bool drained) final;
  Status close(bool succeeded) final;

 protected:
  explicit SinkDriver(SinkWriterLife& writer) : writer_(writer) {}
  bool hasRoom() { return writer_.hasRoom(); }

 private:
  Step handOver();

  SinkWriterLife& writer_;
};

/// The half of a sink that knows its records.
template <typename T>
class WriterSink final : public SinkDriver {
 public:
  explicit WriterSink(std::unique_ptr<SinkWriter<T>> writer)
      : SinkDriver(*writer), writer_(std::move(writer)) {}

  void onBatch(std::size_t, BatchPtr& batch) override {
    if (!hasRoom()) return;
    throwIfFailed(writer_->write(static_cast<const TypedBatch<T>&>(*batch)));
    batch->setCursor(batch->size());
  }

 private:
  const std::unique_ptr<SinkWriter<T>> writer_;
};

}  // namespace millrace
