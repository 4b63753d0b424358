// SPDX-License-Identifier: MIT
// Jobs on real disks and threads that fail, stop and go on.
#include <catch2/catch.hpp>

#include <millrace/checkpoint/checkpoint_reader.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include <millrace/connectors/file/line_sink.hpp>
#include <millrace/millrace.hpp>

#include "pipeline/sales.hpp"
#include "recovery/part_files.hpp"

using namespace std::chrono_literals;

namespace millrace::test {
namespace {

constexpr std::uint64_t kRecords = 4'000;

// Counts each shop's sales; throws where it is told to.
struct Counting {
  std::shared_ptr<std::atomic<int>> failures;  // how many times still
  std::shared_ptr<std::atomic<std::uint64_t>> seen =
      std::make_shared<std::atomic<std::uint64_t>>(0);
  std::uint64_t every = 1'500;  // so many records may be good, the next one fails
  ValueState<std::int64_t> count{};

  void open(StateContext& states) { count = states.value<std::int64_t>("count"); }
  void process(const Sale&, ProcessContext<std::string, std::string>& context) {
    if (seen->fetch_add(1) % every == every - 1 && failures->fetch_sub(1) > 0)
      throw std::runtime_error("it happens");
    count.update([](std::int64_t& n) { ++n; });
    context.emit(context.key() + " " + std::to_string(*count.get()));
  }
};

struct Shop {
  explicit Shop(int failures = 0, double rate = 20'000, std::uint64_t every = 1'500)
      : counting{std::make_shared<std::atomic<int>>(failures)} {
    counting.every = every;
    GeneratorOptions generated;
    generated.count = kRecords;
    generated.rate = rate;
    pipeline
        .source("sales", generator<Sale>(saleAt, generated),
                boundedOutOfOrderness(kDisorder).timestamps(&Sale::time))
        .keyBy(&Sale::shop)
        .process<std::string>("counting", counting)
        .sink("out", toFiles(scratch / "out"));
    options.checkpoints.directory = scratch / "state";
    options.checkpoints.interval = Duration(10);
    options.restarts.firstPause = Duration(1);
    options.workers = 2;
  }

