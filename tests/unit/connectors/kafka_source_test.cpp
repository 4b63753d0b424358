// SPDX-License-Identifier: MIT
// The Kafka source against librdkafka's mock cluster.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <millrace/base/log.hpp>
#include <millrace/millrace.hpp>

#include "mock_kafka.hpp"
#include "scratch.hpp"

using namespace std::chrono_literals;

namespace millrace {
namespace test {

struct Click {
  std::string user;
  Timestamp at = 0;
};

}  // namespace test

template <>
struct Description<test::Click> {
  static void describe(Describer<test::Click>& d) {
    d.name("Click");
    d.field("user", &test::Click::user);
    d.timestamp("at", &test::Click::at).required().eventTime();
  }
};

namespace test {
namespace {

KafkaSourceOptions readAll(const MockKafka& kafka, std::vector<std::string> topics) {
  KafkaSourceOptions options;
  options.settings.bootstrapServers = kafka.bootstrapServers();
  options.topics = std::move(topics);
  options.until = KafkaEnd::latest();
  return options;
}

template <typename F>
void await(F isSo) {
  while (!isSo()) std::this_thread::sleep_for(1ms);
}

std::vector<std::string> sorted(std::vector<std::string> values) {
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<std::string> numbered(const std::string& prefix, int count) {
  std::vector<std::string> values;
  for (int i = 0; i < count; ++i) values.push_back(prefix + std::to_string(i));
  return values;
}

// What has been said to the log, for as long as this lives.
class Said {
 public:
  Said() {
    setLogSink([this](LogLevel level, std::string_view message) {
      if (level == LogLevel::kDebug) return;
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(message);
    });
  }
  ~Said() { setLogSink({}); }
  int count(std::string_view part) const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count_if(
        lines_.begin(), lines_.end(),
        [&](const std::string& line) { return line.find(part) != std::string::npos; }));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

TEST_CASE("every message of every partition is read once, by any number of workers",
          "[librdkafka]") {
  MockKafka kafka;
  std::vector<std::string> expected;
  for (const char* topic : {"a", "b"}) {
    kafka.createTopic(topic, 3);
    for (int partition = 0; partition < 3; ++partition) {
      const auto values = numbered(topic + std::to_string(partition) + ":", 700 * partition);
      kafka.writeValues(topic, partition, values);
      expected.insert(expected.end(), values.begin(), values.end());
    }
  }
  for (const std::size_t workers : {1u, 2u, 4u}) {
    Pipeline pipeline("read");
    Collected<std::string> read;
    pipeline.source("in", millrace::kafka<std::string>(readAll(kafka, {"a", "b"})), noWatermarks())
        .sink("out", collectInto(read));
    JobOptions options;
    options.workers = workers;
    StatusOr<Job> job = start(pipeline.graph(), options);
    REQUIRE(job.status().ok());
    REQUIRE(job->wait().ok());
    CHECK(sorted(read.values()) == sorted(expected));
    CHECK(job->counts().recordsIn() == expected.size());
    const auto splits = job->splits();
    CHECK(splits.size() == 6);
    for (const SplitStatus& split : splits) CHECK(split.progress.lag() == 0);
  }
}

TEST_CASE("what cannot be read goes to the dead letters with topic, partition and offset",
          "[librdkafka]") {
  MockKafka kafka;
  kafka.createTopic("clicks", 2);
  kafka.write("clicks", 1,
              {{R"({"user":"u","at":"1970-01-01T00:00:01Z"})"},
               {std::nullopt},
               {""},
               {"{garbage", "key", 0, {{"a", "1"}, {"a", std::nullopt}}},
               {std::string("\0", 1)}});
  Pipeline pipeline("read");
  Collected<Click> read;
  Collected<DeadLetter> letters;
  auto in =
      pipeline.source("in", millrace::kafka<Click>(readAll(kafka, {"clicks"})), noWatermarks());
  in.sink("out", collectInto(read));
  in.deadLetters().sink("letters", collectInto(letters));
  REQUIRE(run(pipeline.graph()).ok());
  CHECK(read.size() == 1);
  std::map<std::string, DeadLetter> byPosition;
  for (const DeadLetter& each : letters.values()) byPosition[each.position] = each;
  REQUIRE(byPosition.size() == 4);
  CHECK(byPosition.at("clicks-1@1").reason == "the value is null (a tombstone)");
  CHECK(byPosition.at("clicks-1@2").reason == "the value is empty");
  CHECK(byPosition.at("clicks-1@3").payload == "{garbage");
  CHECK(byPosition.at("clicks-1@1").message->isTombstone);
  CHECK_FALSE(byPosition.at("clicks-1@2").message->isTombstone);
  CHECK(byPosition.at("clicks-1@2").message->key == std::nullopt);
  CHECK(byPosition.at("clicks-1@3").message->key == "key");
  const auto& headers = byPosition.at("clicks-1@3").message->headers;
  REQUIRE(headers.size() == 2);
  CHECK(headers[0].name + *headers[0].value + headers[1].name == "a1a");
  CHECK(headers[1].value == std::nullopt);
  CHECK(byPosition.at("clicks-1@4").message->headers.empty());
  CHECK(byPosition.count("clicks-1@4") == 1);
}

// Tells all there is to a message.
struct WholeMessages {
  bool decode(const KafkaMessage& message, std::string& record, Timestamp&, std::string&) {
    record = message.position() + " " + std::string(message.key.value_or("(null)")) + "=" +
             std::string(message.value.value_or("(null)")) + " at " +
             std::to_string(message.timestamp);
    for (const KafkaHeader& header : message.headers) {
      record += " " + std::string(header.name) + ":" + std::string(header.value.value_or("(null)"));
    }
    return true;
  }
};

TEST_CASE(
    "a decoder of whole messages sees keys, timestamps and headers, and null apart from empty",
    "[librdkafka]") {
  MockKafka kafka;
  kafka.createTopic("t", 1);
  kafka.write("t", 0,
              {{"v", "k", 1234, {{"a", "1"}, {"a", ""}, {"b", std::nullopt}}},
               {std::nullopt, "", 5},
               {"", std::nullopt, 6}});
  Pipeline pipeline("read");
  Collected<std::string> read;
  pipeline
      .source("in", millrace::kafka<std::string, WholeMessages>(readAll(kafka, {"t"})),
              noWatermarks())
      .sink("out", collectInto(read));
  REQUIRE(run(pipeline.graph()).ok());
  CHECK(sorted(read.values()) == std::vector<std::string>{"t-0@0 k=v at 1234 a:1 a: b:(null)",
                                                          "t-0@1 =(null) at 5",
                                                          "t-0@2 (null)= at 6"});
}

TEST_CASE("of repeated headers the last is meant, and a null one is none", "[librdkafka]") {
  const std::vector<KafkaHeader> headers = {
      {"a", "1"}, {"b", "2"}, {"a", "3"}, {"c", std::nullopt}};
  KafkaMessage message;
  message.headers = headers;
  CHECK(message.header("a") == "3");
  CHECK(message.header("b") == "2");
  CHECK(message.header("c") == std::nullopt);
  CHECK(message.header("d") == std::nullopt);
}

TEST_CASE("each partition has a watermark of its own, so disorder between them makes nothing late",
          "[librdkafka]") {
  MockKafka kafka;
  kafka.createTopic("clicks", 2);
  for (int partition = 0; partition < 2; ++partition) {
    std::vector<std::string> values;
    for (int i = 0; i < 500; ++i) {
      values.push_back(R"({"user":"u","at":")" + formatUtc(1000 * i + partition * 100'000'000) +
                       "\"}");
    }
    kafka.writeValues("clicks", partition, values);
  }
  Pipeline pipeline("windows");
  Collected<std::int64_t> counts;
  pipeline
      .source("in", millrace::kafka<Click>(readAll(kafka, {"clicks"})), boundedOutOfOrderness(0ms))
      .keyBy(&Click::user)
      .window(tumbling(10s))
      .aggregate("counts", count())
      .map([](const auto& result) { return static_cast<std::int64_t>(result.value); })
      .sink("out", collectInto(counts));
  JobOptions options;
  options.workers = 1;
  StatusOr<Job> job = start(pipeline.graph(), options);
  REQUIRE(job.status().ok());
  REQUIRE(job->wait().ok());
  CHECK(job->counts().late() == 0);
  CHECK(counts.size() == 100);
}

TEST_CASE("no broker within the time-out is an error that says what to do", "[librdkafka]") {
  KafkaSourceOptions options;
  options.settings.bootstrapServers = "127.0.0.1:1";
  options.settings.startTimeout = 100ms;
  options.topics = {"t"};
  Pipeline pipeline("read");
  pipeline.source("in", millrace::kafka<std::string>(options), noWatermarks())
      .sink("out", discard());
  const Status failed = run(pipeline.graph());
  CHECK(absl::IsUnavailable(failed));
  CHECK(failed.message().find("start time-out") != absl::string_view::npos);
}

TEST_CASE("options that contradict each other are refused", "[librdkafka]") {
  KafkaSourceOptions both;
  both.topics = {"t"};
  both.topicPattern = "t.*";
  KafkaSourceOptions neither;
  KafkaSourceOptions twice;
  twice.topics = {"t", "t"};
  KafkaSourceOptions noGroup;
  noGroup.topics = {"t"};
  noGroup.start = KafkaStart::committed();
  KafkaSourceOptions badPattern;
  badPattern.topicPattern = "(";
  KafkaSourceOptions autoCommit;
  autoCommit.topics = {"t"};
  autoCommit.settings.properties = {{"enable.auto.commit", "true"}};
  for (const KafkaSourceOptions& options :
       {both, neither, twice, noGroup, badPattern, autoCommit}) {
    Pipeline pipeline("read");
    pipeline.source("in", millrace::kafka<std::string>(options), noWatermarks())
        .sink("out", discard());
    CHECK(absl::IsInvalidArgument(run(pipeline.graph())));
  }
}

TEST_CASE("a source waits for brokers that go away, says so once, and goes on", "[librdkafka]") {
  MockKafka kafka;
  kafka.createTopic("t", 2);
  const Said said;
  KafkaSourceOptions options = readAll(kafka, {"t"});
  options.until = KafkaEnd::never();
  Pipeline pipeline("read");
  Collected<std::string> read;
  pipeline.source("in", millrace::kafka<std::string>(options), noWatermarks())
      .sink("out", collectInto(read));
  JobOptions jobOptions;
  jobOptions.workers = 2;
  StatusOr<Job> job = start(pipeline.graph(), jobOptions);
  REQUIRE(job.status().ok());
  kafka.writeValues("t", 0, {"1"});
  await([&] { return read.size() == 1; });
  kafka.setDown();
  await([&] { return said.count("does not answer, waiting") > 0; });
  kafka.setUp();
  kafka.writeValues("t", 1, {"2"});
  await([&] { return read.size() == 2; });
  job->stop();
  REQUIRE(job->wait().ok());
  CHECK(said.count("does not answer, waiting") == 1);
  CHECK(said.count("answers again") == 1);
  CHECK(sorted(read.values()) == std::vector<std::string>{"1", "2"});
}

TEST_CASE(
    "a job that fails before its first checkpoint goes on from where it had begun, the end as it "
    "was then",
    "[librdkafka]") {
  MockKafka kafka;
  kafka.createTopic("t", 2);
  kafka.writeValues("t", 0, numbered("before", 10));
  KafkaSourceOptions options = readAll(kafka, {"t"});
  options.start = KafkaStart::latest();
  options.until = KafkaEnd::never();
  const Scratch directory;
  Pipeline pipeline("read");
  Collected<std::string> read;
  std::atomic<bool> hasFailed{false};
  pipeline.source("in", millrace::kafka<std::string>(options), noWatermarks())
      .peek([&](const std::string& value) {
        if (value == "fails once" && !hasFailed.exchange(true))
          throw JobError("it failed", absl::StatusCode::kAborted);
      })
      .sink("out", collectInto(read));
  JobOptions jobOptions;
  jobOptions.workers = 2;
  jobOptions.checkpoints.directory = directory / "state";
  jobOptions.checkpoints.interval = 1h;
  jobOptions.restarts.firstPause = 1ms;
  StatusOr<Job> job = start(pipeline.graph(), jobOptions);
  REQUIRE(job.status().ok());
  kafka.writeValues("t", 1, {"fails once"});
  await([&] { return job->counts().restarts == 1; });
  kafka.writeValues("t", 1, {"after"});
  await([&] {
    const auto values = read.values();
    return std::count(values.begin(), values.end(), "after") == 1;
  });
  CHECK(read.values() == std::vector<std::string>{"fails once", "after"});
  job->stop();
  REQUIRE(job->wait().ok());
}

TEST_CASE("reading begins and ends where it is told to", "[librdkafka]") {
  MockKafka kafka;
  kafka.createTopic("t", 2);
  kafka.writeValues("t", 0, numbered("a", 10));
  kafka.writeValues("t", 1, numbered("b", 10));
  KafkaSourceOptions options = readAll(kafka, {"t"});
  options.start = KafkaStart::offsets({{"t", 0, 8}, {"t", 1, 10}});
  options.until = KafkaEnd::offsets({{"t", 0, 9}});
  Pipeline pipeline("read");
  Collected<std::string> read;
  pipeline.source("in", millrace::kafka<std::string>(options), noWatermarks())
      .sink("out", collectInto(read));
  REQUIRE(run(pipeline.graph()).ok());
  CHECK(read.values() == std::vector<std::string>{"a8"});
}

TEST_CASE("an offset that is not there is refused, with those that are", "[librdkafka]") {
  MockKafka kafka;
  kafka.createTopic("t", 1);
  kafka.writeValues("t", 0, numbered("a", 10));
  KafkaSourceOptions options = readAll(kafka, {"t"});
  options.start = KafkaStart::offsets({{"t", 0, 11}});
  Pipeline pipeline("read");
  pipeline.source("in", millrace::kafka<std::string>(options), noWatermarks())
      .sink("out", discard());
  const Status failed = run(pipeline.graph());
  CHECK(absl::IsFailedPrecondition(failed));
  CHECK(failed.message().find("from 0 to 10") != absl::string_view::npos);
}

}  // namespace
}  // namespace test
}  // namespace millrace
