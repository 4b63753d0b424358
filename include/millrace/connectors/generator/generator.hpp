// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/clock.hpp>
#include <millrace/runtime/source.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace millrace {

struct GeneratorOptions {
  /// How many records over all workers; absent: no end.
  std::optional<std::uint64_t> count{};
  /// Records a second over all workers; absent: as fast as the job takes them.
  std::optional<double> rate{};
};

/// Makes record number i by `make(i)` or `make(i, slot)`: i = 0, 1, 2, ... The workers share the
/// numbers out (worker w of n takes w, w + n, ...), each in rising order, so the records are the
/// same for any number of workers.
template <typename T, typename Make>
class GeneratorSource final : public SourceConnector<T> {
 public:
  GeneratorSource(Make make, GeneratorOptions options)
      : make_(std::move(make)), options_(std::move(options)) {}

  std::unique_ptr<SourceReader<T>> makeReader(std::shared_ptr<void>&,
                                              const WatermarkStrategy&) const override {
    return std::make_unique<Reader>(make_, options_);
  }

  std::string describe() const override {
    return "generator(" + (options_.count ? std::to_string(*options_.count) : "endless") + ")";
  }
  bool hasEventTimes() const override { return false; }

 private:
  class Reader final : public SourceReader<T> {
   public:
    Reader(Make make, GeneratorOptions options)
        : make_(std::move(make)), options_(std::move(options)) {}

    Status open(OperatorContext& context) override {
      next_ = context.worker();
      step_ = context.workers();
      clock_ = &context.clock();
      startNanos_ = clock_->monotonicNanos();
      return absl::OkStatus();
    }

    StatusOr<ReadState> read(SourceOutput<T>& out) override {
      out.split(0);
      const std::uint64_t end = options_.count.value_or(UINT64_MAX);
      const std::uint64_t allowed = std::min(end, options_.rate ? dueRecords() : UINT64_MAX);
      while (next_ < allowed && !out.isFull()) {
        if constexpr (std::is_invocable_v<Make&, std::uint64_t, T&>) {
          make_(next_, out.append());
        } else {
          out.append() = make_(next_);
        }
        next_ += step_;
      }
      if (next_ >= end) {
        out.endSplit(0);
        return ReadState::kEnd;
      }
      return next_ < allowed ? ReadState::kMore : ReadState::kQuiet;
    }

    Timestamp nextDeadline() const override {
      if (!options_.rate) return kMaxTimestamp;
      const double dueNanos = static_cast<double>(next_) / *options_.rate * 1e9;
      const double wait = dueNanos - static_cast<double>(clock_->monotonicNanos() - startNanos_);
      return clock_->now() + static_cast<Timestamp>(std::clamp(wait / 1e6, 0.0, 3.6e6)) + 1;
    }

   private:
    std::uint64_t dueRecords() const {
      const double seconds = static_cast<double>(clock_->monotonicNanos() - startNanos_) / 1e9;
      return static_cast<std::uint64_t>(seconds * *options_.rate) + 1;
    }

    Make make_;
    const GeneratorOptions options_;
    const Clock* clock_ = nullptr;
    std::int64_t startNanos_ = 0;
    std::uint64_t next_ = 0;
    std::uint64_t step_ = 1;
  };

  Make make_;
  GeneratorOptions options_;
};

template <typename T, typename Make>
GeneratorSource<T, Make> generator(Make make, GeneratorOptions options = {}) {
  return GeneratorSource<T, Make>(std::move(make), std::move(options));
}

}  // namespace millrace
