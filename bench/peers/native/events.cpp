// SPDX-License-Identifier: MIT
// The three jobs over a file of events, as bench/peers/flink has them: rows of text into a
// directory.
//
//   bench_peer_events --job event_count --file events.ndjson --records 1000000 --rows DIRECTORY
//       --window-ms 60000 --gap-ms 120000 --out-of-orderness-ms 5000 --workers 1 --contender
//       millrace
#include "event_totals.hpp"
#include "meter.hpp"

#include "common/revenue_aggregate.hpp"
#include "common/rows.hpp"
#include "common/session_aggregate.hpp"
#include "common/user_event.hpp"

#include <millrace/millrace.hpp>

#include <stdexcept>

namespace millrace::bench {
namespace {

using namespace examples;

struct Job {
  std::string file;
  std::string rows;
  Duration window;
  Duration gap;
  Duration outOfOrderness;
  std::size_t workers;
};

template <typename Event>
Stream<Event> events(Pipeline& pipeline, const Job& job, Meter& meter) {
  return pipeline.source("events", file<Event>(job.file), boundedOutOfOrderness(job.outOfOrderness))
      .peek(WarmingPeek(meter, job.workers));
}

void countEvents(Pipeline& pipeline, const Job& job, Meter& meter) {
  using Counted = WindowResult<std::string, std::int64_t>;
  events<UserEvent>(pipeline, job, meter)
      .keyBy(&UserEvent::eventType)
      .window(tumbling(job.window))
      .aggregate("per-type", count())
      .sink("results", toFiles(job.rows, [](const Counted& row, std::string& out) {
              appendRow(out, EventCountRow{row.windowStart, row.windowEnd, row.key, row.value});
            }));
}

void addUpPurchases(Pipeline& pipeline, const Job& job, Meter& meter) {
  using Sold = WindowResult<std::string, RevenueAggregate::Result>;
  events<ShopEvent>(pipeline, job, meter)
      .filter([](const ShopEvent& event) { return event.isPurchase(); })
      .keyBy([](const ShopEvent& purchase) -> const std::string& {
        return purchase.data.currency.value();
      })
      .window(tumbling(job.window))
      .aggregate("per-currency", RevenueAggregate())
      .sink("results", toFiles(job.rows, [](const Sold& row, std::string& out) {
              appendRow(out, RevenueRow{row.windowStart, row.windowEnd, row.key, row.value.revenue,
                                        row.value.orders, row.value.topProducts});
            }));
}

void tellSessions(Pipeline& pipeline, const Job& job, Meter& meter) {
  using Session = WindowResult<std::string, SessionAggregate::Accumulator>;
  events<ShopEvent>(pipeline, job, meter)
      .map(&Visit::of)
      .keyBy(&Visit::userId)
      .window(session(job.gap))
      .aggregate("per-user", SessionAggregate())
      .sink("results", toFiles(job.rows, [](const Session& row, std::string& out) {
              appendRow(out, SessionRow{row.key, row.value.first, row.value.last, row.value.events,
                                        row.value.purchases, row.value.revenue});
            }));
}

void describe(const std::string& name, Pipeline& pipeline, const Job& job, Meter& meter) {
  if (name == "event_count") return countEvents(pipeline, job, meter);
  if (name == "revenue") return addUpPurchases(pipeline, job, meter);
  if (name == "sessions") return tellSessions(pipeline, job, meter);
  throw std::invalid_argument("no such job: " + name);
}

// Its results are files, and no rows are told.
Outcome inPipeline(const std::string& name, const Job& job, Meter& meter) {
  Pipeline pipeline(name);
  describe(name, pipeline, job, meter);
  const Status done = run(pipeline, JobOptions{.workers = job.workers});
  if (!done.ok()) throw JobError(done);
  return {};
}

// Only the counts have a loop by hand. It needs no warming up: all of it counts.
Outcome byHand(const std::string& name, const Job& job, Meter& meter) {
  if (name != "event_count" || job.window.count() != kWindowMillis ||
      job.outOfOrderness.count() != kOutOfOrderMillis)
    throw std::invalid_argument("no loop by hand does this");
  meter.warm(0);
  return countByHand(job.file, HandLoop::kStrict);
}

Duration millis(const Arguments& arguments, const std::string& name, std::int64_t fallback) {
  return Duration(
      static_cast<std::int64_t>(arguments.number(name, static_cast<std::uint64_t>(fallback))));
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  using namespace millrace::bench;
  const Arguments arguments(argc, argv);
  const std::string name = arguments.text("job", "event_count");
  const Job job{.file = arguments.text("file", ""),
                .rows = arguments.text("rows", ""),
                .window = millis(arguments, "window-ms", kWindowMillis),
                .gap = millis(arguments, "gap-ms", 120'000),
                .outOfOrderness = millis(arguments, "out-of-orderness-ms", kOutOfOrderMillis),
                .workers = arguments.number("workers", 1)};
  return runContender(arguments,
                      {{"millrace", [&](Meter& meter) { return inPipeline(name, job, meter); }},
                       {"hand", [&](Meter& meter) { return byHand(name, job, meter); }}});
}
