// SPDX-License-Identifier: MIT
// How long an event takes from a producer through an exactly-once job to a reader of committed
// records.
//
// Events are due at fixed times, whatever became of those before, and their latency counts from
// when they were due: a stall shows in every event that it kept waiting. All latencies after the
// first third are kept and sorted, so percentiles are exact.
//
//   bench_kafka_latency --bootstrap HOST:PORT --rate 10000 --seconds 30 --interval-ms 50 --state
//   DIR
//                       --job pass|count --partitions 4 --workers 2
//
// With --job external the job is another process, which copies the topic --from to the topic --to
// already.
#include "clients.hpp"

#include "contest.hpp"

#include <millrace/millrace.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <future>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace millrace::bench {

// "number key filling", 180 bytes or so.
struct NumberedEvent {
  std::int64_t number = 0;
  std::string user;
  std::string filling;
  std::int64_t count = 0;
};

}  // namespace millrace::bench

template <>
struct millrace::Description<millrace::bench::NumberedEvent> {
  using Event = millrace::bench::NumberedEvent;
  static void describe(millrace::Describer<Event>& d) {
    d.name("NumberedEvent");
    d.field("number", &Event::number);
    d.field("user", &Event::user);
    d.field("filling", &Event::filling);
    d.field("count", &Event::count);
  }
};

namespace millrace::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kFilling = 150;
constexpr int kUsers = 10'000;
constexpr int kPollMillis = 100;
constexpr auto kHeadStart = std::chrono::milliseconds(200);
constexpr auto kStep = std::chrono::milliseconds(1);  // between two looks at what is due
constexpr auto kPatience = std::chrono::seconds(60);

class Schedule {
 public:
  Schedule(double perSecond, std::int64_t count)
      : begin_(SteadyClock::now() + kHeadStart), nanos_(1e9 / perSecond), count_(count) {}

  std::int64_t count() const { return count_; }
  SteadyClock::time_point dueAt(std::int64_t number) const {
    return begin_ + std::chrono::nanoseconds(std::llround(nanos_ * static_cast<double>(number)));
  }

 private:
  const SteadyClock::time_point begin_;
  const double nanos_;
  const std::int64_t count_;
};

std::int64_t numberAt(std::string_view text) {
  std::int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

struct EventReader {
  bool decode(const KafkaMessage& message, NumberedEvent& event, Timestamp&, std::string&) {
    const std::string_view value = *message.value;
    event.number = numberAt(value);
    event.user = *message.key;
    event.filling = value.substr(value.find(' ') + 1);
    event.count = 0;
    return true;
  }
};

void write(const NumberedEvent& event, KafkaRecord& out) {
  out.setKey(event.user);
  fmt::format_to(std::back_inserter(out.value), "{} {} {}", event.number, event.filling,
                 event.count);
}

class UserCounter {
 public:
  void open(StateContext& states) { count_ = states.value<std::int64_t>("count"); }
  void process(const NumberedEvent& event, ProcessContext<std::string, NumberedEvent>& context) {
    NumberedEvent counted = event;
    counted.count = ++count_.edit(0);
    context.emit(std::move(counted));
  }

 private:
  ValueState<std::int64_t> count_;
};

struct Setting {
  std::string bootstrap;
  std::string from;
  std::string to;
  std::string job;
  std::string directory;
  int partitions = 0;
  std::size_t workers = 0;
  Duration interval{0};
};

StatusOr<Job> startJob(const Setting& setting) {
  KafkaSourceOptions from;
  from.settings.bootstrapServers = setting.bootstrap;
  from.topics = {setting.from};
  KafkaSinkOptions to;
  to.settings.bootstrapServers = setting.bootstrap;
  to.topic = setting.to;
  to.applicationId = setting.to;
  const auto sink =
      toKafka(to, [](const NumberedEvent& event, KafkaRecord& out) { write(event, out); });
  Pipeline pipeline("latency");
  const auto events =
      pipeline.source("from", kafka<NumberedEvent, EventReader>(from), monotonousTimestamps());
  if (setting.job == "count") {
    events.keyBy(&NumberedEvent::user)
        .process<NumberedEvent>("count", UserCounter())
        .sink("to", sink);
  } else {
    events.sink("to", sink);
  }
  JobOptions options{.workers = setting.workers};
  options.checkpoints.directory = setting.directory;
  options.checkpoints.interval = setting.interval;
  options.restarts.attempts = 0;
  return start(pipeline, options);
}

// Gives events to librdkafka when they are due.
void produce(const Setting& setting, const Schedule& schedule) {
  Properties properties = producerProperties(setting.bootstrap);
  properties.emplace_back("linger.ms", "1");
  const Owned<rd_kafka_t> producer = openProducer(properties);
  const Owned<rd_kafka_topic_t> topic = openTopic(producer.get(), setting.from);
  const Owned<rd_kafka_queue_t> reports(rd_kafka_queue_get_main(producer.get()));
  const std::string filling(kFilling, 'x');
  std::int64_t reported = 0;
  const auto readReports = [&](int millis) {
    while (const Owned<rd_kafka_event_t> event{rd_kafka_queue_poll(reports.get(), millis)}) {
      while (const rd_kafka_message_t* const report = rd_kafka_event_message_next(event.get())) {
        if (report->err != RD_KAFKA_RESP_ERR_NO_ERROR)
          throw std::runtime_error(rd_kafka_message_errstr(report));
        ++reported;
      }
      millis = 0;
    }
  };
  for (std::int64_t number = 0; number < schedule.count();) {
    std::this_thread::sleep_until(std::max(schedule.dueAt(number), SteadyClock::now() + kStep / 2));
    for (const auto now = SteadyClock::now();
         number < schedule.count() && schedule.dueAt(number) <= now; ++number) {
      const std::string key = fmt::format("user_{}", number % kUsers);
      std::string value = fmt::format("{} {}", number, filling);
      while (rd_kafka_produce(topic.get(), RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value.data(),
                              value.size(), key.data(), key.size(), nullptr) != 0) {
        readReports(kPollMillis);
      }
    }
    readReports(0);
  }
  while (reported < schedule.count()) readReports(kPollMillis);
}

// Reads committed records until all are there; nanoseconds by number, -1 for those that have not
// come.
std::vector<std::int64_t> consume(const Setting& setting, const Schedule& schedule) {
  Properties properties = consumerProperties(setting.bootstrap);
  properties.emplace_back("enable.partition.eof", "false");
  const Owned<rd_kafka_t> consumer = openConsumer(properties);
  std::vector<int> all(static_cast<std::size_t>(setting.partitions));
  std::iota(all.begin(), all.end(), 0);
  const Owned<rd_kafka_queue_t> queue = assign(consumer.get(), setting.to, all, 0);
  std::vector<std::int64_t> nanos(static_cast<std::size_t>(schedule.count()), -1);
  const auto deadline = schedule.dueAt(schedule.count()) + kPatience;
  for (std::int64_t seen = 0; seen < schedule.count();) {
    if (SteadyClock::now() > deadline)
      throw std::runtime_error(fmt::format("only {} events came", seen));
    const Owned<rd_kafka_message_t> message(rd_kafka_consume_queue(queue.get(), kPollMillis));
    if (message == nullptr) continue;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
      throw std::runtime_error(rd_kafka_message_errstr(message.get()));
    const auto now = SteadyClock::now();
    const std::int64_t number =
        numberAt({static_cast<const char*>(message->payload), message->len});
    if (number < 0) continue;  // of what an external job was warmed up with
    std::int64_t& latency = nanos.at(static_cast<std::size_t>(number));
    if (latency >= 0) throw std::runtime_error(fmt::format("event {} came twice", number));
    latency = std::chrono::nanoseconds(now - schedule.dueAt(number)).count();
    ++seen;
  }
  return nanos;
}

double millisAt(const std::vector<std::int64_t>& sorted, double fraction) {
  const auto rank =
      static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(sorted.size())));
  return static_cast<double>(sorted[std::max<std::size_t>(rank, 1) - 1]) * 1e-6;
}

