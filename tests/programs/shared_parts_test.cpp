// SPDX-License-Identifier: MIT
#include "common/dead_letter_row.hpp"
#include "common/endpoints.hpp"
#include "common/event_maker.hpp"
#include "common/flags.hpp"
#include "common/job_settings.hpp"
#include "common/lag.hpp"
#include "common/latency_histogram.hpp"
#include "common/progress.hpp"
#include "common/sent.hpp"
#include "common/statistics.hpp"
#include "common/summary.hpp"
#include "common/user_event.hpp"

#include <millrace/formats/json_reader.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::examples;

namespace {

JobCommandLine parsed(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "event_count");
  const JobKind kind{"event_count", "Counts events.", "  event_count\n"};
  return parseJobCommandLine(kind, static_cast<int>(arguments.size()), arguments.data());
}

// "run", "out" or what stands on stderr.
std::string outcomeOf(const std::vector<const char*>& arguments) {
  const ParseOutcome outcome = parsed(arguments).outcome;
  if (outcome.run) return "run";
  if (outcome.exitCode == kDone) return "out";
  CHECK(outcome.exitCode == kWrongCommandLine);
  CHECK(outcome.out.empty());
  return outcome.error;
}

}  // namespace

TEST_CASE("A wrong command line is refused with the flag and what would be right") {
  struct Row {
    std::vector<const char*> arguments;
    const char* complaint;
  };
  const Row row = GENERATE(values<Row>({
      {{"--windw", "5m"}, "event_count: unknown flag --windw; did you mean --window?\n"},
      {{"--windw=5m"}, "event_count: unknown flag --windw; did you mean --window?\n"},
      {{"--boot", "h:1"}, "event_count: unknown flag --boot; did you mean --bootstrap-servers?\n"},
      {{"--zzzzzzzz"}, "event_count: unknown flag --zzzzzzzz (--help lists them)\n"},
      {{"events.ndjson"},
       "event_count: unexpected argument 'events.ndjson' (every flag starts with --)\n"},
      {{"--workers", "0"}, "event_count: --workers: 0 is out of range (1 to 256)\n"},
      {{"--workers", "two"}, "event_count: --workers: 'two' is not a whole number\n"},
      {{"--workers", "2x"}, "event_count: --workers: '2x' is not a whole number\n"},
      {{"--window", "5"},
       "event_count: --window: '5' is not a duration (250ms, 30s, 5m, 1h, 1d)\n"},
      {{"--window", "10x"},
       "event_count: --window: '10x' is not a duration (250ms, 30s, 5m, 1h, 1d)\n"},
      {{"--window", "0s"}, "event_count: --window: 0s is too short (at least 1ms)\n"},
      {{"--window", "-5s"},
       "event_count: --window: '-5s' is not a duration (250ms, 30s, 5m, 1h, 1d)\n"},
      {{"--window"}, "event_count: --window: its value is missing\n"},
      {{"--window", "5s", "--window", "6s"}, "event_count: --window: given more than once\n"},
      {{"--on-invalid", "stop"}, "event_count: --on-invalid: 'stop' is not one of skip, fail\n"},
      {{"--summary", ""}, "event_count: --summary: the value is empty\n"},
      {{"--source", "generate:x"},
       "event_count: --source: generate: needs a number of events, not 'x' (generate:1000)\n"},
      {{"--sink", "file:"}, "event_count: --sink: file: needs a directory (file:DIR)\n"},
      {{"-X", "novalue"}, "event_count: --kafka: KEY=VALUE is needed (linger.ms=5)\n"},
  }));
  CHECK(outcomeOf(row.arguments) == row.complaint);
}

TEST_CASE("Savepoints want a state directory") {
  CHECK(outcomeOf({"--from-savepoint", "d"}) ==
        "event_count: --from-savepoint: needs --checkpoint-dir too\n");
  CHECK(outcomeOf({"--savepoint-dir", "d"}) ==
        "event_count: --savepoint-dir: needs --checkpoint-dir too\n");
  CHECK(outcomeOf({"--from-savepoint", "d", "--checkpoint-dir", "s"}) == "run");
}

