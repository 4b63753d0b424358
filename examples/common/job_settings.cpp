// SPDX-License-Identifier: MIT
#include "job_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace millrace::examples {
namespace {

constexpr std::int64_t kMostWorkers = 256;
constexpr std::int64_t kLargestBatch = 1 << 20;
constexpr Duration kShortest{1};

struct Endpoints {
  std::string source = "stdin";
  std::string sink = "stdout";
  std::string deadLetters, late;
};

void declareEndpoints(FlagSet& flags, Endpoints& endpoints, JobSettings& settings) {
  flags.group("Input and output");
  flags.text("--source", "SOURCE",
             "file:PATH (a file, a directory or a glob of NDJSON, .gz and .zst too), stdin, "
             "generate:N (made-up events) or kafka:TOPIC",
             &endpoints.source);
  flags.text("--sink", "SINK", "where results go: stdout, file:DIR or kafka:TOPIC",
             &endpoints.sink);
  flags.text("--dead-letters", "SINK", "where invalid records go: stdout, file:DIR or kafka:TOPIC",
             &endpoints.deadLetters, "counted only");
  flags.text("--late", "SINK", "where late records go: stdout, file:DIR or kafka:TOPIC",
             &endpoints.late, "counted only");
  flags.choice("--start",
               "where a topic is read from when there is no checkpoint (committed: where the group "
               "stands, else from the earliest)",
               &settings.start, {"committed", "earliest", "latest"});
  flags.toggle("--bounded", "read a topic as far as it goes now, and end", &settings.bounded);
  flags.choice("--on-invalid",
               "what an invalid record does: skip it (and count it) or fail the job",
               &settings.onInvalid, {"skip", "fail"});
}

void declareTime(FlagSet& flags, JobSettings& settings, bool sessions) {
  flags.group("Time");
  const std::string unused = sessions ? " (sessions have no use for it)" : "";
  flags.duration("--window", "length of a window" + unused, &settings.window, kShortest);
  flags.duration("--slide", "distance from one window's start to the next's" + unused,
                 &settings.slide, kShortest, "the window");
  flags.duration("--gap",
                 std::string("silence of more than this ends a user's session") +
                     (sessions ? "" : " (used by sessions only)"),
                 &settings.gap, kShortest);
  flags.duration("--out-of-orderness", "how much later than its successors an event may come",
                 &settings.outOfOrderness);
  flags.duration("--allowed-lateness", "how long after its result a window still takes events",
                 &settings.allowedLateness);
  flags.duration("--idle-timeout", "an input silent for this long holds nobody back",
                 &settings.idleTimeout, kShortest, "off");
}

void declareRunning(FlagSet& flags, JobSettings& settings) {
  flags.group("Running");
  settings.workers = std::max<std::int64_t>(1, std::thread::hardware_concurrency());
  flags.integer("--workers", "N", "threads that do the work", &settings.workers, 1, kMostWorkers,
                fmt::format("the cores, here {}", settings.workers));
  flags.integer("--batch-size", "N", "most records moved at once", &settings.batchSize, 1,
                kLargestBatch);
  flags.text("--summary", "FILE", "write the run's totals to this file, as JSON", &settings.summary,
             "none");
  flags.choice("--log-level", "least level of messages on stderr", &settings.logLevel,
               {"error", "warn", "info", "debug"});
  flags.toggle("--no-progress", "no progress on stderr", &settings.noProgress);
}

void declareDurability(FlagSet& flags, JobSettings& settings, UnavailableSettings& unavailable) {
  flags.group("State and checkpoints");
  flags.text("--checkpoint-dir", "DIR",
             "keep state across runs and crashes here: the job goes on where it was",
             &settings.checkpointDir, "nothing is kept");
  flags.duration("--checkpoint-interval", "time between checkpoints", &settings.checkpointInterval,
                 kShortest);
  flags.integer(
      "--retain-checkpoints", "N",
      "checkpoints to keep for --from-savepoint in the checkpoint directory's retained/, a minute "
      "or more apart; 1: the last alone, which is gone on from",
      &settings.retainCheckpoints, 1, 1000);
  flags.toggle(
      "--allow-unclaimed-state",
      "drop saved state that the job has no use for any more, instead of refusing to start",
      &settings.allowUnclaimedState);
  flags.choice("--state", "where state lives: rocksdb keeps what does not fit into memory on disk",
               &settings.state, {"memory", "rocksdb"});
  flags.integer("--state-memory", "MIB", "memory that state may take with --state rocksdb",
                &settings.stateMemoryMebibytes, 1, std::int64_t{1} << 30);
  flags.choice("--delivery", "guarantee of the results after a failure", &settings.delivery,
               {"exactly-once", "at-least-once"});
  flags.text("--from-savepoint", "DIR",
             "begin with the state of this savepoint (needs a new --checkpoint-dir)",
             &settings.fromSavepoint, "none");
  flags.text("--savepoint-dir", "DIR",
             "write a savepoint below it on SIGUSR1, and before stopping on SIGINT or SIGTERM",
             &settings.savepointDir, "none are written");
  flags.group("Watching");
  flags.text("--http", "HOST:PORT", "serve metrics and the dashboard here", &unavailable.http,
             "off");
  flags.notAvailable("--http", "the web interface");
}

// Sets *spec from the flag's text; returns the complaint, if any.
template <typename Spec, typename Parse>
std::string read(const char* flag, const std::string& text, Parse parse, Spec* spec) {
  if (text.empty()) return {};
  StatusOr<Spec> parsed = parse(text);
  if (!parsed.ok()) {
    const auto message = parsed.status().message();
    return fmt::format("{}: {}", flag, std::string_view(message.data(), message.size()));
  }
  *spec = *std::move(parsed);
  return {};
}

std::string resolve(const Endpoints& endpoints, JobSettings* settings) {
  for (const std::string& complaint :
       {read("--source", endpoints.source, parseSource, &settings->source),
        read("--sink", endpoints.sink, parseSink, &settings->sink),
        read("--dead-letters", endpoints.deadLetters, parseSink, &settings->deadLetters),
        read("--late", endpoints.late, parseSink, &settings->late)})
    if (!complaint.empty()) return complaint;
  for (const auto& [flag, value] : {std::pair("--from-savepoint", &settings->fromSavepoint),
                                    std::pair("--savepoint-dir", &settings->savepointDir)}) {
    if (!value->empty() && settings->checkpointDir.empty())
      return fmt::format("{}: needs --checkpoint-dir too", flag);
  }
  if (settings->slide == Duration(0)) settings->slide = settings->window;
  return {};
}

// What the topics of a job are, and how they are reached; returns the complaint, if any.
std::string resolveKafka(const JobKind& kind, const FlagSet& flags, const KafkaFlags& kafka,
                         JobSettings* settings) {
  if (std::string complaint = applyTopic(flags, kafka, &settings->source); !complaint.empty())
    return complaint;
  if (settings->sink.kind == SinkSpec::Kind::kKafka && settings->sink.topic.empty())
    settings->sink.topic = kDefaultSinkTopic;
  // Their records are of another kind than results: they have no default to get mixed up in.
  for (const auto& [flag, sink] :
       {std::pair("--dead-letters", &settings->deadLetters), std::pair("--late", &settings->late)})
    if (sink->kind == SinkSpec::Kind::kKafka && sink->topic.empty())
      return fmt::format("{}: kafka: needs a topic (kafka:TOPIC)", flag);
  settings->groupId = kafka.groupId.empty() ? kind.program : kafka.groupId;
  const StatusOr<KafkaSettings> reached = kafkaSettingsOf(kafka, {{"client.id", kind.program}});
  if (!reached.ok())
    return std::string(reached.status().message().data(), reached.status().message().size());
  settings->kafka = *reached;
  return {};
}

std::vector<std::string> noticesFor(const JobKind& kind, const JobSettings& settings,
                                    const FlagSet& flags) {
  std::vector<std::string> notices;
  if (flags.given("--state-memory") && settings.state != "rocksdb")
    notices.push_back("--state-memory has no effect without --state rocksdb");
  if (settings.sink.kind == SinkSpec::Kind::kKafka && settings.checkpointDir.empty() &&
      settings.delivery == "exactly-once")
    notices.push_back("results reach Kafka at least once (exactly once needs --checkpoint-dir)");
  if (mentionsKafka(flags) && !usesKafka(settings))
    notices.push_back("the flags for Kafka have no effect without kafka:TOPIC as a source or sink");
  if (!flags.given("--checkpoint-dir"))
    notices.push_back("no --checkpoint-dir: nothing is kept across runs");
  const auto noteUnused = [&](const char* flag) {
    if (flags.given(flag))
      notices.push_back(fmt::format("{} has no effect on {}", flag, kind.program));
  };
  if (kind.sessions) {
    noteUnused("--window");
    noteUnused("--slide");
  } else {
    noteUnused("--gap");
  }
  return notices;
}

}  // namespace

