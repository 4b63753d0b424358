// SPDX-License-Identifier: MIT
// event_producer: makes user events, to a topic or as lines of JSON.
#include "common/endpoints.hpp"
#include "common/event_maker.hpp"
#include "common/event_output.hpp"
#include "common/expected_totals.hpp"
#include "common/flags.hpp"
#include "common/kafka_flags.hpp"
#include "common/kafka_producer.hpp"
#include "common/log_to_stderr.hpp"
#include "common/progress.hpp"
#include "common/sent.hpp"
#include "common/stop_signal.hpp"

#include <millrace/base/file_system.hpp>
#include <millrace/base/log.hpp>
#include <millrace/base/status.hpp>
#include <millrace/time/rfc3339.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace millrace::examples {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr const char* kProgram = "event_producer";
constexpr const char* kExample =
    "  event_producer --count 100000 --seed 7 --sink events.ndjson --expected-out expected.ndjson\n"
    "  event_producer --bootstrap-servers localhost:9092 --topic user-events --high-volume --rate "
    "50000 --duration 10\n";
constexpr const char* kDefaultStart = "2025-12-12T00:00:00.000Z";
constexpr std::int64_t kMostEvents = 1'000'000'000'000;
constexpr std::int64_t kMostUsers = 1'000'000'000;
constexpr double kNanosPerSecond = 1e9;
constexpr std::size_t kChunkBytes = 1 << 18;
constexpr std::uint64_t kBurst = 256;  // events between two looks at the clock

struct ProducerSettings {
  std::int64_t count = 1000;
  double delay = 0;
  bool highVolume = false;
  std::int64_t rate = 10'000;
  double duration = 60;
  std::string start, types, sink = "stdout", expectedOut, expectedJob = "event_count";
  Duration eventInterval{100};
  Duration disorder{0}, window = std::chrono::minutes(1), slide{0}, gap = std::chrono::minutes(30);
  bool noProgress = false;
  std::int64_t seed = 0;

  EventMakerOptions maker;
  double perSecond = 0;  // 0: as fast as it goes

  std::string topic;  // empty: to a file
  KafkaSettings kafka;
  std::string acks = "all", compression = "none", logLevel = "info";
  std::int64_t batchSize = 1'000'000;
  double lingerMillis = 5;
};