TEST_CASE("What this version cannot do is said, not ignored") {
  struct Row {
    std::vector<const char*> arguments;
    const char* complaint;
  };
  const Row row = GENERATE(values<Row>({
      {{"--http", "127.0.0.1:8080"}, "--http: the web interface"},
  }));
  CHECK(outcomeOf(row.arguments) ==
        std::string("event_count: ") + row.complaint + " is not available in this version\n");
}

TEST_CASE("A wrong word on Kafka is refused, and a value that may be a secret is not repeated") {
  struct Row {
    std::vector<const char*> arguments;
    const char* complaint;
  };
  const Row row = GENERATE(values<Row>({
      {{"--source", "kafka:a/b"},
       "--source: kafka: 'a/b' is not the name of a topic (letters, digits, '.', '_' and '-')"},
      {{"--source", "kafka:a,,b"},
       "--source: kafka: '' is not the name of a topic (letters, digits, '.', '_' and '-')"},
      {{"--source", "kafka:a,^b"},
       "--source: kafka: '^b' is not the name of a topic (letters, digits, '.', '_' and '-')"},
      {{"--source", "kafka:a,b,a"}, "--source: kafka: 'a' is named twice"},
      {{"--source", "kafka:^"},
       "--source: kafka: '^' needs a regular expression behind it (^events-.*)"},
      {{"--source", "kafka:^a("},
       "--source: kafka: '^a(' is not a regular expression: Unmatched ( or \\("},
      {{"--source", "kafka:^a\\d"},
       "--source: kafka: '\\d' in '^a\\d' is not POSIX's ([0-9] for a digit, a group is (...))"},
      {{"-t", "^(?:a)"},
       "--topic: kafka: '(?' in '^(?:a)' is not POSIX's ([0-9] for a digit, a group is (...))"},
      {{"--sink", "kafka:^a"},
       "--sink: kafka: '^a' is not the name of a topic (letters, digits, '.', '_' and '-')"},
      {{"-t", "a b"},
       "--topic: kafka: 'a b' is not the name of a topic (letters, digits, '.', '_' and '-')"},
      {{"-t", "b", "--source", "kafka:a"}, "--topic: --source names another topic, 'a'"},
      {{"-t", "b", "--source", "stdin"},
       "--topic: not together with a --source that is not kafka:"},
      {{"--late", "kafka:"}, "--late: kafka: needs a topic (kafka:TOPIC)"},
      {{"--dead-letters", "kafka:"}, "--dead-letters: kafka: needs a topic (kafka:TOPIC)"},
      {{"-X", "sasl.pasword=hunter2"},
       "--kafka: librdkafka has no property 'sasl.pasword'; did you mean sasl.password?"},
      {{"-X", "sasl.password:hunter2"}, "--kafka: KEY=VALUE is needed (linger.ms=5)"},
      {{"-X", "sasl.password.file=/no/such"},
       "--kafka: Kafka property sasl.password.file: cannot read the file /no/such"},
      {{"-X", "fetch.min.bytes=x"},
       "--kafka: Invalid value for configuration property \"fetch.min.bytes\""},
      {{"--start-timeout", "soon"},
       "--start-timeout: 'soon' is not a duration (250ms, 30s, 5m, 1h, 1d)"},
  }));
  CHECK(outcomeOf(row.arguments) == std::string("event_count: ") + row.complaint + "\n");
}

