// SPDX-License-Identifier: MIT
// Read, change and write one key's state a record, with checkpoints, as bench/peers/flink does it.
// The first --keys records make every key once; one key in 256 tells of each change, so that both
// sides can be compared.
//
//   bench_peer_state --keys 1000000 --records 4000000 --skew 99 --store rocksdb --interval-ms 1000
//       --budget-mib 1024 --directory DIRECTORY --warm-up 1300000
#include "keyed_records.hpp"
#include "meter.hpp"
#include "skewed_keys.hpp"

#include <millrace/millrace.hpp>

#include <atomic>
#include <filesystem>

namespace millrace::bench {
namespace {

struct Change {
  std::uint64_t key = 0;
};

struct Told {
  std::uint64_t key = 0;
  std::int64_t count = 0;
};

class Counter {
 public:
  void open(StateContext& states) { state_ = states.value<std::int64_t>("numbers"); }

  void process(const Change& record, ProcessContext<std::uint64_t, Told>& context) {
    const std::int64_t count = ++state_.edit(0);
    if ((mixHash(record.key) & 255) == 0) context.emit({record.key, count});
  }

 private:
  ValueState<std::int64_t> state_;
};

JobOptions optionsOf(const Arguments& arguments) {
  JobOptions options{.workers = 1};
  options.checkpoints.directory = arguments.text("directory", "bench-peer-state");
  options.checkpoints.interval =
      Duration(static_cast<std::int64_t>(arguments.number("interval-ms", 1000)));
  if (arguments.text("store", "rocksdb") == "rocksdb")
    options.checkpoints.backend = StateBackend::kRocksDb;
  options.checkpoints.memoryBytes = arguments.number("budget-mib", 1024) << 20;
  return options;
}

Outcome inPipeline(const Arguments& arguments, Meter& meter) {
  const std::uint64_t keys = arguments.number("keys", 1'000'000);
  const SkewedKeys skewed(keys, static_cast<double>(arguments.number("skew", 99)) / 100);
  const auto make = [keys, skewed](std::uint64_t i) { return Change{i < keys ? i : skewed(i)}; };
  Outcome outcome;
  Pipeline pipeline("durable-state");
  pipeline
      .source("changes",
              generator<Change>(WarmingMaker(make, meter),
                                {.count = arguments.number("records", 0), .rate = {}}),
              monotonousTimestamps())
      .keyBy(&Change::key)
      .process<Told>("change", Counter())
      .sink("told",
            forEach([&outcome](const Told& told) { addRow(outcome, told.key, 0, 0, told.count); }));
  const JobOptions options = optionsOf(arguments);
  std::filesystem::remove_all(options.checkpoints.directory);
  std::atomic<const Job*> running = nullptr;
  std::atomic<std::uint64_t> early = 0;
  meter.onWarm([&running, &early] {
    if (const Job* job = running.load()) early = job->counts().checkpoints;
  });
  StatusOr<Job> job = start(pipeline, options);
  if (!job.ok()) throw JobError(job.status());
  running = &*job;
  const Status done = job->wait();
  if (!done.ok()) throw JobError(done);
  meter.checkpoints(job->counts().checkpoints - early);
  return outcome;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  using namespace millrace::bench;
  const Arguments arguments(argc, argv);
  return runContender(arguments,
                      {{"millrace", [&](Meter& meter) { return inPipeline(arguments, meter); }}});
}
