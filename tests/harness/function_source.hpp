// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <millrace/runtime/source.hpp>

namespace millrace::test {

/// A source made of a function, for what collections cannot do: wait, fail, end late. Each worker's
/// reader has a copy of the function; those but worker 0's end at once unless `isEverywhere`.
template <typename T>
class FunctionSource final : public SourceConnector<T> {
 public:
  using Read = std::function<StatusOr<ReadState>(SourceOutput<T>&, OperatorContext&)>;
  using Deadline = std::function<Timestamp()>;

  explicit FunctionSource(Read read, Deadline deadline = {}, bool isEverywhere = false)
      : read_(std::move(read)), deadline_(std::move(deadline)), isEverywhere_(isEverywhere) {}

  std::unique_ptr<SourceReader<T>> makeReader(std::shared_ptr<void>&,
                                              const WatermarkStrategy&) const override {
    return std::make_unique<Reader>(*this);
  }
  std::string describe() const override { return "function"; }

  class Reader final : public SourceReader<T> {
   public:
    explicit Reader(const FunctionSource& source) : source_(source) {}
    Status open(OperatorContext& context) override {
      context_ = &context;
      return absl::OkStatus();
    }
    StatusOr<ReadState> read(SourceOutput<T>& out) override {
      if (context_->worker() != 0 && !source_.isEverywhere_) return ReadState::kEnd;
      return source_.read_(out, *context_);
    }
    Timestamp nextDeadline() const override {
      return source_.deadline_ ? source_.deadline_() : kMaxTimestamp;
    }

   private:
    const FunctionSource source_;
    OperatorContext* context_ = nullptr;
  };

 private:
  Read read_;
  Deadline deadline_;
  bool isEverywhere_;
};

/// 0, 1, 2, ... without end, record i at event time i.
inline FunctionSource<int> endlessNumbers() {
  return FunctionSource<int>([next = 0](SourceOutput<int>& out, OperatorContext&) mutable {
    while (!out.isFull()) {
      out.append(next) = next;
      ++next;
    }
    return ReadState::kMore;
  });
}

/// Gives `count` numbers and then waits for ever.
inline FunctionSource<int> numbersThenSilence(int count) {
  return FunctionSource<int>([next = 0, count](SourceOutput<int>& out, OperatorContext&) mutable {
    out.split(0);
    while (next < count && !out.isFull()) {
      out.append(next) = next;
      ++next;
    }
    return next < count ? ReadState::kMore : ReadState::kQuiet;
  });
}

}  // namespace millrace::test
