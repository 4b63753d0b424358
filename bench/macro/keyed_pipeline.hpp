// SPDX-License-Identifier: MIT
#pragma once

#include "keyed_records.hpp"
#include "shared_records.hpp"

#include <millrace/millrace.hpp>

#include <string>
#include <utility>

namespace millrace::bench {

/// Counts the records of `source` per key and window on one worker.
template <typename Source, typename Strategy, typename Windows>
Outcome countInPipeline(Source source, Strategy strategy, Windows windows) {
  Outcome outcome;
  Pipeline pipeline("keyed-count");
  pipeline.source("records", std::move(source), std::move(strategy))
      .keyBy(&KeyedRecord::key)
      .window(std::move(windows))
      .aggregate("per-key", count())
      .sink("rows", forEach([&outcome](const auto& row) {
              addRow(outcome, row.key, row.windowStart, row.windowEnd, row.value);
            }));
  const Status done = run(pipeline, JobOptions{.workers = 1});
  if (!done.ok()) throw JobError(std::string(done.message()));
  return outcome;
}

template <typename Windows>
Outcome countInPipeline(const std::vector<KeyedRecord>& records, Windows windows) {
  return countInPipeline(SharedRecords(records), monotonousTimestamps(), std::move(windows));
}

template <typename Windows>
Outcome countMadeInPipeline(const RecordMaker& make, std::uint64_t count, Windows windows) {
  return countInPipeline(generator<KeyedRecord>(make, {.count = count, .rate = {}}),
                         monotonousTimestamps().timestamps(&KeyedRecord::time), std::move(windows));
}

}  // namespace millrace::bench