bool usesKafka(const JobSettings& settings) {
  const auto isTopic = [](const SinkSpec* sink) { return sink->kind == SinkSpec::Kind::kKafka; };
  return settings.source.kind == SourceSpec::Kind::kKafka || isTopic(&settings.sink) ||
         isTopic(&settings.deadLetters) || isTopic(&settings.late);
}

JobCommandLine parseJobCommandLine(const JobKind& kind, int argc, const char* const* argv) {
  JobCommandLine line;
  Endpoints endpoints;
  KafkaFlags kafka;
  UnavailableSettings unavailable;
  FlagSet flags(kind.program, kind.purpose, kind.example);
  declareEndpoints(flags, endpoints, line.settings);
  declareTime(flags, line.settings, kind.sessions);
  declareRunning(flags, line.settings);
  declareDurability(flags, line.settings, unavailable);
  declareKafkaFlags(flags, kafka, "the topic that --source kafka: reads");
  line.outcome = flags.parse(argc, argv);
  if (!line.outcome.run) return line;
  std::string complaint = resolve(endpoints, &line.settings);
  if (complaint.empty()) complaint = resolveKafka(kind, flags, kafka, &line.settings);
  if (!complaint.empty()) {
    line.outcome = flags.refuse(complaint);
    return line;
  }
  line.notices = noticesFor(kind, line.settings, flags);
  return line;
}

}  // namespace millrace::examples
