// SPDX-License-Identifier: MIT
// Reads Kafka topics as a job, and writes messages, for test_source.py.
//
//   source_probe read KEY=VALUE...     a line for each record ("V topic-partition@offset value"),
//   dead
//                                      letter ("D position reason"), window ("W start count"), and
//                                      line of the log ("L text"), as they come; at the end "E code
//                                      message"
//   source_probe write KEY=VALUE...    lines of the standard input: "=text" a value, "-" a null one
#include "probe_arguments.hpp"

#include <millrace/base/log.hpp>
#include <millrace/connectors/file/line_sink.hpp>
#include <millrace/millrace.hpp>

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using millrace::KafkaEnd;
using millrace::KafkaOffset;
using millrace::KafkaStart;

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size() && !text.empty()) {
    const std::size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// "topic/partition/offset,..."
std::vector<KafkaOffset> offsets(const std::string& text) {
  std::vector<KafkaOffset> all;
  for (const std::string& each : split(text, ',')) {
    const auto parts = split(each, '/');
    all.push_back(
        {parts.at(0), static_cast<std::int32_t>(number(parts.at(1))), number(parts.at(2))});
  }
  return all;
}

KafkaStart startOf(const Arguments& arguments) {
  const std::string text = get(arguments, "start", "earliest");
  if (text == "latest") return KafkaStart::latest();
  if (text == "committed") return KafkaStart::committed();
  if (text.starts_with("timestamp:")) return KafkaStart::timestamp(number(text.substr(10)));
  if (text.starts_with("offsets:")) return KafkaStart::offsets(offsets(text.substr(8)));
  return KafkaStart::earliest();
}

KafkaEnd endOf(const Arguments& arguments) {
  const std::string text = get(arguments, "until", "latest");
  if (text == "never") return KafkaEnd::never();
  if (text.starts_with("timestamp:")) return KafkaEnd::timestamp(number(text.substr(10)));
  if (text.starts_with("offsets:")) return KafkaEnd::offsets(offsets(text.substr(8)));
  return KafkaEnd::latest();
}

millrace::KafkaSourceOptions sourceOf(const Arguments& arguments) {
  millrace::KafkaSourceOptions options;
  options.settings.bootstrapServers = get(arguments, "bootstrap");
  options.settings.startTimeout = millrace::Duration(number(get(arguments, "patience", "60000")));
  const auto [begin, end] = arguments.equal_range("set");
  for (auto it = begin; it != end; ++it) options.settings.add(it->second).IgnoreError();
  options.topics = split(get(arguments, "topics"), ',');
  options.topicPattern = get(arguments, "pattern");
  options.groupId = get(arguments, "group");
  options.start = startOf(arguments);
  options.until = endOf(arguments);
  options.discoveryInterval = millrace::Duration(number(get(arguments, "discovery", "0")));
  return options;
}

void say(char kind, std::string_view text) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << kind << ' ' << text << std::endl;
}

// The value with its place before it. One that says "bad" is invalid, as null and empty ones are.
struct PlacedValue {
  bool decode(const millrace::KafkaMessage& message, std::string& record, millrace::Timestamp&,
              std::string& reason) {
    if (!values_.decode(message, text_, time_, reason)) return false;
    if (text_.empty() || text_ == "bad") {
      reason = "it is bad";
      return false;
    }
    record = message.position() + " " + text_;
    return true;
  }

 private:
  millrace::KafkaValueDecoder<std::string, millrace::TextLineDecoder> values_;
  std::string text_;
  millrace::Timestamp time_ = 0;
};

std::atomic<bool> wasToldToStop{false};

void showSplits(const millrace::Job& job) {
  for (const millrace::SplitStatus& split : job.splits()) {
    say('S', split.progress.name + " " + std::to_string(split.worker) + " " +
                 std::to_string(split.progress.position) + " " +
                 std::to_string(split.progress.end) + " " +
                 std::to_string(split.progress.committed) + " " +
                 std::to_string(split.progress.lag()));
  }
}

