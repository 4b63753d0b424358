// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <millrace/connectors/collection/collection.hpp>
#include <millrace/connectors/generator/generator.hpp>
#include <millrace/dsl/pipeline.hpp>
#include <millrace/job/job.hpp>

#include "harness/function_source.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using test::endlessNumbers;
using test::FunctionSource;
using test::numbersThenSilence;

// A gate that one thread opens and others wait at.
class Gate {
 public:
  void open() {
    std::lock_guard lock(mutex_);
    isOpen_ = true;
    condition_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    condition_.wait(lock, [&] { return isOpen_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool isOpen_ = false;
};

JobOptions workers(std::size_t count, std::size_t batchSize = 1024) {
  JobOptions options;
  options.workers = count;
  options.batchSize = batchSize;
  return options;
}

std::vector<int> upTo(int count) {
  std::vector<int> values;
  for (int i = 0; i < count; ++i) values.push_back(i);
  return values;
}

OperatorCounts countsOf(const JobCounts& counts, const std::string& name) {
  for (const OperatorCounts& each : counts.operators) {
    if (each.name == name) return each;
  }
  FAIL("no operator " << name);
  return {};
}

Pipeline numbers() {
  Pipeline pipeline("numbers");
  pipeline.source("in", collection(upTo(10)), noWatermarks()).sink("out", discard());
  return pipeline;
}

TEST_CASE("options out of range are refused, with the range") {
  struct Case {
    std::string says;
    JobOptions options;
  };
  std::vector<Case> cases(7);
  cases[0].says = "workers: 257 (at most 256)";
  cases[0].options.workers = 257;
  cases[1].says = "batchSize: 0 (between 1 and 65536)";
  cases[1].options.batchSize = 0;
  cases[2].says = "batchSize: 65537 (between 1 and 65536)";
  cases[2].options.batchSize = 65'537;
  cases[3].says = "exchangeCapacity: 1 (between 2 and 65536)";
  cases[3].options.exchangeCapacity = 1;
  cases[4].says = "exchangeCapacity: 18446744073709551615 (between 2 and 65536)";
  cases[4].options.exchangeCapacity = SIZE_MAX;
  cases[5].says = "keyGroups: 0 (between 1 and 32768)";
  cases[5].options.keyGroups = 0;
  cases[6].says = "workers: 4 (at most one a key group, of which there are 3)";
  cases[6].options.workers = 4;
  cases[6].options.keyGroups = 3;
  for (const Case& each : cases) {
    const Status status = run(numbers(), each.options);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(std::string(status.message()) == each.says);
  }
}

TEST_CASE("options at the ends of their ranges are taken") {
  for (const std::size_t batchSize : {std::size_t{1}, std::size_t{65'536}}) {
    JobOptions options = workers(3, batchSize);
    options.exchangeCapacity = 2;
    options.keyGroups = 3;
    REQUIRE(run(numbers(), options).ok());
  }
}

TEST_CASE("a pipeline that is not valid does not start") {
  Pipeline pipeline("empty");
  REQUIRE(absl::IsInvalidArgument(start(pipeline).status()));
}

TEST_CASE("a stopped job lets what is on its way reach the sinks and fires no window early") {
  Collected<int> seen;
  Pipeline pipeline("stop");
  auto in = pipeline.source("in", numbersThenSilence(100), boundedOutOfOrderness(0ms));
  in.sink("seen", collectInto(seen));
  auto byParity = in.keyBy([](const int& n) { return n % 2; });
  Collected<WindowResult<int, std::int64_t>> results;
  byParity.window(tumbling(1h)).aggregate("per-hour", count()).sink("out", collectInto(results));
  for (const std::size_t count : {1U, 2U}) {
    StatusOr<Job> job = start(pipeline, workers(count));
    REQUIRE(job.ok());
    while (seen.size() < 100) std::this_thread::yield();
    job->stop();
    REQUIRE(job->wait().ok());
    REQUIRE(job->isFinished());
    REQUIRE(results.size() == 0);
    const OperatorCounts windows = countsOf(job->counts(), "per-hour");
    REQUIRE(windows.in == 100);
    REQUIRE(windows.absorbed == 100);
    REQUIRE(windows.held == 100);
    REQUIRE(windows.out == 0);
    REQUIRE(job->wait().ok());  // again: the same answer
    seen.drain();
  }
}

TEST_CASE("stopping an endless source ends the job, and what was read has been written") {
  std::atomic<std::uint64_t> written{0};
  Pipeline pipeline("endless");
  pipeline.source("in", endlessNumbers(), boundedOutOfOrderness(0ms))
      .keyBy([](const int& n) { return n % 7; })
      .process<int>("pass",
                    [](const int& n, ProcessContext<int, int>& context) { context.emit(n); })
      .sink("out", forEach([&written](const int&) { written.fetch_add(1); }));
  StatusOr<Job> job = start(pipeline, workers(2));
  REQUIRE(job.ok());
  while (written.load() < 10'000) std::this_thread::yield();
  job->stop();
  REQUIRE(job->wait().ok());
  REQUIRE(job->counts().recordsIn() == written.load());
  REQUIRE(job->counts().recordsOut() == written.load());
}

TEST_CASE("a cancelled job says so, at once, from any thread") {
  Pipeline pipeline("cancel");
  pipeline.source("in", endlessNumbers(), noWatermarks()).sink("out", discard());
  StatusOr<Job> job = start(pipeline, workers(2));
  REQUIRE(job.ok());
  std::thread canceller([&] { job->cancel(); });
  const Status status = job->wait();
  canceller.join();
  REQUIRE(absl::IsCancelled(status));
}

TEST_CASE("a job destroyed while it runs is stopped first") {
  std::atomic<int> seen{0};
  Pipeline pipeline("destroyed");
  pipeline.source("in", endlessNumbers(), noWatermarks())
      .keyBy([](const int& n) { return n; })
      .process<int>("pass",
                    [](const int& n, ProcessContext<int, int>& context) { context.emit(n); })
      .sink("out", forEach([&seen](const int&) { seen.fetch_add(1); }));
  {
    StatusOr<Job> job = start(pipeline, workers(2, 16));
    REQUIRE(job.ok());
    while (seen.load() < 100) std::this_thread::yield();
  }
  const int after = seen.load();
  std::this_thread::yield();
  REQUIRE(seen.load() == after);
}

TEST_CASE("several jobs run in one process at once, also of one pipeline") {
  Pipeline pipeline("many");
  Collected<WindowResult<int, std::int64_t>> results;
  pipeline.source("in", collection(upTo(1000)), noWatermarks())
      .keyBy([](const int& n) { return n % 10; })
      .window(global())
      .aggregate("count", count())
      .sink("out", collectInto(results));
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < 4; ++i) {
    StatusOr<Job> job = start(pipeline, workers(i % 2 + 1, 64));
    REQUIRE(job.ok());
    jobs.push_back(*std::move(job));
  }
  for (Job& job : jobs) REQUIRE(job.wait().ok());
  REQUIRE(results.size() == 40);
  for (const auto& result : results.values()) REQUIRE(result.value == 100);
}

TEST_CASE("one job that fails leaves the others alone") {
  Pipeline bad("bad");
  bad.source("in", collection(upTo(10)), noWatermarks())
      .peek([](const int&) { throw std::runtime_error("no"); })
      .sink("out", discard());
  Pipeline good = numbers();
  StatusOr<Job> failing = start(bad, workers(1));
  StatusOr<Job> running = start(good, workers(1));
  REQUIRE(absl::IsAborted(failing->wait()));
  REQUIRE(running->wait().ok());
}

TEST_CASE("a sink that does not keep up holds the source back, within the limits of the queues") {
  Gate gate;
  std::atomic<bool> isWaiting{false};
  Pipeline pipeline("slow");
  pipeline.source("in", endlessNumbers(), noWatermarks())
      .keyBy([](const int& n) { return n; })
      .process<int>("pass",
                    [](const int& n, ProcessContext<int, int>& context) { context.emit(n); })
      .named("pass")
      .sink("slow", forEach([&](const int&) {
              isWaiting.store(true);
              gate.wait();
            }));
  JobOptions options = workers(2, 8);
  options.exchangeCapacity = 4;
  StatusOr<Job> job = start(pipeline, options);
  REQUIRE(job.ok());
  while (!isWaiting.load()) std::this_thread::yield();
  // Both workers stand at the gate, or are held back by the one that does, before long.
  std::uint64_t before = 0;
  for (std::uint64_t now = 1; now != before; now = job->counts().recordsIn()) {
    before = now;
    std::this_thread::sleep_for(20ms);
  }
  for (const TaskStatus& task : job->status()) CHECK(task.queued <= task.queueLimit);
  // Whatever is read lies in a channel or in an open batch, of which there are few.
  CHECK(before <= 8 * (4 * 4 + 4 * 12));
  job->stop();
  gate.open();
  REQUIRE(job->wait().ok());
  REQUIRE(job->counts().recordsIn() == job->counts().recordsOut());
}

// Counts how often it is looked at: workers do so once a pass.
class CountingClock final : public Clock {
 public:
  std::int64_t now() const override {
    looks_.fetch_add(1, std::memory_order_relaxed);
    return systemClock().now();
  }
  std::int64_t monotonicNanos() const override { return systemClock().monotonicNanos(); }
  std::uint64_t looks() const { return looks_.load(); }

 private:
  mutable std::atomic<std::uint64_t> looks_{0};
};

// True when before long there are some milliseconds in which no worker turns; one that spins turns
// thousands of times in as many, and never stops.
bool fallsAsleep(const CountingClock& clock) {
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t before = clock.looks();
    std::this_thread::sleep_for(20ms);
    if (clock.looks() == before) return true;
  }
  return false;
}

TEST_CASE("a job with nothing to do sleeps") {
  CountingClock clock;
  Collected<int> seen;
  Pipeline pipeline("idle");
  pipeline.source("in", numbersThenSilence(10), boundedOutOfOrderness(0ms).withIdleness(1ms))
      .keyBy([](const int& n) { return n; })
      .process<int>("pass",
                    [](const int& n, ProcessContext<int, int>& context) { context.emit(n); })
      .sink("out", collectInto(seen));
  JobOptions options = workers(2);
  options.clock = &clock;
  StatusOr<Job> job = start(pipeline, options);
  REQUIRE(job.ok());
  while (seen.size() < 10) std::this_thread::yield();
  REQUIRE(fallsAsleep(clock));
  job->stop();
  REQUIRE(job->wait().ok());
}

TEST_CASE("a job whose sink does not keep up sleeps too, whatever deadlines its source has") {
  Gate gate;
  CountingClock clock;
  std::atomic<bool> isWaiting{false};
  Pipeline pipeline("held-back");
  pipeline
      .source("in",
              FunctionSource<int>(
                  [](SourceOutput<int>& out, OperatorContext&) {
                    while (!out.isFull()) out.append(0) = 5;
                    return ReadState::kMore;
                  },
                  [] { return Timestamp{0}; }),
              boundedOutOfOrderness(0ms).withIdleness(1ms))
      .filter([](const int&) { return true; })
      .keyBy([](const int& n) { return n; })
      .process<int>("pass",
                    [](const int& n, ProcessContext<int, int>& context) { context.emit(n); })
      .sink("slow", forEach([&](const int&) {
              isWaiting.store(true);
              gate.wait();
            }));
  JobOptions options = workers(2, 4);
  options.keyGroups = 2;  // of which key 5 is in the second worker's
  options.clock = &clock;
  StatusOr<Job> job = start(pipeline, options);
  REQUIRE(job.ok());
  while (!isWaiting.load()) std::this_thread::yield();
  const bool slept = fallsAsleep(clock);
  job->stop();
  gate.open();
  REQUIRE(job->wait().ok());
  REQUIRE(slept);
}

TEST_CASE("a generator's records are the same for any number of workers, and its rate is kept") {
  for (const std::size_t count : {1U, 2U, 4U}) {
    Collected<int> seen;
    Pipeline pipeline("generated");
    GeneratorOptions generated;
    generated.count = 100;
    generated.rate = 1e6;
    pipeline
        .source("in",
                generator<int>([](std::uint64_t i) { return static_cast<int>(i); }, generated),
                noWatermarks())
        .sink("out", collectInto(seen));
    REQUIRE(run(pipeline, workers(count)).ok());
    std::vector<int> values = seen.values();
    std::sort(values.begin(), values.end());
    REQUIRE(values == upTo(100));
  }
}

// Two types whose names for people are the same, and which are nothing alike.
template <typename Plumbing>
struct Holding {
  typename Plumbing::Value value{};
};
namespace words {
struct Hash {
  using Value = std::string;
};
}  // namespace words
namespace amounts {
struct Hash {
  using Value = std::array<std::int64_t, 64>;
};
}  // namespace amounts

TEST_CASE("types that are shown by the same name do not share batches") {
  using Word = Holding<words::Hash>;
  using Number = Holding<amounts::Hash>;
  REQUIRE(typeName<Word>() == typeName<Number>());
  std::atomic<std::int64_t> sum{0};
  Pipeline pipeline("alike");
  pipeline.source("in", collection(upTo(500)), noWatermarks())
      .map([](const int& n) { return Word{std::string(100, 'x') + std::to_string(n)}; })
      .map([](const Word& in) {
        Number out;
        out.value.fill(std::stoll(in.value.substr(100)));
        return out;
      })
      .map([](const Number& in) { return Word{std::to_string(in.value[63])}; })
      .sink("out", forEach([&sum](const Word& in) { sum.fetch_add(std::stoll(in.value)); }));
  REQUIRE(run(pipeline, workers(1, 16)).ok());
  REQUIRE(sum.load() == 499 * 500 / 2);
}

}  // namespace
}  // namespace millrace
