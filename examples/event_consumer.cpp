// SPDX-License-Identifier: MIT
// event_consumer: reads events and tells what is in them.
#include "common/flags.hpp"
#include "common/group_source.hpp"
#include "common/job_program.hpp"
#include "common/kafka_flags.hpp"
#include "common/limited_lines.hpp"
#include "common/log_to_stderr.hpp"
#include "common/statistics.hpp"
#include "common/stop_signal.hpp"
#include "common/user_event.hpp"
#include "common/window_metrics.hpp"

#include <millrace/base/clock.hpp>
#include <millrace/base/file_system.hpp>
#include <millrace/connectors/file/stream_writer.hpp>
#include <millrace/time/duration.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

namespace millrace::examples {
namespace {

constexpr const char* kProgram = "event_consumer";
constexpr const char* kExample =
    "  event_consumer --bootstrap-servers localhost:9092 --topic user-events --group-id watchers\n"
    "  event_consumer --source file:events.ndjson --aggregate --window 60 --max-messages 100000\n";
constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMostTop = 10'000;
constexpr double kNanosPerSecond = 1e9;
constexpr Duration kSilentPartition = std::chrono::seconds(5);

struct ConsumerSettings {
  std::string source = "stdin";
  std::string window = "60";
  std::int64_t maxMessages = kAll;
  std::int64_t top = 10;
  bool aggregate = false;
  Duration statisticsInterval = std::chrono::seconds(10);
  Duration autoCommitInterval = std::chrono::seconds(5);
  JobSettings job;
};

void declare(FlagSet& flags, ConsumerSettings& s, KafkaFlags& kafka) {
  flags.group("Input");
  flags.text("--source", "SOURCE",
             "file:PATH (a file, a directory or a glob), stdin, generate:N or kafka:TOPIC,...",
             &s.source, "stdin, or the topic as soon as a flag for Kafka is given");
  flags.integer("--max-messages", "N", "end after this many records", &s.maxMessages, 0, kAll,
                "all of them");
  flags.duration("--out-of-orderness", "how much later than its successors an event may come",
                 &s.job.outOfOrderness);
  flags.duration("--idle-timeout", "an input silent for this long holds nobody back",
                 &s.job.idleTimeout, Duration(1), "5s with Kafka, else off");
  flags.group("Output (on stdout)");
  flags.integer("--top", "N", "how many event types and users to list", &s.top, 1, kMostTop);
  flags.duration("--statistics-interval", "time between two statistics blocks",
                 &s.statisticsInterval, Duration(1));
  flags.toggle("--aggregate", "a JSON line of metrics for each window as well", &s.aggregate);
  flags.text("--window", "SECONDS", "with --aggregate: length of a window, also as DUR (5m)",
             &s.window);
  flags.text("--summary", "FILE", "write the run's totals to this file, as JSON", &s.job.summary,
             "none");
  flags.choice("--log-level", "least level of messages on stderr", &s.job.logLevel,
               {"error", "warn", "info", "debug"});
  flags.toggle("--no-progress", "no progress on stderr", &s.job.noProgress);
  declareKafkaFlags(flags, kafka, "the topic to read");
  flags.duration("--auto-commit-interval", "time between two commits of the offsets",
                 &s.autoCommitInterval, Duration(1));
}

// A bare number is seconds.
StatusOr<Duration> parseWindow(const std::string& text) {
  const bool bare =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  StatusOr<Duration> window = parseDuration(bare ? text + "s" : text);
  if (!window.ok() || *window < Duration(1))
    return invalidArgumentError(
        fmt::format("'{}' is not a number of seconds or a duration (60, 250ms, 5m)", text));
  return window;
}

std::string messageOf(const Status& status) {
  const auto message = status.message();
  return std::string(message.data(), message.size());
}

// What is only of interest with Kafka; returns the complaint, if any.
std::string resolveKafka(const FlagSet& flags, const KafkaFlags& kafka, ConsumerSettings* s) {
  if (!flags.given("--source") && mentionsKafka(flags))
    s->job.source.kind = SourceSpec::Kind::kKafka;
  if (std::string complaint = applyTopic(flags, kafka, &s->job.source); !complaint.empty())
    return complaint;
  if (s->job.source.kind != SourceSpec::Kind::kKafka) {
    const bool isNeeded = flags.given("--auto-commit-interval") || flags.given("--group-id");
    return isNeeded ? "--group-id, --auto-commit-interval: need a topic to read (--topic)"
                    : std::string();
  }
  if (s->job.idleTimeout == Duration(0)) s->job.idleTimeout = kSilentPartition;
  s->job.groupId = kafka.groupId.empty() ? kProgram : kafka.groupId;
  std::vector<KafkaSettings::Property> defaults = {
      {"client.id", kProgram},
      {"group.id", s->job.groupId},
      {"auto.offset.reset", "earliest"},
      {"isolation.level", "read_committed"},
      {"partition.assignment.strategy", "range,roundrobin"},
      {"auto.commit.interval.ms", fmt::format("{}", s->autoCommitInterval.count())}};
  // A pattern means no internal topics, as it does to the jobs.
  if (s->job.source.topic.starts_with('^')) defaults.emplace_back("topic.blacklist", "^__");
  // How far the group has come is up to this program: what has been handled, not what has been
  // read.
  StatusOr<KafkaSettings> reached = kafkaClientSettingsOf(
      KafkaRole::kConsumer, kafka, std::move(defaults),
      {{"enable.auto.offset.store", "false"}, {"enable.partition.eof", "true"}});
  if (!reached.ok()) return messageOf(reached.status());
  s->job.kafka = *std::move(reached);
  return {};
}

std::string resolve(ConsumerSettings* s) {
  const auto complaint = [](const char* flag, const Status& status) {
    return fmt::format("{}: {}", flag, messageOf(status));
  };
  StatusOr<SourceSpec> source = parseSource(s->source);
  if (!source.ok()) return complaint("--source", source.status());
  StatusOr<Duration> window = parseWindow(s->window);
  if (!window.ok()) return complaint("--window", window.status());
  s->job.source = *std::move(source);
  s->job.window = s->job.slide = *window;
  s->job.sink.kind = SinkSpec::Kind::kStdout;
  // The first N records are those of one reader.
  s->job.workers = 1;
  if (s->job.source.kind == SourceSpec::Kind::kGenerate)
    s->job.source.events = std::min(s->job.source.events, s->maxMessages);
  return {};
}

// The statistics of a run. Belongs to the job's one worker while it runs, then to main.
class Board {
 public:
  Board(std::size_t top, Duration interval) : statistics_(top), interval_(interval) {}

