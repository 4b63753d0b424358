// SPDX-License-Identifier: MIT
// sessions: one row per user session.
#include "common/job_program.hpp"
#include "common/rows.hpp"
#include "common/session_aggregate.hpp"
#include "common/user_event.hpp"

#include <string>

namespace millrace::examples {
namespace {

using Session = WindowResult<std::string, SessionAggregate::Accumulator>;

const JobKind kSessions{
    .program = "sessions",
    .purpose = "Tells each user's sessions: runs of events at most --gap apart.",
    .example =
        "  sessions --source file:events.ndjson --gap 30m\n"
        "  sessions --source file:'logs/*.gz' --gap 10m --sink file:out\n",
    .sessions = true};

template <typename Events, typename User>
void tellSessions(JobProgram& job, const Events& events, User userOf) {
  job.inSessions(events.keyBy(userOf), [&job](const auto& windows) {
    const auto visits = windows.aggregate("per-user", SessionAggregate());
    job.results(visits, [](const Session& visit, std::string& out) {
      appendRow(out, SessionRow{visit.key, visit.value.first, visit.value.last, visit.value.events,
                                visit.value.purchases, visit.value.revenue});
    });
    if constexpr (Described<typename Events::RecordType>) job.late(visits);
  });
}

void build(JobProgram& job) {
  const auto events = job.events<ShopEvent>();
  // Late events are wanted whole; otherwise a quarter of an event is all that has to travel.
  if (job.settings().late.kind != SinkSpec::Kind::kNone)
    tellSessions(job, events, &ShopEvent::userId);
  else
    tellSessions(job, events.map(&Visit::of), &Visit::userId);
}

}  // namespace
}  // namespace millrace::examples

int main(int argc, char** argv) {
  return millrace::examples::jobMain(millrace::examples::kSessions, argc, argv,
                                     millrace::examples::build);
}
