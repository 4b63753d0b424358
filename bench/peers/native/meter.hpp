// SPDX-License-Identifier: MIT
#pragma once

#include "contest.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace millrace::bench {

/// Times one run of one program, by the rule that holds for the peers too: the first third of the
/// records, or what it is told, warms up; time, processors and checkpoints count from `warm` to
/// `end`.
///
/// **Thread safety**: any.
class Meter {
 public:
  explicit Meter(std::uint64_t records) : Meter(records, records / 3) {}
  Meter(std::uint64_t records, std::uint64_t warmUpRecords)
      : records_(records), warmUpRecords_(warmUpRecords) {}

  std::uint64_t warmUpRecords() const { return warmUpRecords_; }

  /// Called once, by who calls `warm`, as soon as the program is warm.
  /// REQUIRES: set before the program runs.
  void onWarm(std::function<void()> called) { onWarm_ = std::move(called); }

  /// So many records are behind the program. Of several calls the first counts.
  void warm(std::uint64_t records);
  /// All results are there.
  void end() { end_ = now(records_); }

  /// So many checkpoints were complete from `warm` on.
  void checkpoints(std::uint64_t count) { checkpoints_ = count; }

  /// One line of JSON, with the members that the peers print.
  std::string report(const Outcome& outcome) const;

 private:
  struct Point {
    std::chrono::steady_clock::time_point time;
    double cpuSeconds;
    std::uint64_t records;
  };
  static Point now(std::uint64_t records);

  const std::uint64_t records_;
  const std::uint64_t warmUpRecords_;
  std::function<void()> onWarm_;
  std::mutex mutex_;
  std::optional<Point> begin_;
  std::optional<Point> end_;
  std::uint64_t checkpoints_ = 0;
};

/// Makes records by their number, and tells the meter when enough of them are made.
template <typename Make>
class WarmingMaker {
 public:
  /// REQUIRES: the meter outlives the maker, and the numbers rise.
  WarmingMaker(Make make, Meter& meter)
      : make_(make), meter_(&meter), warmAt_(meter.warmUpRecords()) {}

  auto operator()(std::uint64_t i) const requires std::invocable<const Make&, std::uint64_t> {
    look(i);
    return make_(i);
  }

  template <typename T>
  void operator()(std::uint64_t i,
                  T& slot) const requires std::invocable<const Make&, std::uint64_t, T&> {
    look(i);
    make_(i, slot);
  }

 private:
  void look(std::uint64_t i) const {
    if (i == warmAt_) [[unlikely]]
      meter_->warm(i);
  }

  Make make_;
  Meter* meter_;
  std::uint64_t warmAt_;
};

/// Counts the records that one of `workers` workers sees, and tells the meter likewise.
class WarmingPeek {
 public:
  /// REQUIRES: the meter outlives the peek.
  WarmingPeek(Meter& meter, std::size_t workers) : meter_(&meter), workers_(workers) {}

  template <typename T>
  void operator()(const T&) {
    if (++seen_ * workers_ == meter_->warmUpRecords() / workers_ * workers_) [[unlikely]]
      meter_->warm(meter_->warmUpRecords());
  }

 private:
  Meter* meter_;
  std::size_t workers_;
  std::uint64_t seen_ = 0;
};

/// One way to do a program's work.
struct PeerContender {
  std::string name;
  std::function<Outcome(Meter&)> run;
};

/// The `main` of such a program: runs the one of `known` that --contender names, over --records
/// records, prints the report, and gives the exit code.
int runContender(const Arguments& arguments, const std::vector<PeerContender>& known);

}  // namespace millrace::bench