  // Each shop's every count, from 1 to the last, once.
  static std::vector<std::string> expected() {
    std::map<std::string, int> counts;
    std::vector<std::string> lines;
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      const std::string shop = saleAt(i).shop;
      lines.push_back(shop + " " + std::to_string(++counts[shop]));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  std::vector<std::string> written() const { return linesWritten(scratch / "out"); }

  Scratch scratch{Scratch::Place::kDisk};
  Counting counting;
  Pipeline pipeline{"shop"};
  JobOptions options;
};

TEST_CASE("a job whose function throws now and then starts again and writes each result once") {
  Shop shop(2);
  StatusOr<Job> job = start(shop.pipeline, shop.options);
  REQUIRE(job.ok());
  const Status status = job->wait();
  INFO(status);
  REQUIRE(status.ok());
  REQUIRE(job->counts().restarts == 2);
  REQUIRE(job->counts().recordsIn() == kRecords);
  REQUIRE(shop.written() == Shop::expected());
}

TEST_CASE("a job that always fails gives up with the reason after its attempts") {
  Shop shop(1'000'000, 20'000, 1);
  shop.options.restarts.attempts = 3;
  StatusOr<Job> job = start(shop.pipeline, shop.options);
  REQUIRE(job.ok());
  const Status status = job->wait();
  REQUIRE(status.code() == absl::StatusCode::kAborted);
  REQUIRE(std::string(status.message()).find("it happens") != std::string::npos);
  REQUIRE(job->counts().restarts == 3);
  REQUIRE(shop.counting.seen->load() >= 4);
}

TEST_CASE("a stopped job goes on with the next start, on any number of workers") {
  Shop shop;
  for (const std::size_t workers : {2U, 1U, 4U}) {
    shop.options.workers = workers;
    StatusOr<Job> job = start(shop.pipeline, shop.options);
    REQUIRE(job.ok());
    const std::uint64_t before = job->counts().recordsIn();
    waitFor([&] { return job->counts().recordsIn() > before + 500 || job->isFinished(); });
    job->stop();
    REQUIRE(job->wait().ok());
  }
  shop.options.workers = 3;
  REQUIRE(run(shop.pipeline, shop.options).ok());
  REQUIRE(shop.written() == Shop::expected());
}

TEST_CASE("a second job on a state directory is told who holds it") {
  Shop shop(0, 100);
  StatusOr<Job> job = start(shop.pipeline, shop.options);
  REQUIRE(job.ok());
  StatusOr<Job> second = start(shop.pipeline, shop.options);
  REQUIRE(second.status().code() == absl::StatusCode::kFailedPrecondition);
  INFO(second.status());
  REQUIRE(std::string(second.status().message()).find("shop") != std::string::npos);
  job->cancel();
  REQUIRE(job->wait().code() == absl::StatusCode::kCancelled);
}

TEST_CASE("a savepoint of a running job starts another one with what it held") {
  Shop shop;
  StatusOr<Job> job = start(shop.pipeline, shop.options);
  REQUIRE(job.ok());
  waitFor([&] { return job->counts().recordsIn() > 1'000; });
  const Status saved = job->savepoint(shop.scratch / "savepoint");
  INFO(saved);
  REQUIRE(saved.ok());
  REQUIRE(job->wait().ok());
  REQUIRE(shop.written() == Shop::expected());

  Shop other;
  other.options.workers = 4;
  other.options.checkpoints.fromSavepoint = shop.scratch / "savepoint";
  StatusOr<Job> again = start(other.pipeline, other.options);
  INFO(again.status());
  REQUIRE(again.ok());
  REQUIRE(again->wait().ok());
  REQUIRE(again->counts().recordsIn() == kRecords);
  // The lines after the savepoint, and no others.
  const std::vector<std::string> rest = other.written();
  REQUIRE(rest.size() < kRecords - 900);
  const std::vector<std::string> all = Shop::expected();
  REQUIRE(std::includes(all.begin(), all.end(), rest.begin(), rest.end()));
  REQUIRE(again->savepoint(shop.scratch / "too-late").code() ==
          absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("a job goes back to a checkpoint that was retained", "[rocksdb]") {
  for (const StateBackend backend : {StateBackend::kMemory, StateBackend::kRocksDb}) {
    Shop shop;
    shop.options.checkpoints.backend = backend;
    shop.options.checkpoints.retained = 3;
    shop.options.checkpoints.retainEvery = Duration(0);
    StatusOr<Job> job = start(shop.pipeline, shop.options);
    REQUIRE(job.ok());
    std::vector<std::uint64_t> retained;
    waitFor([&] {
      const auto reader =
          CheckpointReader::open(posixFileSystem(), shop.options.checkpoints.directory);
      if (reader.ok()) retained = (*reader)->retained();
      return retained.size() >= 3 || job->isFinished();
    });
    REQUIRE(job->wait().ok());
    const auto reader =
        CheckpointReader::open(posixFileSystem(), shop.options.checkpoints.directory);
    REQUIRE(reader.ok());
    REQUIRE((*reader)->retained().size() >= 1);
    const std::string epoch = std::to_string((*reader)->retained().front());

    Shop other;
    other.options.workers = 3;
    other.options.checkpoints.fromSavepoint = shop.options.checkpoints.directory + "/retained/" +
                                              std::string(6 - epoch.size(), '0') + epoch;
    StatusOr<Job> again = start(other.pipeline, other.options);
    INFO(again.status());
    REQUIRE(again.ok());
    REQUIRE(again->wait().ok());
    REQUIRE(again->counts().recordsIn() == kRecords);
    const std::vector<std::string> rest = other.written();
    const std::vector<std::string> all = Shop::expected();
    REQUIRE(std::includes(all.begin(), all.end(), rest.begin(), rest.end()));
  }
}

TEST_CASE("state can be read while the job runs, live or as of the last checkpoint") {
  Shop shop(0, 5'000);
  StatusOr<Job> job = start(shop.pipeline, shop.options);
  REQUIRE(job.ok());
  const auto read = [&](StateView view) {
    const auto count =
        job->stateValue<std::int64_t>("counting", "count", std::string("shop1"), view);
    INFO(count.status());
    REQUIRE(count.ok());
    return count->value_or(0);
  };
  waitFor([&] { return read(StateView::kLive) > 10; });
  waitFor([&] { return read(StateView::kLastCheckpoint) > 10; });
  REQUIRE(read(StateView::kLastCheckpoint) <= read(StateView::kLive));
  REQUIRE(job->stateValue<std::int64_t>("counting", "count", std::string("no shop"))->has_value() ==
          false);
  const Status unknown =
      job->stateValue<std::int64_t>("counting", "sum", std::string("shop1")).status();
  REQUIRE(unknown.code() == absl::StatusCode::kNotFound);
  REQUIRE(std::string(unknown.message()).find("count") != std::string::npos);
  REQUIRE(job->stateValue<std::int64_t>("counter", "sum", 1).status().code() ==
          absl::StatusCode::kNotFound);
  job->stop();
  REQUIRE(job->wait().ok());
  REQUIRE(
      job->stateValue<std::int64_t>("counting", "count", std::string("shop1")).status().code() ==
      absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("what is added to an input after its end is in the results of the next run") {
  Scratch scratch{Scratch::Place::kDisk};
  const std::string input = scratch / "sales.txt";
  const auto append = [&](int from, int to) {
    std::ofstream out(input, std::ios::app);
    for (int i = from; i < to; ++i) out << i << '\n';
  };
  JobOptions options;
  options.workers = 2;
  options.checkpoints.directory = scratch / "state";
  const auto runOnce = [&] {
    Pipeline pipeline("lines");
    pipeline
        .source("in", file<std::string>(input),
                boundedOutOfOrderness(0s).timestamps([](const std::string& line) {
                  return static_cast<Timestamp>(std::stoll(line));
                }))
        .keyBy([](const std::string& line) { return line.size(); })
        .window(tumbling(10ms))
        .aggregate("counts", count())
        .map([](const auto& result) {
          return std::to_string(result.windowStart) + ":" + std::to_string(result.value);
        })
        .sink("out", toFiles(scratch / "out"));
    StatusOr<Job> job = start(pipeline, options);
    REQUIRE(job.ok());
    const Status status = job->wait();
    INFO(status);
    REQUIRE(status.ok());
    REQUIRE(job->counts().late() == 0);
  };
  append(10, 45);
  runOnce();
  append(45, 70);
  runOnce();
  std::vector<std::string> lines;
  for (const auto& part : std::filesystem::directory_iterator(scratch / "out")) {
    std::ifstream in(part.path());
    for (std::string line; std::getline(in, line);) lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  // The window at 40 was told at the end of the first run; what came later for it is told by
  // itself.
  REQUIRE(lines ==
          std::vector<std::string>{"10:10", "20:10", "30:10", "40:5", "40:5", "50:10", "60:10"});
}

TEST_CASE("part files that are finished may be taken away, and the job goes on") {
  Scratch scratch{Scratch::Place::kDisk};
  std::ofstream(scratch / "in.txt") << "a\nb\n";
  JobOptions options;
  options.workers = 1;
  options.checkpoints.directory = scratch / "state";
  const auto runOnce = [&] {
    Pipeline pipeline("lines");
    pipeline.source("in", file<std::string>(scratch / "in.txt"), monotonousTimestamps())
        .sink("out", toFiles(scratch / "out"));
    return run(pipeline, options);
  };
  const auto takeParts = [&] {
    std::size_t taken = 0;
    for (const auto& part : std::filesystem::directory_iterator(scratch / "out")) {
      if (part.path().filename().string().starts_with("part-"))
        taken += std::filesystem::remove(part.path());
    }
    return taken;
  };
  REQUIRE(runOnce().ok());
  REQUIRE(takeParts() == 1);
  std::ofstream(scratch / "in.txt", std::ios::app) << "c\n";
  REQUIRE(runOnce().ok());
  REQUIRE(takeParts() == 1);

  // Without the note nobody knows that it had its name once.
  std::ofstream(scratch / "in.txt", std::ios::app) << "d\n";
  REQUIRE(runOnce().ok());
  REQUIRE(takeParts() == 1);
  std::filesystem::remove(scratch / "state/FINISHED");
  REQUIRE(runOnce().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("operators that keep nothing may come and go") {
  Scratch scratch{Scratch::Place::kDisk};
  JobOptions options;
  options.checkpoints.directory = scratch / "state";
  const auto build = [&](bool isLonger) {
    Pipeline pipeline("shop");
    GeneratorOptions generated;
    generated.count = 10;
    auto sales = pipeline.source("sales", generator<Sale>(saleAt, generated),
                                 boundedOutOfOrderness(kDisorder).timestamps(&Sale::time));
    const auto shops = [](const Sale& sale) { return sale.shop; };
    if (isLonger) {
      sales.filter([](const Sale&) { return true; })
          .map(shops)
          .sink("out", toFiles(scratch / "out"));
    } else {
      sales.map(shops).sink("out", toFiles(scratch / "out"));
    }
    const Status status = run(pipeline, options);
    INFO(status);
    REQUIRE(status.ok());
  };
  build(false);
  build(true);
  build(false);
}

TEST_CASE("state that no operator claims stops the start, unless it may be dropped") {
  Shop shop;
  StatusOr<Job> job = start(shop.pipeline, shop.options);
  REQUIRE(job.ok());
  waitFor([&] { return job->counts().checkpoints > 1; });
  job->stop();
  REQUIRE(job->wait().ok());

  Pipeline without("shop");
  GeneratorOptions generated;
  generated.count = kRecords;
  without
      .source("sales", generator<Sale>(saleAt, generated),
              boundedOutOfOrderness(kDisorder).timestamps(&Sale::time))
      .map([](const Sale& sale) { return sale.shop; })
      .sink("out", toFiles(shop.scratch / "out"));
  const Status refused = start(without, shop.options).status();
  INFO(refused);
  REQUIRE(refused.code() == absl::StatusCode::kFailedPrecondition);
  REQUIRE(std::string(refused.message()).find("'count'") != std::string::npos);
  REQUIRE(std::string(refused.message()).find("'counting'") != std::string::npos);
  shop.options.checkpoints.allowUnclaimedState = true;
  REQUIRE(run(without, shop.options).ok());
}

}  // namespace
}  // namespace millrace::test
