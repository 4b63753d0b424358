// SPDX-License-Identifier: MIT
// How long checkpoints of much state hold the stream up, and how soon a killed job is back. A
// steady stream changes keys drawn evenly; bench/restart.py kills this program and starts it again.
//
//   bench_checkpointed_state --keys 10000000 --rate 500000 --seconds 20 --store rocksdb
#include "contest.hpp"
#include "skewed_keys.hpp"

#include <millrace/millrace.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace millrace::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Numbers = std::array<std::uint64_t, 12>;

struct Change {
  std::uint64_t key = 0;
  std::uint64_t number = 0;
  bool isFill = false;
};

// Longest time between two records, from one look to the next.
struct Gaps {
  std::atomic<std::int64_t> longestNanos{0};
  std::atomic<std::uint64_t> handled{0};
  std::atomic<std::uint64_t> filled{0};  // by this run: one that goes on has no fill
};

class Changer {
 public:
  Changer(std::uint64_t keys, Gaps* gaps) : keys_(keys), gaps_(gaps) {}

  void open(StateContext& states) { state_ = states.value<Numbers>("numbers"); }

  void process(const Change& record, ProcessContext<std::uint64_t, std::uint64_t>& context) {
    Numbers& numbers = state_.edit(Numbers{});
    ++numbers[0];
    for (std::size_t i = 1; i < numbers.size(); ++i) numbers[i] += mixHash(record.number + i);
    if (record.isFill) gaps_->filled.fetch_add(1, std::memory_order_relaxed);
    if (gaps_->filled.load(std::memory_order_relaxed) >= keys_) note();
    if (!isBegun_) context.emit(numbers[0]);
    isBegun_ = true;
  }

 private:
  void note() {
    const Clock::time_point now = Clock::now();
    const std::int64_t gap = (now - last_).count();
    std::int64_t longest = gaps_->longestNanos.load(std::memory_order_relaxed);
    if (last_ == Clock::time_point()) longest = gap;
    while (gap > longest && !gaps_->longestNanos.compare_exchange_weak(longest, gap)) continue;
    last_ = now;
    gaps_->handled.fetch_add(1, std::memory_order_relaxed);
  }

  std::uint64_t keys_;
  Gaps* gaps_;
  Clock::time_point last_;
  bool isBegun_ = false;
  ValueState<Numbers> state_;
};

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

JobOptions optionsFor(const Arguments& arguments) {
  JobOptions options{.workers = arguments.number("workers", 2)};
  options.checkpoints.directory = arguments.text("directory", "bench-checkpointed-state");
  options.checkpoints.interval =
      Duration(static_cast<std::int64_t>(arguments.number("interval-ms", 1000)));
  if (arguments.text("store", "memory") == "rocksdb")
    options.checkpoints.backend = StateBackend::kRocksDb;
  options.checkpoints.memoryBytes = arguments.number("budget-mib", 4096) << 20;
  return options;
}

// One line a checkpoint, until the time is over.
void watch(Job& job, Gaps& gaps, std::uint64_t seconds) {
  while (gaps.handled.load() == 0 && !job.isFinished())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  say("{\"filled\":true}");
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  std::uint64_t seen = job.counts().checkpoints;
  while (Clock::now() < end && !job.isFinished()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const JobCounts counts = job.counts();
    if (counts.checkpoints == seen) continue;
    seen = counts.checkpoints;
    say(fmt::format(
        "{{\"checkpoint\":{},\"complete_ms\":{},\"bytes\":{},\"longest_gap_ms\":{:.3f}}}", seen,
        counts.lastCheckpointMillis, counts.lastCheckpointBytes,
        static_cast<double>(gaps.longestNanos.exchange(0)) * 1e-6));
  }
}

int measure(const Arguments& arguments) {
  const std::uint64_t keys = arguments.number("keys", 10'000'000);
  const auto rate = static_cast<double>(arguments.number("rate", 500'000));
  Gaps gaps;
  Pipeline pipeline("checkpointed-state");
  const SkewedKeys key(keys, 0);
  const auto fill = pipeline.source("fill",
                                    generator<Change>(
                                        [](std::uint64_t i) {
                                          return Change{i, i, true};
                                        },
                                        {.count = keys, .rate = {}}),
                                    monotonousTimestamps());
  pipeline
      .source("changes",
              generator<Change>(
                  [key](std::uint64_t i) {
                    return Change{key(i), i};
                  },
                  {.count = {}, .rate = rate}),
              monotonousTimestamps())
      .unite(fill)
      .keyBy(&Change::key)
      .process<std::uint64_t>("change", Changer(keys, &gaps))
      .sink("first", forEach([](std::uint64_t) { say("{\"first\":true}"); }));
  StatusOr<Job> job = start(pipeline, optionsFor(arguments));
  if (!job.ok()) throw JobError(job.status());
  watch(*job, gaps, arguments.number("seconds", 20));
  job->stop();
  const Status done = job->wait();
  if (!done.ok()) throw JobError(done);
  return 0;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  return millrace::bench::measure(millrace::bench::Arguments(argc, argv));
}
