// SPDX-License-Identifier: MIT
// Events of one NDJSON file counted per type and minute: JSON text in, a few rows out.
#include "contest.hpp"
#include "event_totals.hpp"

#include "common/user_event.hpp"

#include <millrace/millrace.hpp>

#include <fmt/format.h>

#include <chrono>

namespace millrace::bench {
namespace {

using examples::UserEvent;
using Counted = WindowResult<std::string, std::int64_t>;

Outcome countByPipeline(const std::string& path, std::size_t workers) {
  Collected<Counted> rows;
  Pipeline pipeline("json-count");
  pipeline
      .source("events", file<UserEvent>(path),
              boundedOutOfOrderness(std::chrono::milliseconds(kOutOfOrderMillis)))
      .keyBy(&UserEvent::eventType)
      .window(tumbling(std::chrono::milliseconds(kWindowMillis)))
      .aggregate("per-type", count())
      .sink("rows", collectInto(rows));
  const Status done = run(pipeline, JobOptions{.workers = workers});
  if (!done.ok()) throw JobError(std::string(done.message()));
  Outcome outcome;
  for (const Counted& row : rows.drain()) addRow(outcome, row.key, row.windowStart, row.value);
  return outcome;
}

int compare(const Arguments& arguments) {
  const std::string path = arguments.text("file", "");
  Contest contest("json-count", arguments.number("records", 0));
  contest.add("millrace", [=] { return countByPipeline(path, 1); });
  contest.add("hand", [=] { return countByHand(path, HandLoop::kStrict); });
  contest.add("hand-lax", [=] { return countByHand(path, HandLoop::kLax); });
  contest.add("hand-batched", [=] { return countByHand(path, HandLoop::kBatched); });
  contest.add("millrace-2-workers", [=] { return countByPipeline(path, 2); });
  contest.add("hand-2-threads", [=] { return countByHandOnTwoThreads(path, HandLoop::kStrict); });
  return contest.run(static_cast<int>(arguments.number("rounds", 5))) ? 0 : 1;
}

int profile(const Arguments& arguments) {
  const Outcome outcome =
      countByPipeline(arguments.text("file", ""), arguments.number("workers", 1));
  fmt::print("{} rows\n", outcome.rows);
  return 0;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  const millrace::bench::Arguments arguments(argc, argv);
  return arguments.text("only", "") == "millrace" ? millrace::bench::profile(arguments)
                                                  : millrace::bench::compare(arguments);
}