  const std::shared_ptr<std::atomic<std::uint64_t>>& invalid() const { return invalid_; }

  void begin() { begun_ = lastShown_ = now(); }

  void add(const std::string& eventType, const std::string& userId) {
    statistics_.add(eventType, userId);
    ++added_;
  }

  std::uint64_t added() const { return added_; }

  Status showIfDue() {
    const double seconds = static_cast<double>(interval_.count()) / 1000;
    if (now() - lastShown_ < seconds) return okStatus();
    lastShown_ = now();
    addedShown_ = added_;
    return show("\n");
  }

  // For an input that falls silent before its last events have been shown.
  Status showNewIfDue() { return added_ == addedShown_ ? okStatus() : showIfDue(); }

  Status show(const std::string& after = {}) {
    const double elapsed = now() - begun_;
    return out_.write(statistics_.block(elapsed, invalid_->load(std::memory_order_relaxed)) +
                      after);
  }

 private:
  static double now() {
    return static_cast<double>(systemClock().monotonicNanos()) / kNanosPerSecond;
  }

  Statistics statistics_;
  const Duration interval_;
  std::shared_ptr<std::atomic<std::uint64_t>> invalid_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
  StreamWriter out_{posixFileSystem().standardOutput()};
  std::uint64_t added_ = 0;
  std::uint64_t addedShown_ = 0;
  double begun_ = now();
  double lastShown_ = begun_;
};

// Where events end that are only looked at.
template <typename Event>
class BoardSink final : public SinkConnector<Event> {
 public:
  explicit BoardSink(Board* board) : board_(board) {}

  std::unique_ptr<SinkWriter<Event>> makeWriter(std::shared_ptr<void>&) const override {
    return std::make_unique<Writer>(board_);
  }
  std::string describe() const override { return "statistics"; }

 private:
  class Writer final : public SinkWriter<Event> {
   public:
    explicit Writer(Board* board) : board_(board) {}

    Status write(const TypedBatch<Event>& batch) override {
      for (std::size_t i = batch.cursor(); i < batch.size(); ++i)
        board_->add(batch[i].eventType, batch[i].userId);
      return board_->showIfDue();
    }

   private:
    Board* const board_;
  };

