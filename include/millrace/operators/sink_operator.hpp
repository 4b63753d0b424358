// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/sink.hpp>

#include <memory>
#include <string>
#include <utility>

namespace millrace {

/// Drives a SinkWriter.
template <typename T>
class WriterSink final : public Operator {
 public:
  explicit WriterSink(std::unique_ptr<SinkWriter<T>> writer) : writer_(std::move(writer)) {}

  Status open(OperatorContext& context) override { return writer_->open(context); }

  void onBatch(std::size_t, BatchPtr& batch) override {
    throwIfFailed(writer_->write(static_cast<const TypedBatch<T>&>(*batch)));
    batch->setCursor(batch->size());
  }

  Step onQuiet() override {
    throwIfFailed(writer_->flush());
    return Step::kDone;
  }

  void beginSnapshot(TaskState& out) override {
    ByteWriter prepared(out.prepared);
    throwIfFailed(writer_->prepare(prepared));
  }

  Step onEnd(bool) override {
    throwIfFailed(writer_->flush());
    return Step::kDone;
  }

  Status close(bool succeeded) override { return writer_->close(succeeded); }

 private:
  const std::unique_ptr<SinkWriter<T>> writer_;
};

}  // namespace millrace
