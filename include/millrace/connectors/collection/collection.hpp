// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/sink.hpp>
#include <millrace/runtime/source.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

/// Appends `values` from `next` on to `out`, until that is full; returns the first not appended.
/// For readers of what lies ready in memory. Takes the event time of a value from `timeOf(value)`.
template <typename T, typename TimeOf>
std::size_t appendFrom(const std::vector<T>& values, std::size_t next, SourceOutput<T>& out,
                       TimeOf&& timeOf) {
  // Copying waits for memory alone, and what processors fetch by themselves ends with the page.
  constexpr std::ptrdiff_t kFetchedAhead = 4096;
  for (const std::size_t count = values.size(); next < count && !out.isFull(); ++next) {
    if constexpr (!std::same_as<T, bool>)  // a vector of bool has no addresses
      __builtin_prefetch(reinterpret_cast<const char*>(&values[next]) + kFetchedAhead);
    out.append(timeOf(values[next])) = values[next];
  }
  return next;
}

/// Of the readers of a collection the one that reads writes "C1", values in it, values read
/// (lengths), the others "C1". Gives the values read.
///
/// kFailedPrecondition: the collection had more values than the `size` it has now, or the
/// positions are those of another kind of source; kDataLoss: damaged.
StatusOr<std::size_t> restoreCollection(std::span<const std::string_view> positions,
                                        std::size_t size);
void writeCollectionPosition(std::size_t size, std::size_t read, ByteWriter& out);
void writeNoCollectionPosition(ByteWriter& out);

/// True once: for the first reader of a job.
bool isFirstReader(std::shared_ptr<void>& shared);

/// "collection(3 values)".
std::string describeCollection(std::size_t values);

/// A bounded source of the values given, in their order; one split, read by worker 0. Goes on from
/// a checkpoint behind as many values as were read then.
template <typename T>
class CollectionSource final : public SourceConnector<T> {
 public:
  explicit CollectionSource(std::vector<T> values)
      : values_(std::make_shared<const std::vector<T>>(std::move(values))) {}

  std::unique_ptr<SourceReader<T>> makeReader(std::shared_ptr<void>& shared,
                                              const WatermarkStrategy&) const override {
    return std::make_unique<Reader>(isFirstReader(shared) ? values_ : nullptr);
  }

  std::string describe() const override { return describeCollection(values_->size()); }
  bool hasEventTimes() const override { return false; }

 private:
  class Reader final : public SourceReader<T> {
   public:
    explicit Reader(std::shared_ptr<const std::vector<T>> values) : values_(std::move(values)) {}
    StatusOr<ReadState> read(SourceOutput<T>& out) override {
      if (values_ == nullptr) return ReadState::kEnd;
      out.split(0);
      next_ = appendFrom(*values_, next_, out, [](const T&) { return kNoTimestamp; });
      if (next_ < values_->size()) return ReadState::kMore;
      out.endSplit(0);
      return ReadState::kEnd;
    }

    bool isReplayable() const override { return true; }

    void writePosition(ByteWriter& out) const override {
      if (values_ == nullptr) return writeNoCollectionPosition(out);
      writeCollectionPosition(values_->size(), next_, out);
    }

    Status restorePositions(std::span<const std::string_view> positions) override {
      if (values_ == nullptr) return absl::OkStatus();
      MILLRACE_ASSIGN_OR_RETURN(next_, restoreCollection(positions, values_->size()));
      return absl::OkStatus();
    }

   private:
    const std::shared_ptr<const std::vector<T>> values_;  // null: another instance reads them
    std::size_t next_ = 0;
  };

  std::shared_ptr<const std::vector<T>> values_;
};

template <typename T>
CollectionSource<T> collection(std::vector<T> values) {
  return CollectionSource<T>(std::move(values));
}

/// What a collecting sink has gathered. A handle: copies share the values.
///
/// **Thread safety**: every method may be called from any thread, also while the job runs.
template <typename T>
class Collected {
 public:
  /// A copy of all values so far, in no particular order across keys.
  std::vector<T> values() const {
    std::lock_guard lock(state_->mutex);
    return state_->values;
  }
  /// Takes what has come since the last drain.
  std::vector<T> drain() {
    std::lock_guard lock(state_->mutex);
    return std::exchange(state_->values, {});
  }
  std::size_t size() const {
    std::lock_guard lock(state_->mutex);
    return state_->values.size();
  }
  void add(const TypedBatch<T>& batch) {
    std::lock_guard lock(state_->mutex);
    for (std::size_t i = batch.cursor(); i < batch.size(); ++i) state_->values.push_back(batch[i]);
  }

 private:
  struct State {
    mutable std::mutex mutex;
    std::vector<T> values;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// A sink made of a function that is called with each batch, on the worker that has it.
template <typename T, typename F>
class BatchFunctionSink final : public SinkConnector<T> {
 public:
  BatchFunctionSink(F onBatch, std::string description)
      : onBatch_(std::move(onBatch)), description_(std::move(description)) {}

  std::unique_ptr<SinkWriter<T>> makeWriter(std::shared_ptr<void>&) const override {
    return std::make_unique<Writer>(onBatch_);
  }
  std::string describe() const override { return description_; }

 private:
  class Writer final : public SinkWriter<T> {
   public:
    explicit Writer(F onBatch) : onBatch_(std::move(onBatch)) {}
    Status write(const TypedBatch<T>& batch) override {
      onBatch_(batch);
      return absl::OkStatus();
    }

   private:
    F onBatch_;
  };

  F onBatch_;
  std::string description_;
};

/// Sinks that fit any type of record: `connector<T>()` makes the one for T.
template <typename T>
struct CollectSink {
  Collected<T> into;
  template <typename U>
  requires std::same_as<U, T>
  auto connector() const {
    auto gather = [into = into](const TypedBatch<U>& batch) mutable { into.add(batch); };
    return BatchFunctionSink<U, decltype(gather)>(gather, "collect");
  }
};

/// Gathers results in memory: for tests and small programs.
template <typename T>
CollectSink<T> collectInto(const Collected<T>& into) {
  return {into};
}

template <typename F>
struct ForEachSink {
  F f;
  template <typename T>
  requires std::invocable<F&, const T&>
  auto connector() const {
    auto each = [f = f](const TypedBatch<T>& batch) mutable {
      for (std::size_t i = batch.cursor(); i < batch.size(); ++i) f(batch[i]);
    };
    return BatchFunctionSink<T, decltype(each)>(each, "forEach");
  }
};

/// Calls `f` with every result, on the thread of the worker that has it: each worker has a copy of
/// `f`, and copies run at the same time.
template <typename F>
ForEachSink<F> forEach(F f) {
  return {std::move(f)};
}

struct DiscardSink {
  template <typename T>
  auto connector() const {
    auto drop = [](const TypedBatch<T>&) {};
    return BatchFunctionSink<T, decltype(drop)>(drop, "discard");
  }
};

/// Drops every result knowingly.
inline DiscardSink discard() { return {}; }

}  // namespace millrace
