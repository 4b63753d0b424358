// SPDX-License-Identifier: MIT
#include "job_program.hpp"

#include "lag.hpp"
#include "progress.hpp"
#include "stop_signal.hpp"
#include "summary.hpp"

#include <millrace/base/file_system.hpp>
#include <millrace/connectors/file/input_files.hpp>
#include <millrace/job/job.hpp>

#include <fmt/format.h>
#include <stdlib.h>  // mkdtemp

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace millrace::examples {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::string messageOf(const Status& status) {
  const auto message = status.message();
  return std::string(message.data(), message.size());
}

Summary summaryOf(const JobCounts& counts, SteadyClock::time_point begun) {
  Summary summary;
  for (const OperatorCounts& each : counts.operators) {
    if (each.kind == NodeKind::kSource) summary.recordsIn += static_cast<std::int64_t>(each.in);
    if (each.name == kResultsName) summary.recordsOut += static_cast<std::int64_t>(each.in);
  }
  summary.invalid = static_cast<std::int64_t>(counts.invalid());
  summary.late = static_cast<std::int64_t>(counts.late());
  summary.latePartial = static_cast<std::int64_t>(counts.latePartial());
  summary.filtered = static_cast<std::int64_t>(counts.filtered());
  summary.checkpoints = static_cast<std::int64_t>(counts.checkpoints);
  summary.restarts = static_cast<std::int64_t>(counts.restarts);
  summary.elapsedSeconds = std::chrono::duration<double>(SteadyClock::now() - begun).count();
  return summary;
}

// How much there is to read, where that can be known.
class Extent {
 public:
  explicit Extent(const SourceSpec& source) {
    if (source.kind == SourceSpec::Kind::kGenerate)
      records_ = static_cast<std::uint64_t>(source.events);
    if (source.kind != SourceSpec::Kind::kFile) return;
    const StatusOr<std::vector<InputFile>> files = findInputFiles(posixFileSystem(), source.path);
    if (!files.ok()) return;
    for (const InputFile& each : *files) {
      if (each.kind != InputKind::kPlain) {
        bytes_ = 0;
        return;
      }
      bytes_ += each.size;
    }
  }

  std::optional<double> fractionOf(std::uint64_t records, std::uint64_t bytes) const {
    if (records_ > 0) return static_cast<double>(records) / static_cast<double>(records_);
    if (bytes_ > 0) return static_cast<double>(bytes) / static_cast<double>(bytes_);
    return std::nullopt;
  }

 private:
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
};

// Of the topics that are read; none for other sources.
std::vector<SplitProgress> partitionsOf(const Job& job) {
  std::vector<SplitProgress> partitions;
  for (SplitStatus& split : job.splits()) partitions.push_back(std::move(split.progress));
  sortPartitions(partitions);
  return partitions;
}

ProgressSample sampleOf(const Job& job, const Extent& extent) {
  const JobCounts counts = job.counts();
  ProgressSample sample;
  sample.records = counts.recordsIn();
  sample.fraction = extent.fractionOf(sample.records, counts.bytesIn());
  if (counts.invalid() > 0) sample.note = fmt::format("{} invalid", counts.invalid());
  if (counts.late() > 0)
    sample.note += fmt::format("{}{} late", sample.note.empty() ? "" : "  ", counts.late());
  const std::vector<SplitProgress> partitions = partitionsOf(job);
  if (!partitions.empty()) sample.note += (sample.note.empty() ? "" : "  ") + lagNote(partitions);
  if (const std::string last = lagDetail(partitions); !last.empty())
    sample.detail = "furthest behind " + last;
  return sample;
}

ProgressMode progressModeOf(const JobSettings& settings) {
  const ProgressMode mode = progressModeFor(!settings.noProgress && settings.logLevel != "error");
  // Rows that scroll through the same terminal would be torn by a live line.
  const bool torn = settings.sink.kind == SinkSpec::Kind::kStdout && isTerminal(stdout);
  return mode == ProgressMode::kLine && torn ? ProgressMode::kOff : mode;
}

void say(const JobProgram& program, const std::string& message) {
  std::fprintf(stderr, "%s: %s\n", program.pipeline().graph().name().c_str(), message.c_str());
}

void sayBefore(const JobProgram& program, const JobCommandLine& line) {
  const JobSettings& settings = program.settings();
  if (settings.logLevel == "debug") std::fputs(program.pipeline().explain().c_str(), stderr);
  if (settings.logLevel == "error" || settings.logLevel == "warn") return;
  for (const std::string& notice : line.notices) say(program, notice);
  if (settings.source.kind == SourceSpec::Kind::kStdin && isTerminal(stdin))
    say(program, "reading events from the terminal (Ctrl-D ends them; --help shows other sources)");
}

// A directory of its own for state that is not kept: gone when the run is over.
class PassingDirectory {
 public:
  PassingDirectory() = default;
  ~PassingDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  PassingDirectory(const PassingDirectory&) = delete;
  PassingDirectory& operator=(const PassingDirectory&) = delete;

  Status make() {
    std::error_code error;
    std::string pattern =
        (std::filesystem::temp_directory_path(error) / "millrace-state-XXXXXX").string();
    if (error || ::mkdtemp(pattern.data()) == nullptr)
      return absl::ResourceExhaustedError(
          "--state rocksdb: cannot make a directory for temporary files (set TMPDIR or "
          "--checkpoint-dir)");
    path_ = pattern;
    return absl::OkStatus();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

JobOptions optionsFor(const JobSettings& settings) {
  JobOptions options;
  options.workers = static_cast<std::size_t>(settings.workers);
  options.batchSize = static_cast<std::size_t>(settings.batchSize);
  options.checkpoints.directory = settings.checkpointDir;
  options.checkpoints.interval = settings.checkpointInterval;
  options.checkpoints.retained = static_cast<std::size_t>(settings.retainCheckpoints);
  options.checkpoints.allowUnclaimedState = settings.allowUnclaimedState;
  options.checkpoints.fromSavepoint = settings.fromSavepoint;
  if (settings.state == "rocksdb") options.checkpoints.backend = StateBackend::kRocksDb;
  options.checkpoints.memoryBytes = static_cast<std::size_t>(settings.stateMemoryMebibytes) << 20;
  return options;
}

// The first directory of its kind that is not there yet.
std::string nextSavepoint(const std::string& below) {
  for (int number = 1;; ++number) {
    std::string path = fmt::format("{}/savepoint-{:04}", below, number);
    if (!posixFileSystem().stat(path).ok()) return path;
  }
}

// What signals do to a job, also while it is still being started.
class SignalsToJob {
 public:
  SignalsToJob(StopSignal& signals, const JobProgram& program)
      : signals_(signals), program_(program), onStop_(signals.token(), [this] { stopJob(); }) {
    if (takesSavepoints()) signals_.onUserSignal([this] { takeSavepoint(); });
  }
  ~SignalsToJob() {
    if (takesSavepoints()) signals_.onUserSignal({});
  }
  SignalsToJob(const SignalsToJob&) = delete;
  SignalsToJob& operator=(const SignalsToJob&) = delete;

  /// For JobOptions::stop.
  std::stop_token token() const { return stop_.get_token(); }
  /// It has been started. REQUIRES: it outlives this.
  void jobIs(Job& job) { job_.store(&job); }

 private:
  bool takesSavepoints() const { return !program_.settings().savepointDir.empty(); }

  void stopJob() {
    if (takesSavepoints()) takeSavepoint();
    stop_.request_stop();
  }

  void takeSavepoint() {
    Job* const job = job_.load();
    if (job == nullptr)
      return say(program_, "no savepoint is written: the job has not started yet");
    const std::string path = nextSavepoint(program_.settings().savepointDir);
    const Status written = job->savepoint(path);
    say(program_, written.ok() ? "savepoint written: " + path : messageOf(written));
  }

  StopSignal& signals_;
  const JobProgram& program_;
  std::atomic<Job*> job_{nullptr};
  std::stop_source stop_;
  const std::stop_callback<std::function<void()>> onStop_;  // goes first
};

void sayAfter(const JobProgram& program, const Summary& summary, bool stopped) {
  if (program.settings().logLevel == "error" || program.settings().logLevel == "warn") return;
  say(program, fmt::format("{}{} records in, {} rows out, {} invalid, {} late in {:.2f} s",
                           stopped ? "stopped; " : "", summary.recordsIn, summary.recordsOut,
                           summary.invalid, summary.late, summary.elapsedSeconds));
}

// A signal came while the job was waiting for what it needs: it is as if it had not been called.
int endBeforeStart(const JobProgram& program, SummaryFile& file) {
  const Summary nothing;
  const Status written = file.write(nothing);
  if (!written.ok()) return reportFailure(program.pipeline().graph().name(), messageOf(written));
  sayAfter(program, nothing, true);
  return kDone;
}

}  // namespace

KafkaSourceOptions JobProgram::kafkaSource() const {
  KafkaSourceOptions options;
  options.settings = settings_.kafka;
  const std::string& named = settings_.source.topic;
  if (named.starts_with('^')) {
    options.topicPattern = named.substr(1);
  } else {
    for (std::size_t from = 0; from <= named.size();) {
      const std::size_t comma = std::min(named.find(',', from), named.size());
      options.topics.push_back(named.substr(from, comma - from));
      from = comma + 1;
    }
  }
  options.groupId = settings_.groupId;
  if (settings_.start == "committed") options.start = KafkaStart::committed();
  if (settings_.start == "latest") options.start = KafkaStart::latest();
  if (settings_.bounded) options.until = KafkaEnd::latest();
  return options;
}

KafkaSinkOptions JobProgram::kafkaSink(const std::string& topic) const {
  KafkaSinkOptions options;
  options.settings = settings_.kafka;
  options.topic = topic;
  const bool isExactlyOnce = settings_.delivery == "exactly-once";
  options.delivery = isExactlyOnce ? KafkaDelivery::kExactlyOnce : KafkaDelivery::kAtLeastOnce;
  // Who reads for two purposes computes for two: their results must not shut each other out.
  options.applicationId = settings_.groupId;
  return options;
}

ParseOutcome JobProgram::checkKafka() const {
  Status checked;
  if (settings_.source.kind == SourceSpec::Kind::kKafka) checked = checkKafkaSource(kafkaSource());
  for (const SinkSpec* sink : {&settings_.sink, &settings_.deadLetters, &settings_.late}) {
    if (!checked.ok() || sink->kind != SinkSpec::Kind::kKafka) continue;
    KafkaSinkOptions options = kafkaSink(sink->topic);
    if (settings_.checkpointDir.empty()) options.delivery = KafkaDelivery::kAtLeastOnce;
    checked = checkKafkaSink(options, pipeline_.graph().name(), settings_.checkpointInterval);
  }
  ParseOutcome outcome;
  outcome.run = checked.ok();
  if (checked.ok()) return outcome;
  outcome.exitCode = kWrongCommandLine;
  outcome.error = fmt::format("{}: --kafka: {}", pipeline_.graph().name(), messageOf(checked));
  for (const auto& [property, flag] :
       {std::pair("'group.id'", "--group-id"), std::pair("'auto.offset.reset'", "--start")})
    if (outcome.error.find(property) != std::string::npos)
      outcome.error += fmt::format("; {} is for that", flag);
  outcome.error += '\n';
  return outcome;
}

int runJobProgram(const JobProgram& program, const JobCommandLine& line, StopSignal& signals) {
  const JobSettings& settings = program.settings();
  const std::string& name = program.pipeline().graph().name();
  StatusOr<SummaryFile> summaryFile = SummaryFile::open(settings.summary);
  if (!summaryFile.ok()) {
    say(program, "--summary: " + messageOf(summaryFile.status()));
    return kWrongCommandLine;
  }
  if (const Status sound = program.pipeline().build(); !sound.ok())
    return reportFailure(name, messageOf(sound));
  sayBefore(program, line);

  const Extent extent(settings.source);
  const SteadyClock::time_point begun = SteadyClock::now();
  JobOptions options = optionsFor(settings);
  PassingDirectory passing;
  if (options.checkpoints.backend == StateBackend::kRocksDb &&
      options.checkpoints.directory.empty()) {
    if (const Status made = passing.make(); !made.ok()) return reportFailure(name, messageOf(made));
    options.checkpoints.directory = passing.path();
  }
  std::optional<Job> job;
  SignalsToJob stop(signals, program);
  options.stop = stop.token();
  StatusOr<Job> started = start(program.pipeline(), options);
  if (absl::IsCancelled(started.status())) return endBeforeStart(program, *summaryFile);
  if (!started.ok()) return reportFailure(name, messageOf(started.status()));
  job.emplace(*std::move(started));
  stop.jobIs(*job);
  const std::uint64_t before = job->counts().recordsIn();
  Status done;
  {
    const ProgressReporter progress(name, progressModeOf(settings),
                                    [&] { return sampleOf(*job, extent); });
    done = job->wait();
  }
  Summary summary = summaryOf(job->counts(), begun);
  summary.recordsBefore = static_cast<std::int64_t>(before);
  summary.partitions = partitionsOf(*job);
  const Status written = summaryFile->write(summary);
  if (!done.ok()) return reportFailure(name, messageOf(done));
  if (!written.ok()) return reportFailure(name, messageOf(written));
  sayAfter(program, summary, signals.requested());
  return kDone;
}

}  // namespace millrace::examples