  Board* board_;  // outlives the job
};

template <typename Event>
Stream<Event> limitedEvents(JobProgram& job, const ConsumerSettings& settings, Board& board,
                            GroupReading* reading) {
  if (reading->consumer != nullptr)
    return job.pipeline().source(
        kSourceName, GroupSource<Event>(reading, settings.job.source.topic), job.watermarks());
  if (settings.job.source.kind == SourceSpec::Kind::kGenerate) return job.events<Event>();
  return job.pipeline().source(
      kSourceName,
      LimitedLines<Event>(settings.job.source.path,
                          static_cast<std::uint64_t>(settings.maxMessages), board.invalid()),
      job.watermarks());
}

void build(JobProgram& job, const ConsumerSettings& settings, Board& board, GroupReading* reading) {
  if (!settings.aggregate) {
    limitedEvents<UserEvent>(job, settings, board, reading)
        .sink("statistics", BoardSink<UserEvent>(&board));
    return;
  }
  const Stream<ShopEvent> events = limitedEvents<ShopEvent>(job, settings, board, reading);
  events.sink("statistics", BoardSink<ShopEvent>(&board));
  const auto metrics =
      events.keyBy([](const ShopEvent&) { return 0; })
          .window(tumbling(settings.job.window))
          .aggregate("per-window", WindowMetrics(static_cast<std::size_t>(settings.top)));
  job.results(metrics, [](const WindowResult<int, WindowMetrics::Result>& window,
                          std::string& out) { appendRow(out, window); });
}

GroupReading readingFor(const ConsumerSettings& settings, GroupConsumer* consumer, Board* board) {
  GroupReading reading;
  reading.consumer = consumer;
  reading.limit = static_cast<std::uint64_t>(settings.maxMessages);
  reading.handled = [board] { return board->added(); };
  reading.onInvalid = [board] { board->invalid()->fetch_add(1, std::memory_order_relaxed); };
  reading.onQuiet = [board] { return board->showNewIfDue(); };
  // Finding the brokers and joining the group are not the reading that the rate is about.
  consumer->onFirstAssignment([board] { board->begin(); });
  return reading;
}

// The job from its source to the last statistics block.
int consume(const ConsumerSettings& settings, const JobCommandLine& line, GroupConsumer* consumer,
            StopSignal& stop) {
  Board board(static_cast<std::size_t>(settings.top), settings.statisticsInterval);
  GroupReading reading;
  if (consumer != nullptr) reading = readingFor(settings, consumer, &board);
  JobProgram job(kProgram, settings.job);
  build(job, settings, board, &reading);
  board.begin();
  const int code = runJobProgram(job, line, stop);
  if (code == kWrongCommandLine) return code;
  const Status shown = board.show();
  if (code == kDone && !shown.ok()) return reportFailure(kProgram, messageOf(shown));
  return code;
}

int consumeTopic(const ConsumerSettings& settings, const JobCommandLine& line, StopSignal& stop) {
  logKafkaSettings(settings.job.kafka);
  StatusOr<std::unique_ptr<GroupConsumer>> consumer =
      GroupConsumer::join({settings.job.kafka, settings.job.source.topic}, stop);
  if (!consumer.ok())
    return absl::IsCancelled(consumer.status())
               ? kDone
               : reportFailure(kProgram, messageOf(consumer.status()));
  const int code = consume(settings, line, consumer->get(), stop);
  (*consumer)->leave();
  return code;
}

int run(int argc, char** argv) {
  ConsumerSettings settings;
  KafkaFlags kafka;
  FlagSet flags(kProgram, "Reads events and tells how many there are, of which types and users.",
                kExample);
  declare(flags, settings, kafka);
  JobCommandLine line;
  line.outcome = flags.parse(argc, argv);
  if (line.outcome.run) {
    std::string complaint = resolve(&settings);
    if (complaint.empty()) complaint = resolveKafka(flags, kafka, &settings);
    if (complaint.empty() && !settings.aggregate && flags.given("--window"))
      complaint = "--window: needs --aggregate";
    if (!complaint.empty()) line.outcome = flags.refuse(complaint);
  }
  if (!line.outcome.run) return finish(line.outcome);
  const LogToStderr shown(kProgram, settings.job.logLevel);
  StopSignal stop;
  const bool isTopic = settings.job.source.kind == SourceSpec::Kind::kKafka;
  return isTopic ? consumeTopic(settings, line, stop) : consume(settings, line, nullptr, stop);
}

}  // namespace
}  // namespace millrace::examples

int main(int argc, char** argv) {
  try {
    return millrace::examples::run(argc, argv);
  } catch (const std::exception& error) {
    return millrace::examples::reportFailure(millrace::examples::kProgram, error.what());
  }
}
