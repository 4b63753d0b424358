// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <millrace/connectors/collection/collection.hpp>
#include <millrace/dsl/pipeline.hpp>
#include <millrace/job/job.hpp>

#include "harness/function_source.hpp"

namespace millrace {
namespace {

using Catch::Contains;
using namespace std::chrono_literals;

// Throws on the record 3, the third of those given.
int checked(const int& n) {
  if (n == 3) throw std::runtime_error("three is too many");
  return n;
}

// Numbers 1 to 20, each at ten times its value in milliseconds.
template <typename Build>
Status runOver(Build build, std::size_t workers = 1) {
  std::vector<int> numbers;
  for (int i = 1; i <= 20; ++i) numbers.push_back(i);
  Pipeline pipeline("failing");
  auto in = pipeline.source(
      "in", collection(numbers),
      boundedOutOfOrderness(0ms).timestamps([](const int& n) -> Timestamp { return n * 10; }));
  build(in);
  JobOptions options;
  options.workers = workers;
  return run(pipeline, options);
}

using In = SourceStream<int>;

const std::string kWhere =
    "(worker 0), record 3 of this task with event time 1970-01-01T00:00:00.030Z: "
    "three is too many";

TEST_CASE("what a user's function throws fails the job, with operator, worker and record") {
  struct Case {
    std::string name;
    std::function<void(const In&)> build;
  };
  const auto drop = discard();
  const auto parity = [](const int& n) { return n % 2; };
  const std::vector<Case> cases = {
      {"map", [&](const In& in) { in.map(checked).named("map").sink("out", drop); }},
      {"filter",
       [&](const In& in) {
         in.filter([](const int& n) { return checked(n) > 0; }).named("filter").sink("out", drop);
       }},
      {"flatMap",
       [&](const In& in) {
         in.flatMap<int>([](const int& n, Collector<int>& out) { out.emit(checked(n)); })
             .named("flatMap")
             .sink("out", drop);
       }},
      {"peek",
       [&](const In& in) {
         in.peek([](const int& n) { checked(n); }).named("peek").sink("out", drop);
       }},
      {"split",
       [&](const In& in) {
         auto parts = in.split([](const int& n) { return checked(n) > 0; });
         parts[0].named("split").sink("out", drop);
       }},
      {"process",
       [&](const In& in) {
         in.keyBy(parity)
             .process<int>("process", [](const int& n, ProcessContext<int, int>&) { checked(n); })
             .sink("out", drop);
       }},
      {"key",
       [&](const In& in) {
         in.keyBy(checked)
             .process<int>("key", [](const int&, ProcessContext<int, int>&) {})
             .sink("out", drop);
       }},
      {"window",
       [&](const In& in) {
         in.keyBy(parity).window(tumbling(1h)).aggregate("window", sum(checked)).sink("out", drop);
       }},
      {"session",
       [&](const In& in) {
         in.keyBy(parity).window(session(1h)).aggregate("session", sum(checked)).sink("out", drop);
       }},
      {"global",
       [&](const In& in) {
         in.keyBy(parity).window(global()).aggregate("global", sum(checked)).sink("out", drop);
       }},
      {"window-key",
       [&](const In& in) {
         in.keyBy(checked).window(tumbling(1h)).aggregate("window-key", count()).sink("out", drop);
       }},
  };
  for (const Case& each : cases) {
    const Status status = runOver(each.build);
    INFO(status);
    CHECK(absl::IsAborted(status));
    CHECK(std::string(status.message()) == "operator '" + each.name + "' " + kWhere);
  }
}

TEST_CASE(
    "what is thrown before the shuffle names the operator behind it and the worker that read") {
  const auto drop = discard();
  const Status status = runOver(
      [&](const In& in) {
        in.keyBy([](const int& n) { return n % 2; })
            .window(tumbling(1h))
            .aggregate("window", sum(checked))
            .sink("out", drop);
      },
      2);
  REQUIRE(std::string(status.message()) == "operator 'window' " + kWhere);
}

TEST_CASE("a key that throws names its record, also where keys are asked for ahead of records") {
  constexpr int kBad = 3'000;
  std::vector<int> numbers(4'096);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i + 1);
  const auto keyOf = [](const int& n) {
    if (n == kBad) throw std::runtime_error("no key");
    return n;
  };
  const auto messageOver = [&](auto windows) {
    Pipeline pipeline("keys");
    pipeline
        .source("in", collection(numbers),
                boundedOutOfOrderness(0ms).timestamps([](const int& n) -> Timestamp { return n; }))
        .keyBy(keyOf)
        .window(windows)
        .aggregate("windows", count())
        .sink("out", discard());
    JobOptions options;
    options.workers = 1;
    return std::string(run(pipeline, options).message());
  };
  const std::string wanted =
      "operator 'windows' (worker 0), record 3000 of this task with event time "
      "1970-01-01T00:00:03.000Z: no key";
  CHECK(messageOver(tumbling(1h)) == wanted);
  CHECK(messageOver(sliding(1h, 1min)) == wanted);
  CHECK(messageOver(session(1h)) == wanted);
  CHECK(messageOver(global()) == wanted);
}

TEST_CASE("what is thrown while a window fires names the operator") {
  struct Refusing {
    int create() const { return 0; }
    void add(int& a, const int&) const { ++a; }
    void merge(int& a, const int& b) const { a += b; }
    int result(const int&) const { throw std::runtime_error("no result"); }
  };
  const Status status = runOver([](const In& in) {
    in.keyBy([](const int& n) { return n % 2; })
        .window(tumbling(1h))
        .aggregate("refusing", Refusing{})
        .sink("out", discard());
  });
  REQUIRE(std::string(status.message()) ==
          "operator 'refusing' (worker 0), after 20 records: no result");
}

TEST_CASE("what is thrown by a timer names the operator") {
  struct Timing {
    void process(const int&, ProcessContext<int, int>& context) { context.registerEventTimer(50); }
    void onTimer(Timestamp, ProcessContext<int, int>&) { throw std::runtime_error("too late"); }
  };
  const Status status = runOver([](const In& in) {
    in.keyBy([](const int&) { return 0; }).process<int>("timing", Timing{}).sink("out", discard());
  });
  REQUIRE_THAT(std::string(status.message()),
               Contains("operator 'timing' (worker 0)") && Contains("too late"));
}

TEST_CASE("a source that turns out to have no event times fails the job at the first window") {
  for (const std::size_t workers : {1, 2}) {
    Pipeline pipeline("timeless");
    pipeline
        .source("in", test::FunctionSource<int>([](SourceOutput<int>& out, OperatorContext&) {
                  out.append() = 1;
                  return ReadState::kEnd;
                }),
                noWatermarks())
        .keyBy([](const int& n) { return n; })
        .window(tumbling(1h))
        .aggregate("windows", count())
        .sink("out", discard());
    JobOptions options;
    options.workers = workers;
    const Status status = run(pipeline, options);
    CHECK(absl::IsAborted(status));
    CHECK_THAT(std::string(status.message()),
               Contains("operator 'windows'") &&
                   Contains("the record has no event time, which windows need"));
  }
}

TEST_CASE("something thrown that is no exception is told as such") {
  const Status status =
      runOver([](const In& in) { in.peek([](const int&) { throw 7; }).sink("out", discard()); });
  REQUIRE(absl::IsAborted(status));
  REQUIRE_THAT(std::string(status.message()), Contains("not a std::exception"));
}

TEST_CASE("an overflowing sum fails the job instead of wrapping") {
  const Status status = runOver([](const In& in) {
    in.keyBy([](const int&) { return 0; })
        .window(tumbling(1h))
        .aggregate("sum", sum([](const int&) { return INT64_MAX / 2; }))
        .sink("out", discard());
  });
  REQUIRE(absl::IsAborted(status));
  REQUIRE_THAT(std::string(status.message()), Contains("operator 'sum'") && Contains("record 3"));
}

TEST_CASE("a source that fails to read fails the job") {
  Pipeline pipeline("unreadable");
  pipeline
      .source("in",
              test::FunctionSource<int>(
                  [](SourceOutput<int>&, OperatorContext&) -> StatusOr<ReadState> {
                    return absl::DataLossError("the disk is gone");
                  }),
              noWatermarks())
      .sink("out", discard());
  const Status status = run(pipeline);
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE_THAT(std::string(status.message()),
               Contains("operator 'in'") && Contains("the disk is gone"));
}

TEST_CASE("a job fails with the code that its connector gave or its function threw") {
  Pipeline pipeline("away");
  pipeline
      .source("in",
              test::FunctionSource<int>(
                  [](SourceOutput<int>&, OperatorContext&) -> StatusOr<ReadState> {
                    return absl::UnavailableError("the broker is away");
                  }),
              noWatermarks())
      .sink("out", discard());
  const Status status = run(pipeline);
  REQUIRE(isRetriable(status));
  REQUIRE_THAT(std::string(status.message()),
               Contains("operator 'in'") && Contains("the broker is away"));

  const Status thrown = runOver([](const In& in) {
    in.peek([](const int&) {
        throw JobError("no such rate", absl::StatusCode::kNotFound);
      }).sink("out", discard());
  });
  REQUIRE(absl::IsNotFound(thrown));
}

TEST_CASE("a source whose deadline throws fails the job") {
  Pipeline pipeline("timeless");
  pipeline
      .source("in",
              test::FunctionSource<int>(
                  [](SourceOutput<int>&, OperatorContext&) { return ReadState::kQuiet; },
                  []() -> Timestamp { throw std::runtime_error("no deadline"); }),
              noWatermarks())
      .sink("out", discard());
  const Status status = run(pipeline);
  REQUIRE(absl::IsAborted(status));
  REQUIRE_THAT(std::string(status.message()), Contains("operator 'in'") && Contains("no deadline"));
}

TEST_CASE("an invalid record fails the job where that is asked for") {
  Pipeline pipeline("strict");
  pipeline
      .source("in", collection(std::vector<int>{1, 2, 3}),
              noWatermarks().timestamps([](const int& n) -> std::optional<Timestamp> {
                if (n == 2) return std::nullopt;
                return n;
              }))
      .onInvalid(OnInvalid::kFail)
      .sink("out", discard());
  const Status status = run(pipeline);
  REQUIRE_THAT(std::string(status.message()),
               Contains("operator 'in'") && Contains("invalid record") && Contains("event time"));
}

// A sink with a mishap of choice.
struct Mishap {
  bool makes = false;
  bool opens = false;
  bool writes = false;
  bool flushes = false;
  bool closes = false;
  bool throwsOnClose = false;
};

class UnluckySink final : public SinkConnector<int> {
 public:
  UnluckySink(Mishap mishap, std::shared_ptr<std::string> log)
      : mishap_(mishap), log_(std::move(log)) {}
  std::unique_ptr<SinkWriter<int>> makeWriter(std::shared_ptr<void>&) const override {
    if (mishap_.makes) throw std::runtime_error("cannot be made");
    return std::make_unique<Writer>(mishap_, log_);
  }
  std::string describe() const override { return "unlucky"; }

 private:
  class Writer final : public SinkWriter<int> {
   public:
    Writer(Mishap mishap, std::shared_ptr<std::string> log)
        : mishap_(mishap), log_(std::move(log)) {}
    Status open(OperatorContext&) override {
      return mishap_.opens ? absl::PermissionDeniedError("may not open") : absl::OkStatus();
    }
    Status write(const TypedBatch<int>&) override {
      return mishap_.writes ? absl::ResourceExhaustedError("disk full") : absl::OkStatus();
    }
    Status flush() override {
      return mishap_.flushes ? absl::ResourceExhaustedError("disk full at flush")
                             : absl::OkStatus();
    }
    Status close(bool succeeded) override {
      *log_ += succeeded ? "closed well;" : "closed ill;";
      if (mishap_.throwsOnClose) throw std::runtime_error("threw on close");
      return mishap_.closes ? absl::DataLossError("may not close") : absl::OkStatus();
    }

   private:
    const Mishap mishap_;
    const std::shared_ptr<std::string> log_;
  };

  Mishap mishap_;
  std::shared_ptr<std::string> log_;
};

TEST_CASE("a sink's mishaps fail the job, and it is closed accordingly") {
  struct Case {
    std::string says;
    Mishap mishap;
    std::string log;
    absl::StatusCode code;
  };
  const std::vector<Case> cases = {
      {"making operator 'out'.*cannot be made", {.makes = true}, "", absl::StatusCode::kAborted},
      {"opening operator 'out'.*may not open",
       {.opens = true},
       "closed ill;",
       absl::StatusCode::kPermissionDenied},
      {"operator 'out' \\(worker 0\\).*disk full",
       {.writes = true},
       "closed ill;",
       absl::StatusCode::kResourceExhausted},
      {"operator 'out' \\(worker 0\\).*disk full at flush",
       {.flushes = true},
       "closed ill;",
       absl::StatusCode::kResourceExhausted},
      {"closing operator 'out'.*may not close",
       {.closes = true},
       "closed well;",
       absl::StatusCode::kDataLoss},
      {"closing operator 'out'.*threw on close",
       {.throwsOnClose = true},
       "closed well;",
       absl::StatusCode::kAborted},
  };
  for (const Case& each : cases) {
    auto log = std::make_shared<std::string>();
    const Status status =
        runOver([&](const In& in) { in.sink("out", UnluckySink(each.mishap, log)); });
    INFO(status);
    CHECK_THAT(std::string(status.message()), Catch::Matches(".*" + each.says + ".*"));
    CHECK(*log == each.log);
    CHECK(status.code() == each.code);
  }
}

TEST_CASE("a sink that cannot be closed makes those after it close as failed") {
  auto log = std::make_shared<std::string>();
  const Status status = runOver([&](const In& in) {
    in.sink("first", UnluckySink({}, log));
    in.sink("second", UnluckySink({.closes = true}, log));
    in.sink("third", UnluckySink({}, log));
  });
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE(*log == "closed well;closed well;closed ill;");
}

TEST_CASE("what was never opened is not closed") {
  auto log = std::make_shared<std::string>();
  const Status status = runOver(
      [&](const In& in) {
        in.sink("first", UnluckySink({.opens = true}, log));
        in.sink("second", UnluckySink({}, log));
      },
      2);
  REQUIRE(absl::IsPermissionDenied(status));
  REQUIRE(*log == "closed ill;");
}

TEST_CASE("a failed job closes every sink as failed") {
  auto log = std::make_shared<std::string>();
  const Status status = runOver([&](const In& in) {
    in.sink("good", UnluckySink({}, log));
    in.peek([](const int& n) { checked(n); }).sink("out", discard());
  });
  REQUIRE_FALSE(status.ok());
  REQUIRE(*log == "closed ill;");
}

}  // namespace
}  // namespace millrace