TEST_CASE("Topics, group and properties come from the flags, and have their defaults") {
  const JobCommandLine plain = parsed({"--source", "kafka:", "--sink", "kafka:"});
  REQUIRE(plain.outcome.run);
  CHECK(plain.settings.source.topic == "user-events");
  CHECK(plain.settings.sink.topic == "event-analytics");
  CHECK(plain.settings.groupId == "event_count");
  CHECK(plain.settings.kafka.bootstrapServers == "localhost:9092");
  CHECK(usesKafka(plain.settings));

  const JobCommandLine full =
      parsed({"-b", "h:1,i:2", "-t", "clicks", "-G", "mine", "-X", "fetch.min.bytes=2",
              "-Xclient.id=me", "--late", "kafka:too-late", "--start-timeout", "5s"});
  REQUIRE(full.outcome.run);
  CHECK(full.settings.source.kind == SourceSpec::Kind::kKafka);
  CHECK(full.settings.source.topic == "clicks");
  CHECK(full.settings.late.topic == "too-late");
  CHECK(full.settings.groupId == "mine");
  CHECK(full.settings.kafka.startTimeout == Duration(5000));
  CHECK(full.settings.kafka.describe() ==
        std::vector<std::string>{"bootstrap.servers=h:1,i:2", "client.id=me", "fetch.min.bytes=2"});

  CHECK(parsed({"--source", "kafka:a,b"}).settings.source.topic == "a,b");
  CHECK(parsed({"--source", "kafka:^a{1,2}|[^b]\\.c"}).settings.source.topic == "^a{1,2}|[^b]\\.c");
  CHECK(parsed({"--source", "kafka:", "-t", "clicks"}).settings.source.topic == "clicks");
  CHECK(parsed({"-b", "h:1"}).notices.front() ==
        "the flags for Kafka have no effect without kafka:TOPIC as a source or sink");
  CHECK_FALSE(usesKafka(parsed({"-b", "h:1"}).settings));
}

TEST_CASE("What was sent is told in the form of Kafka's own tool") {
  Sent sent;
  sent.since -= std::chrono::seconds(2);
  sent.add(3, 2 << 20, std::chrono::milliseconds(1));
  sent.add(1, 0, std::chrono::milliseconds(4));
  CHECK_THAT(
      sent.line(),
      Catch::Matches(
          "4 records sent, [12]\\.[09] records/sec \\([01]\\.[09][09] MB/sec\\), 1\\.75 ms avg "
          "latency, 4\\.00 ms max latency"));
  CHECK_THAT(sent.lastLine(), Catch::EndsWith(", 1 ms 50th, 4 ms 95th, 4 ms 99th, 4 ms 99.9th."));
}

