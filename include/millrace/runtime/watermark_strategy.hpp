// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/batch.hpp>
#include <millrace/time/timestamp.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace millrace {

/// Derives one split's watermark from its records. One instance a split.
///
/// **Thread safety**: none; belongs to the source task's worker.
class WatermarkGenerator {
 public:
  virtual ~WatermarkGenerator() = default;

  /// Sees the records of `batch` from `from` on, with their event times.
  virtual void onBatch(const Batch& batch, std::size_t from) = 0;

  /// "No record with a time <= this is expected any more." kMinTimestamp: nothing known yet.
  /// The engine ignores a value lower than an earlier one.
  virtual Timestamp watermark() const = 0;
};

template <typename F>
struct TimestampedStrategy;

/// How a source tells event time: when its watermark rises, when a silent split is left out, and
/// whether records dated in the future may drag time forward.
///
///     boundedOutOfOrderness(5s)                       the time is part of the format
///     boundedOutOfOrderness(5s).timestamps(&Order::time)
///     boundedOutOfOrderness(5s).withIdleness(30s).withFutureLimit(1h)
struct WatermarkStrategy {
  WatermarkStrategy();
  ~WatermarkStrategy();
  WatermarkStrategy(const WatermarkStrategy&);
  WatermarkStrategy& operator=(const WatermarkStrategy&);

  /// After each batch of a split: highest time seen - outOfOrderness - 1. Not negative.
  Duration outOfOrderness{0};
  /// False: the watermark stays at the minimum until the end of input.
  bool isEmitting = true;
  /// A split without data for so long is idle. Absent: never.
  std::optional<Duration> idleTimeout;
  /// Live sources: a record dated further than this beyond the wall clock is processed and
  /// counted, and does not move the watermark. Absent: every record does.
  std::optional<Duration> futureLimit;
  /// Set: replaces the bounded out-of-orderness.
  std::function<std::unique_ptr<WatermarkGenerator>()> makeGenerator;

  WatermarkStrategy withIdleness(Duration timeout) const;
  WatermarkStrategy withFutureLimit(Duration limit) const;

  /// Takes event times from the records: `f` is a member pointer or a callable that gives a
  /// Timestamp, or an optional one: a record without a time is invalid.
  template <typename F>
  TimestampedStrategy<F> timestamps(F f) const;
};

template <typename F>
struct TimestampedStrategy {
  WatermarkStrategy watermarks;
  F timestampOf;

  TimestampedStrategy withIdleness(Duration timeout) const {
    return {watermarks.withIdleness(timeout), timestampOf};
  }
  TimestampedStrategy withFutureLimit(Duration limit) const {
    return {watermarks.withFutureLimit(limit), timestampOf};
  }
};

template <typename F>
TimestampedStrategy<F> WatermarkStrategy::timestamps(F f) const {
  return {*this, std::move(f)};
}

/// Records come at most `outOfOrderness` after a record with a higher time.
/// [Flink: BoundedOutOfOrdernessWatermarks]
WatermarkStrategy boundedOutOfOrderness(Duration outOfOrderness);

/// Times never fall within a split.
WatermarkStrategy monotonousTimestamps();

/// Event time stands still until the end of input.
WatermarkStrategy noWatermarks();

/// The user's own: `make()` gives, for each split, an object with
/// `void onRecord(const T&, Timestamp)` and `Timestamp watermark() const`.
template <typename T, typename Make>
WatermarkStrategy customWatermarks(Make make) {
  using UserGenerator = decltype(make());
  class Adapter final : public WatermarkGenerator {
   public:
    explicit Adapter(UserGenerator generator) : generator_(std::move(generator)) {}
    void onBatch(const Batch& batch, std::size_t from) override {
      const auto& records = static_cast<const TypedBatch<T>&>(batch);
      for (std::size_t i = from; i < records.size(); ++i) {
        generator_.onRecord(records[i], records.time(i));
      }
    }
    Timestamp watermark() const override { return generator_.watermark(); }

   private:
    UserGenerator generator_;
  };
  WatermarkStrategy strategy;
  strategy.makeGenerator = [make = std::move(make)] { return std::make_unique<Adapter>(make()); };
  return strategy;
}

}  // namespace millrace
