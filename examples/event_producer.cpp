// SPDX-License-Identifier: MIT
// event_producer: makes user events, one JSON object a line.
#include "common/event_maker.hpp"
#include "common/expected_totals.hpp"
#include "common/flags.hpp"
#include "common/job_settings.hpp"
#include "common/latency_histogram.hpp"
#include "common/progress.hpp"
#include "common/stop_signal.hpp"

#include <millrace/base/file_system.hpp>
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

namespace millrace::examples {
namespace {

using Output = std::unique_ptr<WritableFile>;
using SteadyClock = std::chrono::steady_clock;

constexpr const char* kProgram = "event_producer";
constexpr const char* kExample =
    "  event_producer --count 100000 --seed 7 --sink events.ndjson --expected-out expected.ndjson\n"
    "  event_producer --high-volume --rate 50000 --duration 10 --sink file:/tmp/events.ndjson\n";
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
  flags.text("--sink", "PATH", "stdout, a file (file:PATH or PATH) or an existing directory",
             &s.sink);
  flags.text("--expected-out", "FILE", "write the true result of --expected-job here",
             &s.expectedOut, "none");
  flags.choice("--expected-job", "whose result --expected-out writes", &s.expectedJob,
               {"event_count", "revenue", "sessions"});
  flags.duration("--window", "length of its windows", &s.window, Duration(1));
  flags.duration("--slide", "distance between its windows", &s.slide, Duration(1), "the window");
  flags.duration("--gap", "gap of its sessions", &s.gap, Duration(1));
  flags.toggle("--no-progress", "no progress on stderr", &s.noProgress);
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

StatusOr<Output> openSink(std::string sink) {
  if (sink == "stdout" || sink == "-") return posixFileSystem().standardOutput();
  if (sink.rfind("kafka:", 0) == 0)
    return invalidArgumentError("writing to Kafka is not available in this version");
  if (sink.rfind("file:", 0) == 0) sink.erase(0, 5);
  if (sink.empty()) return invalidArgumentError("file: needs a path (file:PATH)");
  std::error_code error;
  if (std::filesystem::is_directory(sink, error)) sink += "/events.ndjson";
  return posixFileSystem().openWrite(sink, WriteMode::kTruncate);
}

// The figures of one reporting interval or of the whole run.
struct Sent {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  LatencyHistogram latency;  // from the start of making a record to the end of its write
  SteadyClock::time_point since = SteadyClock::now();

  // The form of kafka-producer-perf-test, so that its readers can read it.
  std::string line() const {
    const double seconds =
        std::max(std::chrono::duration<double>(SteadyClock::now() - since).count(), 1e-9);
    const double megabytes = static_cast<double>(bytes) / (1024 * 1024);
    return fmt::format(
        "{} records sent, {:.1f} records/sec ({:.2f} MB/sec), {:.2f} ms avg latency, "
        "{:.2f} ms max latency",
        records, static_cast<double>(records) / seconds, megabytes / seconds,
        latency.averageMillis(), latency.largestMillis());
  }
  std::string lastLine() const {
    const auto at = [this](double fraction) {
      return std::llround(latency.percentileMillis(fraction));
    };
    return fmt::format("{}, {} ms 50th, {} ms 95th, {} ms 99th, {} ms 99.9th.\n", line(), at(0.5),
                       at(0.95), at(0.99), at(0.999));
  }
};

class Producer {
 public:
  Producer(const ProducerSettings& settings, Output sink, ExpectedTotals* expected,
           const StopSignal& stop)
      : settings_(settings),
        maker_(settings.maker),
        sink_(std::move(sink)),
        expected_(expected),
        stop_(stop),
        mode_(progressModeFor(!settings.noProgress)) {
    chunk_.reserve(kChunkBytes + (kChunkBytes >> 2));
  }

  // Makes and writes everything, or as much as there was time for before a signal.
  Status run() {
    const auto total = static_cast<std::uint64_t>(settings_.count);
    // The log lines are this program's own, in the form of the last one.
    const ProgressReporter progress(
        kProgram, mode_ == ProgressMode::kLine ? mode_ : ProgressMode::kOff, [this, total] {
          const std::uint64_t written = written_.load(std::memory_order_relaxed);
          return ProgressSample{
              written, static_cast<double>(written) / static_cast<double>(total), {}};
        });
    while (made_ < total && !stop_.requested()) {
      const std::uint64_t due = dueNow(total);
      if (made_ < due) {
        makeBurst(std::min(due, made_ + kBurst));
        if (made_ < due && chunk_.size() < kChunkBytes) continue;
      }
      MILLRACE_RETURN_IF_ERROR(flush());
      if (made_ < total) waitUntilDue();
    }
    MILLRACE_RETURN_IF_ERROR(flush());
    return sink_->close();
  }

  const Sent& sent() const { return whole_; }

