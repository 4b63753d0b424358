// SPDX-License-Identifier: MIT
#pragma once

#include "dead_letter_row.hpp"
#include "generated_events.hpp"
#include "job_settings.hpp"
#include "log_to_stderr.hpp"
#include "stop_signal.hpp"

#include <millrace/connectors/file/line_sink.hpp>
#include <millrace/connectors/file/line_source.hpp>
#include <millrace/connectors/generator/generator.hpp>
#include <millrace/connectors/kafka/kafka_sink.hpp>
#include <millrace/connectors/kafka/kafka_source.hpp>
#include <millrace/dsl/pipeline.hpp>
#include <millrace/formats/json_writer.hpp>

#include <exception>
#include <string>
#include <string_view>
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

  /// Refuses the command line when librdkafka refuses the properties, or the job depends on one
  /// that was set otherwise.
  ParseOutcome checkKafka() const;

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
        [](const DeadLetter& letter) { return std::string_view(letter.position); },
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

  /// Rows to --sink, in a topic under their windows' keys: `format` appends one to a string.
  template <typename T, typename Format>
  void results(const Stream<T>& rows, Format format) {
    end(
        settings_.sink, kResultsName, [&] { return rows; },
        [](const T& row) { return textOf(row.key); }, std::move(format));
  }

  /// What came too late, as JSON, to --late. Not asked for, it costs nothing.
  template <typename Windows>
  void late(const Windows& windows) {
    end(
        settings_.late, "late", [&] { return windows.late(); },
        [](const auto& event) { return std::string_view(event.userId); },
        [](const auto& event, std::string& out) { writeJson(event, out); });
  }

 private:
  static std::string_view textOf(std::string_view key) { return key; }
  static std::string textOf(int key) { return std::to_string(key); }

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
        return pipeline_.source(kSourceName, kafka<Event>(kafkaSource()), watermarks());
      case SourceSpec::Kind::kGenerate:
        break;
    }
    GeneratorOptions options;
    options.count = static_cast<std::uint64_t>(settings_.source.events);
    return pipeline_.source(kSourceName, generator<Event>(GeneratedEvents<Event>(), options),
                            watermarks().timestamps(&Event::timestamp));
  }

  KafkaSourceOptions kafkaSource() const;
  KafkaSinkOptions kafkaSink(const std::string& topic) const;

  // `stream` is a function, because asking for some outputs changes the pipeline. `keyOf` tells the
  // key under which a row goes to a topic.
  template <typename StreamOf, typename KeyOf, typename Format>
  void end(const SinkSpec& sink, const char* name, StreamOf stream, KeyOf keyOf, Format format) {
    if (sink.kind == SinkSpec::Kind::kStdout) stream().sink(name, toStdout(std::move(format)));
    if (sink.kind == SinkSpec::Kind::kDirectory)
      stream().sink(name, toFiles(sink.directory, std::move(format)));
    if (sink.kind != SinkSpec::Kind::kKafka) return;
    stream().sink(
        name, toKafka(kafkaSink(sink.topic), [keyOf, format](const auto& row, KafkaRecord& out) {
          out.setKey(keyOf(row));
          format(row, out.value);
        }));
  }

  Pipeline pipeline_;
  JobSettings settings_;
};

/// Runs the pipeline to its end or to a signal, with progress on stderr and the
/// summary at the end. Returns the program's exit code.
int runJobProgram(const JobProgram& program, const JobCommandLine& line, StopSignal& signals);

/// The whole of a job's `main`: `build` describes it between its ends.
template <typename Build>
int jobMain(const JobKind& kind, int argc, char** argv, Build build) {
  try {
    const JobCommandLine line = parseJobCommandLine(kind, argc, argv);
    if (!line.outcome.run) return finish(line.outcome);
    const LogToStderr shown(kind.program, line.settings.logLevel);
    if (usesKafka(line.settings)) logKafkaSettings(line.settings.kafka);
    StopSignal signals;
    JobProgram program(kind.program, line.settings);
    if (const ParseOutcome outcome = program.checkKafka(); !outcome.run) return finish(outcome);
    build(program);
    return runJobProgram(program, line, signals);
  } catch (const std::exception& error) {
    return reportFailure(kind.program, error.what());
  }
}

}  // namespace millrace::examples
