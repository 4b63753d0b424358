// SPDX-License-Identifier: MIT
#pragma once

#include "endpoints.hpp"
#include "flags.hpp"
#include "kafka_flags.hpp"

#include <millrace/time/timestamp.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::examples {

/// Everything the command line of a job says.
struct JobSettings {
  SourceSpec source;
  SinkSpec sink;
  SinkSpec deadLetters;
  SinkSpec late;

  Duration window = std::chrono::minutes(1);
  Duration slide{0};  ///< 0: as long as the window, which makes it tumbling
  Duration gap = std::chrono::minutes(30);
  Duration outOfOrderness = std::chrono::seconds(5);
  Duration allowedLateness{0};
  Duration idleTimeout{0};  ///< 0: idleness is off

  std::int64_t workers = 1;
  std::int64_t batchSize = 1024;
  std::string onInvalid = "skip";
  std::string delivery = "exactly-once";
  std::string state = "memory";
  std::int64_t stateMemoryMebibytes = 1024;  ///< for state in RocksDB
  std::string checkpointDir;                 ///< empty: nothing is kept across runs
  Duration checkpointInterval = std::chrono::seconds(60);
  std::int64_t retainCheckpoints = 1;
  bool allowUnclaimedState = false;
  std::string fromSavepoint;  ///< empty: none
  std::string savepointDir;   ///< empty: none are written

  KafkaSettings kafka;  ///< how the cluster of `source`, `sink` and the others is reached
  std::string groupId;  ///< whose committed offsets `source` goes on from
  std::string start = "committed";  ///< where `source` begins, without a checkpoint
  bool bounded = false;             ///< `source` ends where it ends when the job starts

  std::string summary;  ///< a file, empty for none
  std::string logLevel = "info";
  bool noProgress = false;
};

/// The flag of the web interface has to be on every job's command line, so that scripts can be
/// written once; its value lands here.
struct UnavailableSettings {
  std::string http;
};

/// What makes one job's command line differ from another's.
struct JobKind {
  std::string program;
  std::string purpose;
  std::string example;
  bool sessions = false;  ///< uses --gap and not --window
};

/// The command line of a job, checked. `outcome.run` is false when there is nothing to run.
struct JobCommandLine {
  ParseOutcome outcome;
  JobSettings settings;
  std::vector<std::string> notices;  ///< for stderr, unless --log-level error
};

JobCommandLine parseJobCommandLine(const JobKind& kind, int argc, const char* const* argv);

/// Whether any end of the job is a topic.
bool usesKafka(const JobSettings& settings);

}  // namespace millrace::examples
