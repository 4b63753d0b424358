// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/clock.hpp>
#include <millrace/base/status.hpp>
#include <millrace/dsl/pipeline.hpp>
#include <millrace/graph/graph.hpp>
#include <millrace/job/job.hpp>
#include <millrace/runtime/batch.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::testing {

/// How a TestDriver runs its pipeline.
struct TestDriverOptions {
  std::size_t workers = 1;
  std::size_t batchSize = 1024;
  std::size_t exchangeCapacity = 8;
  /// In which order the workers get their turns: the same seed, the same run.
  std::uint64_t seed = 0;
  /// What the clock shows at the beginning.
  Timestamp now = 0;
  /// Names of sources and sinks that stay as the pipeline has them. All others are replaced.
  std::vector<std::string> keep{};
  /// False: what is sent waits until run(), so that it travels in batches and mixes.
  bool runsAtOnce = true;
};

/// A value and its event time.
template <typename T>
struct TimedValue {
  T value{};
  Timestamp time = 0;
  bool operator==(const TimedValue&) const = default;
};

template <typename T>
class TestInput;
template <typename T>
class TestOutput;

/// Runs a pipeline on the calling thread, without threads, files or waiting: its sources are fed by
/// the test, its sinks are read by the test, and time moves when the test says so. It is the engine
/// that runs in production, stepped by one seeded loop.
///
///     TestDriver driver(pipeline, {.workers = 2});
///     auto events = driver.input<Event>("events");
///     auto counts = driver.output<Row>("out");
///     events.send({"login"}, 10);
///     events.watermark(60'000);
///     REQUIRE(counts.drain() == ...);
///
/// **Thread safety**: none; a driver and its handles belong to one thread.
///
/// **Invariants**
/// 1. When a call returns, all it set off is done: outputs, counts and states tell its effect
///    (with `runsAtOnce` false: when run() returns).
/// 2. Event time is what watermark() says; a replaced source's watermark strategy has no part in
/// it.
/// 3. The same calls with the same options make the same run, down to every step.
///
/// **Errors**: a wrong name or type throws std::invalid_argument that lists the right ones. A job
/// that fails throws JobError, with the job's message, from the call that made it fail and from
/// every later one that feeds it; outputs and counts stay readable.
class TestDriver {
 public:
  /// Throws JobError when the pipeline is not valid or an operator cannot be opened.
  explicit TestDriver(const Pipeline& pipeline, TestDriverOptions options = {});
  explicit TestDriver(const Graph& graph, TestDriverOptions options = {});
  ~TestDriver();
  TestDriver(const TestDriver&) = delete;
  TestDriver& operator=(const TestDriver&) = delete;

  /// The source of this name, whose records are of type T.
  template <typename T>
  TestInput<T> input(std::string_view name) {
    return TestInput<T>(*this, findInput(name, recordTypeInfo<T>()));
  }

  /// The sink of this name, which takes records of type T.
  template <typename T>
  TestOutput<T> output(std::string_view name) {
    return TestOutput<T>(*this, findOutput(name, recordTypeInfo<T>()));
  }

  /// Moves the wall clock forward, in one go: what is due meanwhile happens at the new time.
  void advanceClock(Duration step);
  /// Sets the wall clock, which may go back.
  void setClock(Timestamp now);
  const Clock& clock() const;

  /// Steps workers, in an order drawn from the seed, until none has anything to do.
  void run();

  /// An orderly stop, as Job::stop(): nothing fires early.
  void stop();

  /// True after the end of all inputs, a stop or a failure.
  bool isFinished() const;
  /// ok while the job runs and after its good end; else why it failed.
  Status result() const;

  JobCounts counts() const;
  std::vector<TaskStatus> status() const;
  /// The account of one operator. Throws std::invalid_argument for a name that is not there.
  OperatorCounts countsOf(std::string_view operatorName) const;

  /// Stands for every step taken so far: which worker had its turn and whether it got something
  /// done.
  std::uint64_t fingerprint() const;
  std::size_t workers() const;

 private:
  template <typename T>
  friend class TestInput;
  template <typename T>
  friend class TestOutput;
  class State;

