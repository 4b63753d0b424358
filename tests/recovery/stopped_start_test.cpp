// SPDX-License-Identifier: MIT
// Jobs that are told to stop while they are still being started, the first time or after a failure.
#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include <millrace/millrace.hpp>

#include "harness/function_source.hpp"
#include "scratch.hpp"

using namespace std::chrono_literals;

namespace millrace::test {
namespace {

// A system outside that answers at first: then whoever opens it waits until the job is given up.
class Outside {
 public:
  explicit Outside(int answers) : answers_(answers) {}

  Status open(const std::stop_token& cancellation) {
    std::unique_lock lock(mutex_);
    if (answers_-- > 0) return okStatus();
    isAwaited_ = true;
    changed_.notify_all();
    changed_.wait(lock, cancellation, [] { return false; });
    return absl::CancelledError("given up");
  }

  void awaitOpening() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return isAwaited_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  int answers_;
  bool isAwaited_ = false;
};

// Fails at its first read.
class OutsideSource final : public SourceConnector<int> {
 public:
  explicit OutsideSource(std::shared_ptr<Outside> outside) : outside_(std::move(outside)) {}

  std::unique_ptr<SourceReader<int>> makeReader(std::shared_ptr<void>&,
                                                const WatermarkStrategy&) const override {
    return std::make_unique<Reader>(outside_);
  }
  std::string describe() const override { return "outside"; }

 private:
  class Reader final : public SourceReader<int> {
   public:
    explicit Reader(std::shared_ptr<Outside> outside) : outside_(std::move(outside)) {}
    Status open(OperatorContext& context) override {
      return outside_->open(context.cancellation());
    }
    StatusOr<ReadState> read(SourceOutput<int>&) override {
      return unavailableError("it went away");
    }

   private:
    const std::shared_ptr<Outside> outside_;
  };

  std::shared_ptr<Outside> outside_;
};

struct Waiting {
  explicit Waiting(int answers) : outside(std::make_shared<Outside>(answers)) {
    pipeline.source("in", OutsideSource(outside), noWatermarks()).sink("out", discard());
    options.workers = 1;
    options.checkpoints.directory = scratch / "state";
    options.restarts.firstPause = Duration(1);
  }

  Scratch scratch{Scratch::Place::kDisk};
  std::shared_ptr<Outside> outside;
  Pipeline pipeline{"waiting"};
  JobOptions options;
};

TEST_CASE("a start that waits is given up when a stop is requested") {
  Waiting waiting(0);
  std::stop_source stop;
  waiting.options.stop = stop.get_token();
  auto starting = std::async(std::launch::async,
                             [&] { return start(waiting.pipeline, waiting.options).status(); });
  waiting.outside->awaitOpening();
  stop.request_stop();
  REQUIRE(absl::IsCancelled(starting.get()));
}

TEST_CASE(
    "a stop that was requested before the start keeps it from running, and the next start goes "
    "on") {
  Collected<int> seen;
  Scratch scratch{Scratch::Place::kDisk};
  Pipeline pipeline("numbers");
  pipeline.source("in", collection(std::vector<int>{1, 2, 3}), noWatermarks())
      .sink("out", collectInto(seen));
  JobOptions options;
  options.checkpoints.directory = scratch / "state";
  std::stop_source stop;
  stop.request_stop();
  options.stop = stop.get_token();
  REQUIRE(absl::IsCancelled(start(pipeline, options).status()));
  REQUIRE(seen.size() == 0);
  options.stop = {};
  REQUIRE(run(pipeline, options).ok());
  REQUIRE(seen.size() == 3);
}

TEST_CASE("a restart that waits is given up by a stop, which is an orderly end, and by a cancel") {
  for (const std::string how : {"stop", "stop token", "cancel"}) {
    CAPTURE(how);
    Waiting waiting(1);
    std::stop_source stop;
    waiting.options.stop = stop.get_token();
    StatusOr<Job> job = start(waiting.pipeline, waiting.options);
    REQUIRE(job.ok());
    waiting.outside->awaitOpening();
    if (how == "stop") job->stop();
    if (how == "stop token") stop.request_stop();
    if (how == "cancel") job->cancel();
    const Status ended = job->wait();
    CAPTURE(ended);
    REQUIRE((how == "cancel" ? absl::IsCancelled(ended) : ended.ok()));
    REQUIRE(job->counts().restarts == 0);
  }
}

TEST_CASE("a job that is stopped in the pause before a restart ends in good order") {
  Waiting waiting(1);
  waiting.options.restarts.firstPause = waiting.options.restarts.longestPause = 24h;
  StatusOr<Job> job = start(waiting.pipeline, waiting.options);
  REQUIRE(job.ok());
  while (!job->status().empty()) std::this_thread::yield();
  job->stop();
  const Status ended = job->wait();
  CAPTURE(ended);
  REQUIRE(ended.ok());
}

TEST_CASE(
    "a stop that is requested while a job runs is an orderly one, and does not look like its end "
    "by force") {
  for (const bool isStopped : {true, false}) {
    CAPTURE(isStopped);
    std::atomic<std::uint64_t> written{0};
    std::stop_token cancellation;
    Pipeline pipeline("endless");
    pipeline
        .source("in", FunctionSource<int>([&](SourceOutput<int>& out, OperatorContext& context) {
                  cancellation = context.cancellation();
                  while (!out.isFull()) out.append(0) = 1;
                  return StatusOr<ReadState>(ReadState::kMore);
                }),
                noWatermarks())
        .sink("out", forEach([&written](const int&) { written.fetch_add(1); }));
    std::stop_source stop;
    JobOptions options;
    options.workers = 1;
    options.stop = stop.get_token();
    StatusOr<Job> job = start(pipeline, options);
    REQUIRE(job.ok());
    while (written.load() < 1'000) std::this_thread::yield();
    if (isStopped) {
      stop.request_stop();
    } else {
      job->cancel();
    }
    REQUIRE(job->wait().ok() == isStopped);
    REQUIRE(cancellation.stop_possible());
    REQUIRE(cancellation.stop_requested() == !isStopped);
    if (isStopped) REQUIRE(job->counts().recordsIn() == written.load());
  }
}

}  // namespace
}  // namespace millrace::test