TEST_CASE("A good command line is understood") {
  const JobCommandLine line = parsed({"--source=file:a*.ndjson", "--sink", "file:out", "--window",
                                      "90s", "--slide", "250ms", "--workers", "3", "--batch-size",
                                      "1", "--delivery", "at-least-once", "--state", "memory"});
  REQUIRE(line.outcome.run);
  CHECK(line.settings.source.kind == SourceSpec::Kind::kFile);
  CHECK(line.settings.source.path == "a*.ndjson");
  CHECK(line.settings.sink.directory == "out");
  CHECK(line.settings.window == Duration(90'000));
  CHECK(line.settings.slide == Duration(250));
  CHECK(line.settings.workers == 3);
  CHECK(line.settings.batchSize == 1);
  CHECK(line.settings.late.kind == SinkSpec::Kind::kNone);

  const JobCommandLine plain = parsed({});
  REQUIRE(plain.outcome.run);
  CHECK(plain.settings.source.kind == SourceSpec::Kind::kStdin);
  CHECK(plain.settings.sink.kind == SinkSpec::Kind::kStdout);
  CHECK(plain.settings.slide == plain.settings.window);
  CHECK(plain.notices ==
        std::vector<std::string>{"no --checkpoint-dir: nothing is kept across runs"});
}

TEST_CASE("Help shows an example first, then every flag with its default") {
  const ParseOutcome outcome = parsed({"--help"}).outcome;
  CHECK(outcome.out.rfind("Example:\n", 0) == 0);
  for (const char* text : {"--window DUR", "[default: 1m]", "--gap DUR", "[default: 30m]",
                           "-b, --bootstrap-servers", "-X, --kafka KEY=VALUE"})
    CHECK_THAT(outcome.out, Catch::Contains(text));
  CHECK_THAT(parsed({"--version"}).outcome.out,
             Catch::StartsWith("event_count (millrace) ") && Catch::Contains("commit ") &&
                 Catch::Contains("librdkafka: 2.") && Catch::Contains("RocksDB: 7."));
}

TEST_CASE("The nearest name is found only where it is near") {
  const std::vector<std::string> known = {"--window", "--workers", "--slide", "--state", "--http"};
  CHECK(nearestName("--widnow", known) == "--window");
  CHECK(nearestName("--worker", known) == "--workers");
  CHECK(nearestName("--htpp", known) == "--http");
  CHECK(nearestName("--win", known) == "--window");
  CHECK(nearestName("--throughput", known) == std::nullopt);
}

TEST_CASE("A progress line fits a terminal whatever it shows") {
  const ProgressSample half{1'234'567, 0.5, "3 late"};
  CHECK(progressLine(half, 812'345, 10) ==
        "[===========>            ]  50%  1.2M records  812k/s  10s left  3 late");
  CHECK(progressLogLine(half, 812'345, 10) ==
        "10s: 1234567 records, 812345 records/s, 50%, 10s left, 3 late");
  CHECK(progressLine({5, {}, "lag 1", "a-0 and more"}, 5, 1) == "5 records  5/s  1s  lag 1");
  CHECK(progressLogLine({5, {}, "lag 1", "a-0 and more"}, 5, 1) ==
        "1s: 5 records, 5 records/s, lag 1, a-0 and more");
  CHECK(progressLine({999, std::nullopt, {}}, 5, 3700) == "999 records  5/s  1h01m");
  for (const std::uint64_t records : {std::uint64_t{0}, ~std::uint64_t{0}})
    for (const double fraction : {0.0, 1e-9, 0.999, 1.0, 7.0})
      CHECK(progressLine({records, fraction, std::string(100, 'x')}, 1e18, 1e9).size() <= 80);
}

TEST_CASE("The lag is told with the partition that is furthest behind") {
  const auto split = [](std::string name, std::int64_t position, std::int64_t end,
                        std::int64_t committed) {
    SplitProgress progress;
    progress.name = std::move(name);
    progress.position = position;
    progress.end = end;
    progress.committed = committed;
    return progress;
  };
  std::vector<SplitProgress> partitions = {split("b-10", 10, 110, 5), split("b-9", 70, 100, -1),
                                           split("a-b-11", 3, 3, 3)};
  sortPartitions(partitions);
  CHECK(partitions[0].name + partitions[1].name + partitions[2].name == "a-b-11b-9b-10");
  CHECK(lagNote(partitions) == "lag 130 (b-10: 100)");
  CHECK(lagDetail(partitions) == "b-10: committed 5, current 10, end 110, lag 100");
  CHECK(lagNote({split("t-0", 1, 9, -1)}) == "lag 8");
  CHECK(lagDetail({split("t-0", 1, 9, -1)}) == "t-0: committed ?, current 1, end 9, lag 8");
  for (const auto& none :
       {std::vector<SplitProgress>{}, {split("t-0", 9, 9, 9), split("t-1", -1, -1, -1)}}) {
    CHECK(lagNote(none) == "lag 0");
    CHECK(lagDetail(none).empty());
  }
}

TEST_CASE("A latency percentile is right to a sixteenth") {
  LatencyHistogram latency;
  for (std::uint64_t micros = 1; micros <= 100'000; ++micros) latency.add(micros, 3);
  CHECK(latency.averageMillis() == Approx(50.0005));
  CHECK(latency.largestMillis() == 100.0);
  for (const double fraction : {0.5, 0.95, 0.99, 0.999})
    CHECK(latency.percentileMillis(fraction) == Approx(fraction * 100).epsilon(1.0 / 16));
  CHECK(LatencyHistogram().percentileMillis(0.5) == 0);
}

TEST_CASE("Event types are read with their weights") {
  const auto types = parseEventTypes("login,purchase=3");
  REQUIRE(types.ok());
  REQUIRE(types->size() == 2);
  CHECK(types->at(0).weight == 1);
  CHECK(types->at(1).name == "purchase");
  CHECK(types->at(1).weight == 3);
  for (const char* wrong : {"", ",", "a,", "a=", "a=0", "a=x", "=3", "a=-1"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parseEventTypes(wrong).ok());
  }
}

TEST_CASE("Made events are what they say they are, in any order of making") {
  EventMakerOptions options;
  options.seed = 42;
  options.start = 1'765'497'600'000;
  options.disorder = Duration(3000);
  options.invalidFraction = 0.1;
  const EventMaker maker(options);
  const EventMaker again(options);
  JsonReader<ShopEvent> reader;
  std::size_t broken = 0;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    std::string line;
    const MadeEvent made = maker.append(i, line);
    std::string backwards;
    again.append(4999 - i, backwards);
    std::string same;
    again.append(i, same);
    REQUIRE(line == same);
    ShopEvent event;
    DecodeError error;
    const std::size_t length = line.size();
    line.append(kJsonPadding, '\0');
    const bool good = reader.decode(std::string_view(line.data(), length), event, error);
    CAPTURE(line, error.message());
    REQUIRE(good == made.valid);
    if (!good) {
      ++broken;
      continue;
    }
    REQUIRE(event.timestamp == made.timestamp);
    REQUIRE(event.eventType == made.type);
    REQUIRE(event.userId == "user_" + std::to_string(made.user));
    REQUIRE(event.isPurchase() == made.isPurchase);
    if (!made.isPurchase) continue;
    REQUIRE(event.data.amount.value() == made.amount);
    REQUIRE(event.data.currency.value() == made.currency);
    REQUIRE(event.data.productId.hasValue() == (made.product >= 0));
  }
  CHECK(broken > 400);
  CHECK(broken < 600);
}

TEST_CASE("The statistics block has its form, and names cannot break it") {
  Statistics statistics(2);
  for (const auto& [type, user, times] :
       {std::tuple("page_view", "user_1", 3), std::tuple("login", "user\n2", 2),
        std::tuple("logout", "user_0", 2)})
    for (int i = 0; i < times; ++i) statistics.add(type, user);
  CHECK(statistics.block(2, 1) ==
        "Total Events: 7\nElapsed Time: 2.00s\nEvent Rate: 3.50 events/sec\nErrors: 1\n\n"
        "Top Event Types:\n  page_view: 3\n  login: 2\n\n"
        "Top Users:\n  user_1: 3 events\n  user\\n2: 2 events\n");
}

TEST_CASE("A dead letter has all that a message has, and null is not empty") {
  const auto row = [](const DeadLetter& letter) {
    std::string out;
    appendDeadLetter(out, letter);
    return out;
  };
  DeadLetter letter{"events", "e.ndjson:7", "no", "{"};
  CHECK(row(letter) ==
        R"({"source":"events","position":"e.ndjson:7","reason":"no","payload":"{"})");
  letter.payload = "\xff";
  CHECK(row(letter) ==
        R"({"source":"events","position":"e.ndjson:7","reason":"no","payload_base64":"/w=="})");
  letter = {"events", "t-0@7", "no", ""};
  letter.message.emplace();
  CHECK(row(letter) ==
        R"({"source":"events","position":"t-0@7","reason":"no","payload":"","key":null})");
  letter.message->isTombstone = true;
  letter.message->key = "\xff";
  letter.message->headers = {{"a", "1"}, {"a", std::nullopt}, {"\xff", ""}};
  CHECK(
      row(letter) ==
      R"({"source":"events","position":"t-0@7","reason":"no","payload":null,"key_base64":"/w==",)"
      R"("headers":[{"name":"a","value":"1"},{"name":"a","value":null},{"name_base64":"/w==","value":""}]})");
}

TEST_CASE("A summary is one JSON object with all of the totals") {
  Summary summary;
  summary.recordsIn = 10;
  summary.recordsOut = 2;
  summary.invalid = 1;
  summary.late = 3;
  summary.elapsedSeconds = 0.5;
  CHECK(toJson(summary) ==
        R"({"records_in":10,"records_out":2,"invalid":1,"late":3,"late_partial":0,"filtered":0,)"
        R"("elapsed_s":0.500000,"events_per_s":20.0,"checkpoints":0,"restarts":0})"
        "\n");
  summary.partitions.resize(2);
  summary.partitions[0].name = "t-0";
  summary.partitions[1] = {"t-1", 5, 9, 4, 0};
  CHECK_THAT(
      toJson(summary),
      Catch::EndsWith(
          R"("restarts":0,"partitions":[{"partition":"t-0","committed":null,"current":null,"end":null,"lag":null},)"
          R"({"partition":"t-1","committed":4,"current":5,"end":9,"lag":4}]})"
          "\n"));
}
