// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/clock.hpp>
#include <millrace/runtime/source.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

struct GeneratorOptions {
  /// How many records over all workers; absent: no end.
  std::optional<std::uint64_t> count{};
  /// Records a second over all workers; absent: as fast as the job takes them.
  std::optional<double> rate{};
};

/// Which numbers one instance of a generator makes, and where it stands.
///
/// The numbers are dealt round and round to kShares shares, share s having s, s + kShares, ...
/// Instance w of n takes the shares w, w + n, ..., in rising order of the numbers; a position says
/// where each of its shares stands, so that any number of instances can go on.
///
/// Thread safety: none.
class GeneratorShares {
 public:
  static constexpr std::uint64_t kShares = 256;

  /// Of instance `worker` of `workers`.
  GeneratorShares(std::size_t worker, std::size_t workers);

  /// The next number; kNone when the instance has no share.
  std::uint64_t next() const { return next_; }
  static constexpr std::uint64_t kNone = UINT64_MAX;

  void advance() {
    do {
      step();
    } while (next_ < raggedEnd_ && next_ < starts_[share_]);
  }

  /// The least number that no instance had made at the checkpoint; 0 without one.
  std::uint64_t resumedFrom() const { return resumedFrom_; }

  void write(ByteWriter& out) const;

  /// kFailedPrecondition: positions of another kind of source; kDataLoss: damaged.
  Status restore(std::span<const std::string_view> positions);

 private:
  void step() {
    next_ += step_;
    share_ += step_;
    if (share_ < kShares) return;
    // The first share of the next round.
    next_ += kShares - share_ + first_;
    share_ = first_;
  }

  bool read(ByteReader& in);
  void raiseStart(std::uint64_t share, std::uint64_t round);

  std::uint64_t first_;  // share
  std::uint64_t step_;
  std::uint64_t share_;
  std::uint64_t next_;
  std::uint64_t resumedFrom_ = 0;
  std::uint64_t raggedEnd_ = 0;        // up to here shares may have begun at different numbers
  std::vector<std::uint64_t> starts_;  // by share: the first number it has to make
};

/// Makes record number i by `make(i)` or `make(i, slot)`: i = 0, 1, 2, ... The workers share the
/// numbers out (worker w of n takes w, w + n, ..., about), each in rising order, so the records are
/// the same for any number of workers, and after a restore, as long as `make` gives the same for
/// the same number.
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

 private:
  class Reader final : public SourceReader<T> {
   public:
    Reader(Make make, GeneratorOptions options)
        : make_(std::move(make)), options_(std::move(options)) {}

    Status open(OperatorContext& context) override {
      shares_.emplace(context.worker(), context.workers());
      clock_ = &context.clock();
      startNanos_ = clock_->monotonicNanos();
      return absl::OkStatus();
    }

    StatusOr<ReadState> read(SourceOutput<T>& out) override {
      out.split(0);
      const std::uint64_t end = options_.count.value_or(UINT64_MAX);
      const std::uint64_t allowed = std::min(end, options_.rate ? dueRecords() : UINT64_MAX);
      while (shares_->next() < allowed && !out.isFull()) {
        if constexpr (std::is_invocable_v<Make&, std::uint64_t, T&>) {
          make_(shares_->next(), out.append());
        } else {
          out.append() = make_(shares_->next());
        }
        shares_->advance();
      }
      if (shares_->next() >= end) {
        out.endSplit(0);
        return ReadState::kEnd;
      }
      return shares_->next() < allowed ? ReadState::kMore : ReadState::kQuiet;
    }

    Timestamp nextDeadline() const override {
      if (!options_.rate) return kMaxTimestamp;
      const std::uint64_t ahead = shares_->next() - shares_->resumedFrom();
      const double dueNanos = static_cast<double>(ahead) / *options_.rate * 1e9;
      const double wait = dueNanos - static_cast<double>(clock_->monotonicNanos() - startNanos_);
      return clock_->now() + static_cast<Timestamp>(std::clamp(wait / 1e6, 0.0, 3.6e6)) + 1;
    }

    bool isReplayable() const override { return true; }
    void writePosition(ByteWriter& out) const override { shares_->write(out); }
    Status restorePositions(std::span<const std::string_view> positions) override {
      return shares_->restore(positions);
    }

   private:
    std::uint64_t dueRecords() const {
      const double seconds = static_cast<double>(clock_->monotonicNanos() - startNanos_) / 1e9;
      return shares_->resumedFrom() + static_cast<std::uint64_t>(seconds * *options_.rate) + 1;
    }

    Make make_;
    const GeneratorOptions options_;
    const Clock* clock_ = nullptr;
    std::int64_t startNanos_ = 0;
    std::optional<GeneratorShares> shares_;  // from open() on
  };

  Make make_;
  GeneratorOptions options_;
};

template <typename T, typename Make>
GeneratorSource<T, Make> generator(Make make, GeneratorOptions options = {}) {
  return GeneratorSource<T, Make>(std::move(make), std::move(options));
}

}  // namespace millrace