void print(const Setting& setting, double rate, std::vector<std::int64_t> nanos,
           const JobCounts& counts) {
  nanos.erase(nanos.begin(), nanos.begin() + static_cast<std::ptrdiff_t>(nanos.size() / 3));
  std::sort(nanos.begin(), nanos.end());
  fmt::print(
      R"({{"job":"{}","interval_ms":{},"rate":{},"records":{},"checkpoints":{},"p50_ms":{:.3f},)"
      R"("p90_ms":{:.3f},"p99_ms":{:.3f},"p999_ms":{:.3f},"max_ms":{:.3f}}})"
      "\n",
      setting.job, setting.interval.count(), rate, nanos.size(), counts.checkpoints,
      millisAt(nanos, 0.5), millisAt(nanos, 0.9), millisAt(nanos, 0.99), millisAt(nanos, 0.999),
      millisAt(nanos, 1));
}

struct Load {
  double perSecond = 0;
  std::int64_t count = 0;
};

// Sends events and waits until all of them have come; what each took.
std::vector<std::int64_t> latencies(const Setting& setting, const Load& load) {
  const Schedule schedule(load.perSecond, load.count);
  auto consuming = std::async(std::launch::async, [&] { return consume(setting, schedule); });
  produce(setting, schedule);
  return consuming.get();
}

void measureOwnJob(Setting setting, const Load& load, const std::string& state) {
  const std::string name = fmt::format("latency-{}-{}", getpid(), setting.interval.count());
  setting.from = name + "-in";
  setting.to = name + "-out";
  setting.directory = state + "/" + name;
  Topics topics(setting.bootstrap);
  topics.make(setting.from, setting.partitions);
  topics.make(setting.to, setting.partitions);
  StatusOr<Job> job = startJob(setting);
  if (!job.ok()) throw JobError(job.status());
  const auto partitions = static_cast<std::size_t>(setting.partitions);
  while (job->splits().size() < partitions && !job->isFinished())
    std::this_thread::sleep_for(kStep);
  std::vector<std::int64_t> nanos = latencies(setting, load);
  const JobCounts counts = job->counts();
  job->stop();
  if (const Status done = job->wait(); !done.ok()) throw JobError(done);
  print(setting, load.perSecond, std::move(nanos), counts);
  for (const std::string& topic : {setting.from, setting.to}) topics.remove(topic);
  std::filesystem::remove_all(setting.directory);
}

void measure(const Arguments& arguments) {
  Setting setting;
  setting.bootstrap = arguments.text("bootstrap", "localhost:9092");
  setting.job = arguments.text("job", "pass");
  setting.partitions = static_cast<int>(arguments.number("partitions", 4));
  setting.workers = arguments.number("workers", 2);
  setting.interval = Duration(static_cast<std::int64_t>(arguments.number("interval-ms", 50)));
  const auto rate = static_cast<double>(arguments.number("rate", 10'000));
  const Load load{rate, std::llround(rate * static_cast<double>(arguments.number("seconds", 30)))};
  if (setting.job != "external")
    return measureOwnJob(setting, load, arguments.text("state", "bench-latency"));
  setting.from = arguments.text("from", "");
  setting.to = arguments.text("to", "");
  print(setting, rate, latencies(setting, load), {});
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  try {
    millrace::bench::measure(millrace::bench::Arguments(argc, argv));
    return 0;
  } catch (const std::exception& failure) {
    fmt::print(stderr, "{}\n", failure.what());
    return 1;
  }
}