void describe(millrace::Pipeline& pipeline, const Arguments& arguments) {
  millrace::WatermarkStrategy times = millrace::boundedOutOfOrderness(0ms);
  if (const std::string idle = get(arguments, "idle"); !idle.empty()) {
    times = times.withIdleness(millrace::Duration(number(idle)));
  }
  auto records =
      pipeline.source("in", millrace::kafka<std::string, PlacedValue>(sourceOf(arguments)), times);
  records.deadLetters().sink("letters", millrace::forEach([](const millrace::DeadLetter& letter) {
                               say('D', letter.position + " " + letter.reason);
                             }));
  if (const std::string files = get(arguments, "files"); !files.empty()) {
    records.sink("out", millrace::toFiles(files));
  } else if (const std::string pause = get(arguments, "pause"); !pause.empty()) {
    const auto long_ = std::chrono::microseconds(number(pause));
    records.sink("out", millrace::forEach([long_](const std::string& record) {
                   std::this_thread::sleep_for(long_);
                   say('V', record);
                 }));
  } else if (!get(arguments, "windows").empty()) {
    records.keyBy([](const std::string&) { return std::string("all"); })
        .window(millrace::tumbling(millrace::Duration(number(get(arguments, "windows")))))
        .aggregate("counts", millrace::count())
        .sink("out", millrace::forEach([](const auto& result) {
                say('W', std::to_string(result.windowStart) + " " + std::to_string(result.value));
              }));
  } else {
    records.sink("out", millrace::forEach([](const std::string& record) { say('V', record); }));
  }
}

int read(const Arguments& arguments) {
  millrace::setLogSink([](millrace::LogLevel level, std::string_view text) {
    if (level != millrace::LogLevel::kDebug) say('L', text);
  });
  millrace::Pipeline pipeline("probe");
  describe(pipeline, arguments);
  millrace::JobOptions options;
  options.workers = static_cast<std::size_t>(number(get(arguments, "workers", "1")));
  options.checkpoints.directory = get(arguments, "state");
  options.checkpoints.interval = millrace::Duration(number(get(arguments, "interval", "50")));
  options.restarts.attempts = 0;
  millrace::StatusOr<millrace::Job> job = millrace::start(pipeline.graph(), options);
  if (!job.ok()) {
    say('E', job.status().ToString());
    return 1;
  }
  say('B', "running");
  while (!job->isFinished()) {
    if (wasToldToStop.exchange(false)) job->stop();
    if (!get(arguments, "status").empty()) showSplits(*job);
    std::this_thread::sleep_for(20ms);
  }
  const millrace::Status ended = job->wait();
  showSplits(*job);
  say('E', ended.ToString());
  return ended.ok() ? 0 : 1;
}

int write(const Arguments& arguments) {
  char reason[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const std::string transaction = get(arguments, "transaction");
  rd_kafka_conf_set(conf, "bootstrap.servers", get(arguments, "bootstrap").c_str(), reason,
                    sizeof(reason));
  rd_kafka_conf_set(conf, "linger.ms", "5", reason, sizeof(reason));
  if (!transaction.empty()) {
    rd_kafka_conf_set(conf, "transactional.id", "source-probe", reason, sizeof(reason));
  }
  rd_kafka_t* const producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
  if (producer == nullptr) return 1;
  if (!transaction.empty()) {
    if (rd_kafka_init_transactions(producer, 60'000) != nullptr) return 1;
    if (rd_kafka_begin_transaction(producer) != nullptr) return 1;
  }
  const std::string topic = get(arguments, "topic");
  const auto partition = static_cast<std::int32_t>(number(get(arguments, "partition", "-1")));
  const std::int64_t timestamp = number(get(arguments, "timestamp", "0"));
  for (std::string line; std::getline(std::cin, line);) {
    void* const value = line.starts_with('=') ? line.data() + 1 : nullptr;
    const std::size_t size = value == nullptr ? 0 : line.size() - 1;
    while (rd_kafka_producev(
               producer, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
               RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(value, size),
               RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      rd_kafka_poll(producer, 100);
    }
  }
  if (rd_kafka_flush(producer, 60'000) != RD_KAFKA_RESP_ERR_NO_ERROR) return 1;
  if (transaction == "commit" && rd_kafka_commit_transaction(producer, 60'000) != nullptr) return 1;
  if (transaction == "abort" && rd_kafka_abort_transaction(producer, 60'000) != nullptr) return 1;
  rd_kafka_destroy(producer);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const Arguments arguments = argumentsOf(count, words);
  std::signal(SIGTERM, [](int) { wasToldToStop.store(true); });
  const std::string what = count > 1 ? words[1] : "";
  return what == "read" ? read(arguments) : what == "write" ? write(arguments) : 2;
}
