// SPDX-License-Identifier: MIT
// Typed records counted per key and window, as bench/peers/flink does it: the same records, made as
// they are read.
//
//   bench_peer_keyed --job tumbling|sliding|session --records 20000000 --keys 10000 --per-second
//   50000
//       --disorder-ms 0 --size-ms 60000 --slide-ms 1000 --workers 1 --contender millrace|hand
#include "hand_sessions.hpp"
#include "hand_sliding.hpp"
#include "hand_windows.hpp"
#include "meter.hpp"

#include <millrace/millrace.hpp>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace millrace::bench {
namespace {

struct Job {
  std::string kind;
  std::uint64_t records;
  RecordMaker inOrder;
  Duration disorder;
  Duration size;
  Duration slide;
  std::size_t workers;
};

// As RecordMaker; but one record in ten comes up to `disorder` late.
struct DisorderedMaker {
  static constexpr std::uint64_t kLateSalt = 0x6c617465;

  RecordMaker inOrder;
  std::uint64_t disorderMillis;

  KeyedRecord operator()(std::uint64_t i) const {
    KeyedRecord record = inOrder(i);
    const std::uint64_t random = mixHash(i ^ kLateSalt);
    if (spread(random, 10) == 0)
      record.time -= static_cast<Timestamp>(spread(mixHash(random), disorderMillis));
    return record;
  }

 private:
  static std::uint64_t spread(std::uint64_t hash, std::uint64_t range) {
    return static_cast<std::uint64_t>((__uint128_t{hash} * range) >> 64);
  }
};

template <typename Make, typename Windows>
Outcome countIn(Windows windows, const Make& make, const WatermarkStrategy& watermarks,
                const Job& job) {
  std::vector<Outcome> outcomes(job.workers);
  std::atomic<std::size_t> sinks = 0;
  Pipeline pipeline("keyed-count");
  pipeline
      .source("records", generator<KeyedRecord>(make, {.count = job.records, .rate = {}}),
              watermarks.timestamps(&KeyedRecord::time))
      .keyBy(&KeyedRecord::key)
      .window(std::move(windows))
      .aggregate("per-key", count())
      .sink("rows", forEach([&outcomes, &sinks,
                             mine = static_cast<Outcome*>(nullptr)](const auto& row) mutable {
              if (mine == nullptr) mine = &outcomes[sinks++];
              addRow(*mine, row.key, row.windowStart, row.windowEnd, row.value);
            }));
  const Status done = run(pipeline, JobOptions{.workers = job.workers});
  if (!done.ok()) throw JobError(done);
  Outcome total;
  for (const Outcome& each : outcomes) total.merge(each);
  return total;
}

template <typename Make>
Outcome countAny(const Make& make, const WatermarkStrategy& watermarks, const Job& job) {
  if (job.kind == "tumbling") return countIn(tumbling(job.size), make, watermarks, job);
  if (job.kind == "sliding") return countIn(sliding(job.size, job.slide), make, watermarks, job);
  if (job.kind == "session") return countIn(session(job.size), make, watermarks, job);
  throw std::invalid_argument("no such job: " + job.kind);
}

// Records share their milliseconds, and one that comes exactly a gap after its session must find it
// open, whenever a watermark is made: so time follows one millisecond behind them, in the loops by
// hand and in the peers as well.
constexpr Duration kShared{1};

Outcome inPipeline(const Job& job, Meter& meter) {
  const WatermarkStrategy watermarks = boundedOutOfOrderness(job.disorder + kShared);
  if (job.disorder.count() == 0) return countAny(WarmingMaker(job.inOrder, meter), watermarks, job);
  const DisorderedMaker make{job.inOrder, static_cast<std::uint64_t>(job.disorder.count())};
  return countAny(WarmingMaker(make, meter), watermarks, job);
}

// `advance` is told of the watermark now and then.
template <typename Make, typename Add, typename Advance>
void feed(const Make& make, std::uint64_t records, Add add, Advance advance) {
  for (std::uint64_t i = 0; i < records; ++i) {
    const KeyedRecord record = make(i);
    add(record);
    if ((i + 1) % kRecordsPerWatermark == 0) advance(record.time - kShared.count() - 1);
  }
}

Outcome byHand(const Job& job, Meter& meter) {
  if (job.disorder.count() != 0)
    throw std::invalid_argument("the loops by hand are for records in order");
  const WarmingMaker make(job.inOrder, meter);
  if (job.kind == "tumbling") {
    Outcome outcome;
    HandWindows windows(outcome, job.size);
    feed(
        make, job.records, [&](const KeyedRecord& r) { windows.add(r); },
        [&](Timestamp) { windows.advance(); });
    windows.finish();
    return outcome;
  }
  if (job.kind == "sliding" && job.slide == Duration(1000)) {
    HandSliding windows(job.size);
    feed(
        make, job.records, [&](const KeyedRecord& r) { windows.add(r); }, [](Timestamp) {});
    return windows.finish();
  }
  if (job.kind == "session") {
    HandSessions sessions(job.size);
    feed(
        make, job.records, [&](const KeyedRecord& r) { sessions.add(r); },
        [&](Timestamp watermark) { sessions.advance(watermark); });
    sessions.advance(kMaxTimestamp);
    return sessions.outcome();
  }
  throw std::invalid_argument("no loop by hand does this");
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  using namespace millrace::bench;
  const Arguments arguments(argc, argv);
  const auto millis = [&](const char* name, std::uint64_t fallback) {
    return millrace::Duration(static_cast<std::int64_t>(arguments.number(name, fallback)));
  };
  const Job job{
      .kind = arguments.text("job", "tumbling"),
      .records = arguments.number("records", 20'000'000),
      .inOrder = {arguments.number("keys", 10'000), arguments.number("per-second", 50'000)},
      .disorder = millis("disorder-ms", 0),
      .size = millis("size-ms", 60'000),
      .slide = millis("slide-ms", 1'000),
      .workers = arguments.number("workers", 1)};
  return runContender(arguments,
                      {{"millrace", [&](Meter& meter) { return inPipeline(job, meter); }},
                       {"hand", [&](Meter& meter) { return byHand(job, meter); }}});
}