 private:
  double elapsed() const {
    return std::chrono::duration<double>(SteadyClock::now() - whole_.since).count();
  }

  std::uint64_t dueNow(std::uint64_t total) const {
    if (settings_.perSecond == 0) return total;
    return std::min(total, static_cast<std::uint64_t>(elapsed() * settings_.perSecond) + 1);
  }

  // Sleeping less than a millisecond costs more than it gives.
  void waitUntilDue() const {
    if (settings_.perSecond == 0) return;
    const double ahead = static_cast<double>(made_) / settings_.perSecond - elapsed();
    if (ahead > 0) stop_.sleep(std::max(ahead, 1e-3));
  }

  void makeBurst(std::uint64_t end) {
    bursts_.emplace_back(SteadyClock::now(), end - made_);
    for (; made_ < end; ++made_) {
      const MadeEvent event = maker_.append(made_, chunk_);
      chunk_ += '\n';
      if (expected_ != nullptr) expected_->add(event);
    }
  }

  Status flush() {
    if (chunk_.empty()) return okStatus();
    MILLRACE_RETURN_IF_ERROR(sink_->append(chunk_));
    const SteadyClock::time_point now = SteadyClock::now();
    for (const auto& [begun, records] : bursts_) {
      const auto micros = static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(now - begun).count());
      for (Sent* sent : {&whole_, &interval_}) {
        sent->records += records;
        sent->latency.add(micros, records);
      }
    }
    whole_.bytes += chunk_.size();
    interval_.bytes += chunk_.size();
    bursts_.clear();
    chunk_.clear();
    written_.store(whole_.records, std::memory_order_relaxed);
    reportInterval(now);
    return okStatus();
  }

  void reportInterval(SteadyClock::time_point now) {
    constexpr auto kEvery = std::chrono::seconds(5);
    if (mode_ != ProgressMode::kLog || now - interval_.since < kEvery) return;
    std::fputs((interval_.line() + ".\n").c_str(), stderr);
    interval_ = Sent{};
  }

  const ProducerSettings& settings_;
  const EventMaker maker_;
  const Output sink_;
  ExpectedTotals* const expected_;  // null: not wanted
  const StopSignal& stop_;
  const ProgressMode mode_;

  std::uint64_t made_ = 0;
  std::string chunk_;                                                      // made, not yet written
  std::vector<std::pair<SteadyClock::time_point, std::uint64_t>> bursts_;  // what is in chunk_
  Sent whole_;
  Sent interval_;
  std::atomic<std::uint64_t> written_{0};  // for the progress thread; nothing is ordered by it
};

int fail(const std::string& message) { return reportFailure(kProgram, message); }

int produce(const ProducerSettings& settings, Output sink, ExpectedTotals* totals,
            WritableFile* expectedFile) {
  const StopSignal stop;
  std::fprintf(stderr, "%s: seed %lld, events from %s on\n", kProgram,
               static_cast<long long>(settings.seed), formatUtc(settings.maker.start).c_str());
  Producer producer(settings, std::move(sink), totals, stop);
  const Status done = producer.run();
  if (!done.ok())
    return fail(fmt::format("{}; {} records were written before", messageOf(done),
                            producer.sent().records));
  std::fputs(producer.sent().lastLine().c_str(), stderr);
  if (totals == nullptr) return kDone;
  if (const Status written = totals->write(*expectedFile); !written.ok())
    return fail(messageOf(written));
  const Status closed = expectedFile->close();
  return closed.ok() ? kDone : fail(messageOf(closed));
}

int run(int argc, char** argv) {
  ProducerSettings settings;
  UnavailableSettings unavailable;
  FlagSet flags(kProgram, "Makes user events, one JSON object a line.", kExample);
  declare(flags, settings);
  declareKafkaFlags(flags, unavailable);
  ParseOutcome outcome = flags.parse(argc, argv);
  if (outcome.run) {
    const std::string complaint = resolve(flags, &settings);
    if (!complaint.empty()) outcome = flags.refuse(complaint);
  }
  if (!outcome.run) return finish(outcome);

  StatusOr<Output> sink = openSink(settings.sink);
  if (!sink.ok()) return finish(flags.refuse("--sink: " + messageOf(sink.status())));
  if (settings.expectedOut.empty()) return produce(settings, *std::move(sink), nullptr, nullptr);
  StatusOr<Output> expected =
      posixFileSystem().openWrite(settings.expectedOut, WriteMode::kTruncate);
  if (!expected.ok())
    return finish(flags.refuse("--expected-out: " + messageOf(expected.status())));
  const std::unique_ptr<ExpectedTotals> totals =
      expectedTotalsOf(settings.expectedJob, settings.window, settings.slide, settings.gap);
  return produce(settings, *std::move(sink), totals.get(), expected->get());
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
