// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/operator.hpp>

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace millrace {

/// What flatMap gives to the user's function to put results into.
///
/// **Thread safety**: none; valid during the call.
template <typename U>
class Collector {
 public:
  Collector(Emitter<U>& out, Timestamp time) : out_(out), time_(time) {}
  /// Emits `value` with the event time of the record at hand.
  void emit(U value) { out_.append(time_) = std::move(value); }
  /// A slot to assign, for values too dear to move.
  U& append() { return out_.append(time_); }

 private:
  Emitter<U>& out_;
  const Timestamp time_;
};

/// One result for each record, with the record's event time.
template <typename T, typename U, typename F>
class MapOperator final : public Operator {
 public:
  explicit MapOperator(F f) : f_(std::move(f)) {}

  Status open(OperatorContext& context) override {
    out_ = Emitter<U>(context.output(0));
    return absl::OkStatus();
  }

  void onBatch(std::size_t, BatchPtr& batch) override {
    auto& in = static_cast<TypedBatch<T>&>(*batch);
    for (BatchCursor i(in); !i.atEnd() && out_.ready(); ++i) {
      out_.append(in.time(*i)) = std::invoke(f_, std::as_const(in[*i]));
    }
  }

 private:
  F f_;
  Emitter<U> out_;
};

/// Passes on the records the predicate holds for, in the batch they came in.
template <typename T, typename F>
class FilterOperator final : public Operator {
 public:
  explicit FilterOperator(F keep) : keep_(std::move(keep)) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    return absl::OkStatus();
  }

  void onBatch(std::size_t, BatchPtr& batch) override {
    if (!context_->output(0).canForward()) return;
    auto& in = static_cast<TypedBatch<T>&>(*batch);
    std::size_t kept = 0;
    for (BatchCursor i(in); !i.atEnd(); ++i) {
      if (std::invoke(keep_, std::as_const(in[*i]))) in.compact(kept++, *i);
    }
    context_->counters().filtered.add(in.size() - kept);
    in.setCursor(0);
    in.truncate(kept);
    context_->output(0).forward(std::move(batch));
  }

 private:
  F keep_;
  OperatorContext* context_ = nullptr;
};

/// Any number of results for each record.
template <typename T, typename U, typename F>
class FlatMapOperator final : public Operator {
 public:
  explicit FlatMapOperator(F f) : f_(std::move(f)) {}

  Status open(OperatorContext& context) override {
    out_ = Emitter<U>(context.output(0));
    return absl::OkStatus();
  }

  void onBatch(std::size_t, BatchPtr& batch) override {
    auto& in = static_cast<TypedBatch<T>&>(*batch);
    for (BatchCursor i(in); !i.atEnd() && out_.ready(); ++i) {
      Collector<U> collector(out_, in.time(*i));
      f_(std::as_const(in[*i]), collector);
    }
  }

 private:
  F f_;
  Emitter<U> out_;
};

/// Shows every record to the user's function and passes it on; several inputs become one.
template <typename T, typename F>
class PeekOperator final : public Operator {
 public:
  explicit PeekOperator(F f) : f_(std::move(f)) {}

  Status open(OperatorContext& context) override {
    out_ = &context.output(0);
    return absl::OkStatus();
  }

  void onBatch(std::size_t, BatchPtr& batch) override {
    if (!out_->canForward()) return;
    auto& in = static_cast<TypedBatch<T>&>(*batch);
    for (BatchCursor i(in); !i.atEnd(); ++i) std::invoke(f_, std::as_const(in[*i]));
    out_->forward(std::move(batch));
  }

 private:
  F f_;
  OutputPort* out_ = nullptr;
};

/// Passes batches on as they are: the meeting point of united streams.
class ForwardOperator final : public Operator {
 public:
  Status open(OperatorContext& context) override {
    out_ = &context.output(0);
    return absl::OkStatus();
  }

  void onBatch(std::size_t, BatchPtr& batch) override {
    if (out_->canForward()) out_->forward(std::move(batch));
  }

 private:
  OutputPort* out_ = nullptr;
};

/// Gives each record to the one output that `choose` names. A number past the last output, or an
/// output that nobody reads, drops the record, counted as filtered.
template <typename T, typename F>
class SplitOperator final : public Operator {
 public:
  SplitOperator(F choose, std::size_t outputs) : choose_(std::move(choose)), outs_(outputs) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    for (std::size_t i = 0; i < outs_.size(); ++i) outs_[i] = Emitter<T>(context.output(i));
    return absl::OkStatus();
  }

  void onBatch(std::size_t, BatchPtr& batch) override {
    auto& in = static_cast<TypedBatch<T>&>(*batch);
    std::size_t dropped = 0;
    for (BatchCursor i(in); !i.atEnd(); ++i) {
      const auto choice = static_cast<std::size_t>(std::invoke(choose_, std::as_const(in[*i])));
      if (choice >= outs_.size() || !outs_[choice].isConnected()) {
        ++dropped;
        continue;
      }
      if (!outs_[choice].ready()) break;
      outs_[choice].append(in.time(*i)) = in[*i];
    }
    context_->counters().filtered.add(dropped);
  }

 private:
  F choose_;
  std::vector<Emitter<T>> outs_;
  OperatorContext* context_ = nullptr;
};

}  // namespace millrace
