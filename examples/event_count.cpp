// SPDX-License-Identifier: MIT
// event_count: events per type and window.
#include "common/job_program.hpp"
#include "common/rows.hpp"
#include "common/user_event.hpp"

#include <cstdint>
#include <string>

namespace millrace::examples {
namespace {

using Counted = WindowResult<std::string, std::int64_t>;

const JobKind kEventCount{
    .program = "event_count",
    .purpose = "Counts events per type and window.",
    .example =
        "  event_count --source file:events.ndjson --window 1m\n"
        "  event_count --source file:logs/ --sink file:out --window 1h --slide 5m\n"};

void build(JobProgram& job) {
  const auto byType = job.events<UserEvent>().keyBy(&UserEvent::eventType);
  job.inWindows(byType, [&job](const auto& windows) {
    const auto counts = windows.aggregate("per-type", count());
    job.results(counts, [](const Counted& counted, std::string& out) {
      appendRow(out,
                EventCountRow{counted.windowStart, counted.windowEnd, counted.key, counted.value});
    });
    job.late(counts);
  });
}

}  // namespace
}  // namespace millrace::examples

int main(int argc, char** argv) {
  return millrace::examples::jobMain(millrace::examples::kEventCount, argc, argv,
                                     millrace::examples::build);
}
