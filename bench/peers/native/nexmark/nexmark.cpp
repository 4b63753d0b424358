// SPDX-License-Identifier: MIT
// A query of the Nexmark benchmark, as bench/peers/flink has it, over events made as they are read.
//
//   bench_peer_nexmark --job q5 --records 10000000 --per-second 100000
#include "meter.hpp"
#include "queries.hpp"

namespace millrace::bench {
namespace {

Outcome inPipeline(const Arguments& arguments, Meter& meter) {
  const NexmarkMaker make{arguments.number("per-second", 10'000)};
  Outcome outcome;
  Pipeline pipeline("nexmark");
  const Stream<NexmarkEvent> events = pipeline.source(
      "events",
      generator<NexmarkEvent>(WarmingMaker(make, meter),
                              {.count = arguments.number("records", 0), .rate = {}}),
      monotonousTimestamps().timestamps(&NexmarkEvent::time));
  addNexmarkQuery(arguments.text("job", "q0"), events, outcome);
  const Status done = run(pipeline, JobOptions{.workers = 1});
  if (!done.ok()) throw JobError(done);
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