void declare(FlagSet& flags, ProducerSettings& s) {
  flags.group("How many, how fast");
  flags.integer("--count", "N", "records to make", &s.count, 0, kMostEvents);
  flags.real("--delay", "SECONDS", "pause between two records", &s.delay, 0);
  flags.toggle("--high-volume", "make --rate records a second for --duration", &s.highVolume);
  flags.integer("--rate", "PER_SECOND", "with --high-volume: records a second", &s.rate, 1,
                1'000'000'000);
  flags.real("--duration", "SECONDS", "with --high-volume: how long", &s.duration, 0);
  flags.group("What is in them");
  flags.integer("--users", "N", "how many users there are", &s.maker.users, 1, kMostUsers);
  flags.integer("--seed", "S", "the same seed and flags make the same events", &s.seed, 0,
                std::numeric_limits<std::int64_t>::max(), "a new one each time");
  flags.text("--start", "TIME", "event time of the first record (RFC 3339)", &s.start,
             std::string(kDefaultStart) + " with --seed, else so that events are of now");
  flags.duration("--event-interval", "event time between two records", &s.eventInterval,
                 Duration(0), "the pace, or 100ms without one");
  flags.duration("--disorder", "events are dated up to this much early, at random", &s.disorder);
  flags.real("--invalid", "FRACTION", "part of the records that is broken",
             &s.maker.invalidFraction, 0, 1);
  flags.text("--event-types", "a,b=3,...", "event types with their weights", &s.types,
             "the ten usual ones");
  flags.group("Output");
  flags.text("--sink", "SINK",
             "stdout, a file (file:PATH or PATH), an existing directory or kafka:TOPIC", &s.sink,
             "stdout, or the topic as soon as a flag for Kafka is given");
  flags.text("--expected-out", "FILE", "write the true result of --expected-job here",
             &s.expectedOut, "none");
  flags.choice("--expected-job", "whose result --expected-out writes", &s.expectedJob,
               {"event_count", "revenue", "sessions"});
  flags.duration("--window", "length of its windows", &s.window, Duration(1));
  flags.duration("--slide", "distance between its windows", &s.slide, Duration(1), "the window");
  flags.duration("--gap", "gap of its sessions", &s.gap, Duration(1));
  flags.choice("--log-level", "least level of messages on stderr", &s.logLevel,
               {"error", "warn", "info", "debug"});
  flags.toggle("--no-progress", "no progress on stderr", &s.noProgress);
}

void declareKafka(FlagSet& flags, ProducerSettings& s, KafkaFlags& kafka) {
  declareKafkaFlags(flags, kafka, "the topic to write to");
  flags.choice("--acks",
               "whose acknowledgement makes a record safe; less than all gives up idempotence",
               &s.acks, {"all", "1", "0"});
  flags.choice("--compression", "of batches", &s.compression,
               {"none", "gzip", "snappy", "lz4", "zstd"});
  flags.integer("--batch-size", "BYTES", "most bytes of a batch", &s.batchSize, 1, 2'147'483'647);
  flags.real("--linger-ms", "MS", "how long a batch waits for more records", &s.lingerMillis, 0,
             900'000);
}

std::string messageOf(const Status& status) {
  const auto message = status.message();
  return std::string(message.data(), message.size());
}

Timestamp wallClock() {
  return std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Flags that say something only together; returns the complaint, if any.
std::string checkModes(const FlagSet& flags, const ProducerSettings& s) {
  for (const char* flag : {"--count", "--delay"})
    if (s.highVolume && flags.given(flag))
      return fmt::format("{}: not together with --high-volume, which has --rate and --duration",
                         flag);
  for (const char* flag : {"--rate", "--duration"})
    if (!s.highVolume && flags.given(flag)) return fmt::format("{}: needs --high-volume", flag);
  if (s.highVolume && static_cast<double>(s.rate) * s.duration > static_cast<double>(kMostEvents))
    return fmt::format("--duration: more than {} records", kMostEvents);
  return {};
}

std::string resolveTime(const FlagSet& flags, ProducerSettings* s) {
  const bool ownInterval = flags.given("--event-interval") || s->perSecond == 0;
  const double spacing = ownInterval ? static_cast<double>(s->eventInterval.count()) * 1e6
                                     : kNanosPerSecond / s->perSecond;
  const double span = spacing * static_cast<double>(s->count);
  if (span > 9e18) return "--count: the events would span more than 290 years";
  s->maker.spacingNanos = std::llround(spacing);
  s->maker.disorder = s->disorder;
  if (!s->start.empty()) {
    if (!parseRfc3339(s->start, s->maker.start))
      return fmt::format("--start: '{}' is not an RFC 3339 time ({})", s->start, kDefaultStart);
  } else if (flags.given("--seed")) {
    parseRfc3339(kDefaultStart, s->maker.start);
  } else {
    // Made all at once, events end now; made at a pace, they start now. Never in the future.
    s->maker.start = wallClock() - (s->perSecond == 0 ? static_cast<Timestamp>(span / 1e6) : 0);
  }
  return {};
}

// librdkafka speaks of properties: where one has a flag of its own, that is what was given.
std::string complaintAbout(const FlagSet& flags, const Status& refused) {
  std::string text = messageOf(refused);
  constexpr std::string_view kGeneral = "--kafka: ";
  for (const auto& [flag, property] :
       {std::pair("--acks", "`acks`"), std::pair("--batch-size", "`batch.size`"),
        std::pair("--linger-ms", "`linger.ms`")})
    if (flags.given(flag) && text.find(property) != std::string::npos)
      return fmt::format("{}: {}", flag, text.substr(kGeneral.size()));
  if (text.find("`enable.idempotence`") != std::string::npos)
    text += " (--acks 1 and --acks 0 give it up)";
  return text;
}

std::string resolveKafka(const FlagSet& flags, const KafkaFlags& kafka, ProducerSettings* s) {
  const bool isNamed = flags.given("--sink");
  const bool isTopic = isNamed ? s->sink.rfind("kafka:", 0) == 0 : mentionsKafka(flags);
  if (!isTopic) {
    for (const char* flag : {"--topic", "--acks", "--compression", "--batch-size", "--linger-ms"})
      if (flags.given(flag)) return fmt::format("{}: needs --sink kafka:TOPIC, or no --sink", flag);
    return {};
  }
  const StatusOr<SinkSpec> sink = parseSink(isNamed ? s->sink : "kafka:" + kafka.topic);
  if (!sink.ok())
    return fmt::format("{}: {}", isNamed ? "--sink" : "--topic", messageOf(sink.status()));
  if (isNamed && flags.given("--topic") && !sink->topic.empty() && sink->topic != kafka.topic)
    return fmt::format("--topic: --sink names another topic, '{}'", sink->topic);
  s->topic = !sink->topic.empty()  ? sink->topic
             : kafka.topic.empty() ? kDefaultSourceTopic
                                   : kafka.topic;
  StatusOr<KafkaSettings> reached = kafkaClientSettingsOf(
      KafkaRole::kProducer, kafka,
      {{"client.id", kProgram},
       {"enable.idempotence", s->acks == "all" ? "true" : "false"},
       {"acks", s->acks},
       {"compression.type", s->compression},
       {"batch.size", fmt::format("{}", s->batchSize)},
       {"linger.ms", fmt::format("{}", s->lingerMillis)},
       // Where Java's default partitioner puts a key.
       {"partitioner", "murmur2_random"},
       // Four batches of a megabyte: what waits stays in the processor's caches until it is sent.
       // With five times as much a record costs a third more.
       {"queue.buffering.max.messages", "20000"},
       {"message.timeout.ms", "120000"}},
      {});
  if (!reached.ok()) return complaintAbout(flags, reached.status());
  s->kafka = *std::move(reached);
  return {};
}

std::string resolve(const FlagSet& flags, ProducerSettings* s) {
  if (const std::string complaint = checkModes(flags, *s); !complaint.empty()) return complaint;
  if (s->highVolume) {
    s->perSecond = static_cast<double>(s->rate);
    s->count = std::llround(s->perSecond * s->duration);
  } else if (s->delay > 0) {
    s->perSecond = 1 / s->delay;
  }
  if (!s->types.empty()) {
    StatusOr<std::vector<WeightedType>> types = parseEventTypes(s->types);
    if (!types.ok()) return "--event-types: " + messageOf(types.status());
    s->maker.types = *std::move(types);
  }
  if (!flags.given("--seed")) s->seed = static_cast<std::int64_t>(std::random_device{}());
  s->maker.seed = static_cast<std::uint64_t>(s->seed);
  if (s->slide == Duration(0)) s->slide = s->window;
  return resolveTime(flags, s);
}

// Lines into a file; a burst is safe when the file system has taken it.
class FileOutput final : public EventOutput {
 public:
  explicit FileOutput(std::unique_ptr<WritableFile> file) : file_(std::move(file)) {
    chunk_.reserve(kChunkBytes + (kChunkBytes >> 2));
  }

  std::string& beginBurst(TimePoint due) override {
    bursts_.emplace_back(due, 0);
    return chunk_;
  }
  void endRecord(const MadeEvent&) override {
    chunk_ += '\n';
    ++bursts_.back().second;
  }
  Status endBurst() override { return chunk_.size() < kChunkBytes ? okStatus() : flush(); }

  Status flush() override {
    if (chunk_.empty()) return okStatus();
    MILLRACE_RETURN_IF_ERROR(file_->append(chunk_));
    const TimePoint now = SteadyClock::now();
    for (Sent* sent : {&whole_, &interval_}) {
      for (const auto& [due, records] : bursts_) sent->add(records, 0, now - due);
      sent->bytes += chunk_.size();
    }
    bursts_.clear();
    chunk_.clear();
    records_.store(whole_.records, std::memory_order_relaxed);
    return okStatus();
  }

  Status close() override {
    MILLRACE_RETURN_IF_ERROR(flush());
    return file_->close();
  }

  Sent sent() const override { return whole_; }
  Sent interval() override { return std::exchange(interval_, Sent{}); }
  std::uint64_t recordsSent() const override { return records_.load(std::memory_order_relaxed); }

 private:
  const std::unique_ptr<WritableFile> file_;
  std::string chunk_;                                        // made, not yet written
  std::vector<std::pair<TimePoint, std::uint64_t>> bursts_;  // what is in chunk_
  Sent whole_;
  Sent interval_;
  std::atomic<std::uint64_t> records_{0};  // for the progress thread; nothing is ordered by it
};

class Producer {
 public:
  Producer(const ProducerSettings& settings, EventOutput* output, ExpectedTotals* expected,
           const StopSignal& stop)
      : settings_(settings),
        maker_(settings.maker),
        output_(output),
        expected_(expected),
        stop_(stop),
        mode_(progressModeFor(!settings.noProgress)) {}

  // Makes and sends everything, or as much as there was time for before a signal.
  Status run() {
    const auto total = static_cast<std::uint64_t>(settings_.count);
    // The log lines are this program's own, in the form of the last one.
    const ProgressReporter progress(
        kProgram, mode_ == ProgressMode::kLine ? mode_ : ProgressMode::kOff, [this, total] {
          const std::uint64_t sent = output_->recordsSent();
          return ProgressSample{sent, static_cast<double>(sent) / static_cast<double>(total), {}};
        });
    const Status made = makeAll(total);
    const Status closed = output_->close();
    // What close() says includes what stopped the making.
    return closed.ok() ? made : closed;
  }

 private:
  Status makeAll(std::uint64_t total) {
    while (made_ < total && !stop_.requested()) {
      const std::uint64_t due = dueNow(total);
      if (made_ < due) MILLRACE_RETURN_IF_ERROR(makeBurst(std::min(due, made_ + kBurst)));
      reportInterval();
      if (made_ < due) continue;
      MILLRACE_RETURN_IF_ERROR(output_->flush());
      if (made_ < total) waitUntilDue();
    }
    return okStatus();
  }

  SteadyClock::time_point dueAt(std::uint64_t index) const {
    if (settings_.perSecond == 0) return SteadyClock::now();
    return begun_ + std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(
                        static_cast<double>(index) / settings_.perSecond));
  }

  std::uint64_t dueNow(std::uint64_t total) const {
    if (settings_.perSecond == 0) return total;
    const double elapsed = std::chrono::duration<double>(SteadyClock::now() - begun_).count();
    return std::min(total, static_cast<std::uint64_t>(elapsed * settings_.perSecond) + 1);
  }

  // Sleeping less than a millisecond costs more than it gives.
  void waitUntilDue() const {
    const double ahead = std::chrono::duration<double>(dueAt(made_) - SteadyClock::now()).count();
    if (settings_.perSecond > 0 && ahead > 0) stop_.sleep(std::max(ahead, 1e-3));
  }

  // A burst counts from when its first event was due, not from when there was time for it: falling
  // behind the rate shows in the latency.
  Status makeBurst(std::uint64_t end) {
    std::string& text = output_->beginBurst(dueAt(made_));
    for (; made_ < end; ++made_) {
      const MadeEvent event = maker_.append(made_, text);
      output_->endRecord(event);
      if (expected_ != nullptr) expected_->add(event);
    }
    return output_->endBurst();
  }

  void reportInterval() {
    constexpr auto kEvery = std::chrono::seconds(5);
    const auto now = SteadyClock::now();
    if (mode_ != ProgressMode::kLog || now - reported_ < kEvery) return;
    reported_ = now;
    std::fputs((output_->interval().line() + ".\n").c_str(), stderr);
  }

  const ProducerSettings& settings_;
  const EventMaker maker_;
  EventOutput* const output_;
  ExpectedTotals* const expected_;  // null: not wanted
  const StopSignal& stop_;
  const ProgressMode mode_;
  const SteadyClock::time_point begun_ = SteadyClock::now();

  std::uint64_t made_ = 0;
  SteadyClock::time_point reported_ = begun_;
};

int fail(const std::string& message) { return reportFailure(kProgram, message); }

StatusOr<std::unique_ptr<EventOutput>> openFile(std::string path) {
  std::unique_ptr<WritableFile> file;
  if (path == "stdout" || path == "-") {
    file = posixFileSystem().standardOutput();
  } else {
    if (path.rfind("file:", 0) == 0) path.erase(0, 5);
    if (path.empty()) return invalidArgumentError("file: needs a path (file:PATH)");
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) path += "/events.ndjson";
    MILLRACE_ASSIGN_OR_RETURN(file, posixFileSystem().openWrite(path, WriteMode::kTruncate));
  }
  return std::unique_ptr<EventOutput>(std::make_unique<FileOutput>(std::move(file)));
}

int produce(const ProducerSettings& settings, EventOutput* output, ExpectedTotals* totals,
            WritableFile* expectedFile, const StopSignal& stop) {
  log(LogLevel::kInfo,
      fmt::format("seed {}, events from {} on", settings.seed, formatUtc(settings.maker.start)));
  Producer producer(settings, output, totals, stop);  // the totals look at its event types
  const Status done = producer.run();
  if (done.ok() || !settings.topic.empty())
    std::fputs((output->sent().lastLine() + "\n").c_str(), stderr);
  if (!done.ok())
    return fail(fmt::format("{}; {} records were {}", messageOf(done), output->sent().records,
                            settings.topic.empty() ? "written before" : "delivered"));
  if (totals == nullptr) return kDone;
  if (const Status written = totals->write(*expectedFile); !written.ok())
    return fail(messageOf(written));
  const Status closed = expectedFile->close();
  return closed.ok() ? kDone : fail(messageOf(closed));
}

// What was made goes where --sink says.
int produceTo(const ProducerSettings& settings, const FlagSet& flags, ExpectedTotals* totals,
              WritableFile* expectedFile) {
  const LogToStderr shown(kProgram, settings.logLevel);
  const StopSignal stop;
  if (settings.topic.empty()) {
    StatusOr<std::unique_ptr<EventOutput>> file = openFile(settings.sink);
    if (!file.ok()) return finish(flags.refuse("--sink: " + messageOf(file.status())));
    return produce(settings, file->get(), totals, expectedFile, stop);
  }
  logKafkaSettings(settings.kafka);
  StatusOr<std::unique_ptr<KafkaProducer>> topic =
      KafkaProducer::open(settings.kafka, settings.topic, stop);
  if (!topic.ok())
    return absl::IsCancelled(topic.status()) ? kDone : fail(messageOf(topic.status()));
  const int code = produce(settings, topic->get(), totals, expectedFile, stop);
  if (const auto account = (*topic)->account(); account.waits > 0)
    log(LogLevel::kInfo,
        fmt::format("waited {} times, {:.2f} s in all, for Kafka to take records (back-pressure)",
                    account.waits, account.waitedSeconds));
  return code;
}

int run(int argc, char** argv) {
  ProducerSettings settings;
  KafkaFlags kafka;
  FlagSet flags(kProgram, "Makes user events, one JSON object a line or a Kafka message.",
                kExample);
  declare(flags, settings);
  declareKafka(flags, settings, kafka);
  ParseOutcome outcome = flags.parse(argc, argv);
  if (outcome.run) {
    std::string complaint = resolve(flags, &settings);
    if (complaint.empty()) complaint = resolveKafka(flags, kafka, &settings);
    if (!complaint.empty()) outcome = flags.refuse(complaint);
  }
  if (!outcome.run) return finish(outcome);

  if (settings.expectedOut.empty()) return produceTo(settings, flags, nullptr, nullptr);
  StatusOr<std::unique_ptr<WritableFile>> expected =
      posixFileSystem().openWrite(settings.expectedOut, WriteMode::kTruncate);
  if (!expected.ok())
    return finish(flags.refuse("--expected-out: " + messageOf(expected.status())));
  const std::unique_ptr<ExpectedTotals> totals =
      expectedTotalsOf(settings.expectedJob, settings.window, settings.slide, settings.gap);
  return produceTo(settings, flags, totals.get(), expected->get());
}

}  // namespace
}  // namespace millrace::examples

int main(int argc, char** argv) {
  try {
    return millrace::examples::run(argc, argv);
  } catch (const std::exception& error) {
    return millrace::examples::fail(error.what());
  }
}