  struct Entry {
    enum class Kind : std::uint8_t { kRecord, kReject, kWatermark, kIdle, kEnd };
    Kind kind = Kind::kRecord;
    Timestamp time = 0;
    std::function<void(Batch&)> append;  // kRecord, kReject
  };
  class Source;
  class Sink;

  std::size_t findInput(std::string_view name, const RecordTypeInfo& type) const;
  std::size_t findOutput(std::string_view name, const RecordTypeInfo& type) const;
  // No worker: the record goes to worker 0, a mark to all.
  void push(std::size_t input, std::optional<std::size_t> worker, Entry entry);
  void ran();
  std::vector<BatchPtr> take(std::size_t output);

  std::unique_ptr<State> state_;
};

/// Feeds a source of a TestDriver. A handle, copied freely; the driver outlives it.
///
/// Records go to the source's instance on worker 0, unless onWorker() says otherwise; marks go to
/// all its instances. Before their first record or watermark the others are idle, as instances
/// without a split are.
template <typename T>
class TestInput {
 public:
  void send(T value, Timestamp time) {
    append(std::move(value), time);
    driver_->ran();
  }

  /// Sends many, which travel in batches as they fit.
  void sendAll(const std::vector<TimedValue<T>>& records) {
    for (const TimedValue<T>& record : records) append(record.value, record.time);
    driver_->ran();
  }

  /// A record that the source could not read: counted, and sent to the dead letters.
  void reject(std::string position, std::string reason, std::string payload) {
    push({TestDriver::Entry::Kind::kReject, 0,
          [position = std::move(position), reason = std::move(reason),
           payload = std::move(payload)](Batch& batch) {
            DeadLetter& letter = static_cast<TypedBatch<DeadLetter>&>(batch).append(0);
            letter = {letter.source, position, reason, payload};
          }});
  }

  /// "No record with this time or an earlier one is expected any more." Wakes an idle source.
  void watermark(Timestamp time) { push({TestDriver::Entry::Kind::kWatermark, time, {}}); }
  /// Time goes on without this source until it sends again.
  void idle() { push({TestDriver::Entry::Kind::kIdle, 0, {}}); }
  /// The end of the source: when all sources have come to theirs, open windows fire and the job is
  /// over.
  void end() { push({TestDriver::Entry::Kind::kEnd, 0, {}}); }

  /// The share of the source that `worker` reads: its own records, watermark, idleness and end.
  TestInput onWorker(std::size_t worker) const { return TestInput(*driver_, index_, worker); }

 private:
  friend class TestDriver;
  TestInput(TestDriver& driver, std::size_t index, std::optional<std::size_t> worker = {})
      : driver_(&driver), index_(index), worker_(worker) {}

  void append(T value, Timestamp time) {
    driver_->push(
        index_, worker_,
        {TestDriver::Entry::Kind::kRecord, time, [value = std::move(value), time](Batch& batch) {
           static_cast<TypedBatch<T>&>(batch).append(time) = value;
         }});
  }
  void push(TestDriver::Entry entry) {
    driver_->push(index_, worker_, std::move(entry));
    driver_->ran();
  }

  TestDriver* driver_;
  std::size_t index_;
  std::optional<std::size_t> worker_;
};

/// Reads a sink of a TestDriver. A handle, copied freely; the driver outlives it.
template <typename T>
class TestOutput {
 public:
  /// Takes what has come since the last drain, in the order it came.
  std::vector<TimedValue<T>> drain() {
    std::vector<TimedValue<T>> records;
    for (const BatchPtr& batch : driver_->take(index_)) {
      const auto& typed = static_cast<const TypedBatch<T>&>(*batch);
      for (std::size_t i = 0; i < typed.size(); ++i) records.push_back({typed[i], typed.time(i)});
    }
    return records;
  }

  /// The same without the event times.
  std::vector<T> values() {
    std::vector<T> values;
    for (TimedValue<T>& record : drain()) values.push_back(std::move(record.value));
    return values;
  }

 private:
  friend class TestDriver;
  TestOutput(TestDriver& driver, std::size_t index) : driver_(&driver), index_(index) {}

  TestDriver* driver_;
  std::size_t index_;
};

}  // namespace millrace::testing
