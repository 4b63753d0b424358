// SPDX-License-Identifier: MIT
#pragma once

#include "dead_letter_row.hpp"
#include "generated_events.hpp"
#include "job_settings.hpp"
#include "log_to_stderr.hpp"

#include <millrace/connectors/file/line_sink.hpp>
#include <millrace/connectors/file/line_source.hpp>
#include <millrace/connectors/generator/generator.hpp>
#include <millrace/dsl/pipeline.hpp>
#include <millrace/formats/json_writer.hpp>

#include <exception>
#include <string>
#include <utility>

namespace millrace::examples {

/// The names of the operators every job has; the summary looks them up.
inline constexpr const char* kSourceName = "events";
inline constexpr const char* kResultsName = "results";

/// One pipeline between the ends its command line names. A job puts its own verbs
/// between `events()` and `results()`.
///
/// Thread safety: none.
class JobProgram {
 public:
  JobProgram(std::string name, JobSettings settings)
      : pipeline_(std::move(name)), settings_(std::move(settings)) {}

  const JobSettings& settings() const { return settings_; }
  const Pipeline& pipeline() const { return pipeline_; }
  Pipeline& pipeline() { return pipeline_; }

  /// Event time as the flags have it.
  WatermarkStrategy watermarks() const {
    const WatermarkStrategy strategy = boundedOutOfOrderness(settings_.outOfOrderness);
    const bool idles = settings_.idleTimeout > Duration(0);
    return idles ? strategy.withIdleness(settings_.idleTimeout) : strategy;
  }

  /// The events of --source; what is invalid goes where --dead-letters says.
  template <Described Event>
  Stream<Event> events() {
    const SourceStream<Event> stream = open<Event>().onInvalid(
        settings_.onInvalid == "fail" ? OnInvalid::kFail : OnInvalid::kSkip);
    end(
        settings_.deadLetters, "dead-letters", [&] { return stream.deadLetters(); },
        [](const DeadLetter& letter, std::string& out) { appendDeadLetter(out, letter); });
    return stream;
  }

  /// Calls `then` with the keyed stream cut into windows as --window, --slide and
  /// --allowed-lateness say. Tumbling windows and windows that fire once are types of
  /// their own, with the faster code; the flags choose between the four.
  template <typename Keyed, typename Then>
  void inWindows(const Keyed& keyed, Then then) const {
    if (settings_.slide == settings_.window)
      withLateness(keyed.window(tumbling(settings_.window)), then);
    else
      withLateness(keyed.window(sliding(settings_.window, settings_.slide)), then);
  }

  /// The same for sessions, as --gap and --allowed-lateness say.
  template <typename Keyed, typename Then>
  void inSessions(const Keyed& keyed, Then then) const {
    withLateness(keyed.window(session(settings_.gap)), then);
  }

  /// Rows to --sink: `format` appends one to a string.
  template <typename T, typename Format>
  void results(const Stream<T>& rows, Format format) {
    end(
        settings_.sink, kResultsName, [&] { return rows; }, std::move(format));
  }

  /// What came too late, as JSON, to --late. Not asked for, it costs nothing.
  template <typename Windows>
  void late(const Windows& windows) {
    end(
        settings_.late, "late", [&] { return windows.late(); },
        [](const auto& event, std::string& out) { writeJson(event, out); });
  }

 private:
  template <typename Windowed, typename Then>
  void withLateness(const Windowed& windowed, Then then) const {
    if (settings_.allowedLateness > Duration(0))
      then(windowed.allowedLateness(settings_.allowedLateness));
    else
      then(windowed);
  }

  template <Described Event>
  SourceStream<Event> open() {
    switch (settings_.source.kind) {
      case SourceSpec::Kind::kFile:
        return pipeline_.source(kSourceName, file<Event>(settings_.source.path), watermarks());
      case SourceSpec::Kind::kStdin:
        return pipeline_.source(kSourceName, standardInput<Event>(), watermarks());
      case SourceSpec::Kind::kKafka:
        throw JobError("reading from Kafka is not available in this version");
      case SourceSpec::Kind::kGenerate:
        break;
    }
    GeneratorOptions options;
    options.count = static_cast<std::uint64_t>(settings_.source.events);
    return pipeline_.source(kSourceName, generator<Event>(GeneratedEvents<Event>(), options),
                            watermarks().timestamps(&Event::timestamp));
  }

  // `stream` is a function, because asking for some outputs changes the pipeline.
  template <typename StreamOf, typename Format>
  void end(const SinkSpec& sink, const char* name, StreamOf stream, Format format) {
    if (sink.kind == SinkSpec::Kind::kStdout) stream().sink(name, toStdout(std::move(format)));
    if (sink.kind == SinkSpec::Kind::kDirectory)
      stream().sink(name, toFiles(sink.directory, std::move(format)));
    if (sink.kind == SinkSpec::Kind::kKafka)
      throw JobError("writing to Kafka is not available in this version");
  }

  Pipeline pipeline_;
  JobSettings settings_;
};

/// Runs the pipeline to its end or to a signal, with progress on stderr and the
/// summary at the end. Returns the program's exit code.
int runJobProgram(const JobProgram& program, const JobCommandLine& line);

/// The whole of a job's `main`: `build` describes it between its ends.
template <typename Build>
int jobMain(const JobKind& kind, int argc, char** argv, Build build) {
  try {
    const JobCommandLine line = parseJobCommandLine(kind, argc, argv);
    if (!line.outcome.run) return finish(line.outcome);
    const LogToStderr shown(kind.program, line.settings.logLevel);
    if (usesKafka(line.settings)) logKafkaSettings(line.settings.kafka);
    JobProgram program(kind.program, line.settings);
    build(program);
    return runJobProgram(program, line);
  } catch (const std::exception& error) {
    return reportFailure(kind.program, error.what());
  }
}

}  // namespace millrace::examples
