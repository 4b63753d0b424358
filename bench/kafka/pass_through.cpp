// SPDX-License-Identifier: MIT
// One topic copied to another: a loop over librdkafka alone, Millrace at least once, and Millrace
// exactly once. All sides have the same properties, read what was there when they began, and put
// each record by its key where it was. Timed from the first record read to the moment that the last
// may be read, committed, from the other topic; the copies have to be equal in every partition and
// its order.
//
//   bench_kafka_pass_through --bootstrap HOST:PORT --topic user-events --state DIR --interval-ms
//   100
#include "clients.hpp"
#include "hand_copy.hpp"

#include "contest.hpp"

#include <millrace/millrace.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace millrace::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct CopiedEvent {
  std::string key;
  std::string value;
};

Begin* theBegin = nullptr;  // a decoder has no way to be told

struct EventCopier {
  bool decode(const KafkaMessage& message, CopiedEvent& event, Timestamp&, std::string& reason) {
    theBegin->note();
    if (!message.key || !message.value) {
      reason = "neither key nor value may be null";
      return false;
    }
    event.key = *message.key;
    event.value = *message.value;
    return true;
  }
};

void write(const CopiedEvent& event, KafkaRecord& out) {
  out.setKey(event.key);
  out.value = event.value;
}

// With a state directory: exactly once.
void copyByPipeline(const Place& place, std::size_t workers, const std::string& directory,
                    Duration interval, Begin& begin) {
  theBegin = &begin;
  KafkaSourceOptions from;
  from.settings.bootstrapServers = place.bootstrap;
  from.topics = {place.from};
  from.until = KafkaEnd::latest();
  KafkaSinkOptions to;
  to.settings.bootstrapServers = place.bootstrap;
  to.topic = place.to;
  to.applicationId = place.to;
  to.delivery = directory.empty() ? KafkaDelivery::kAtLeastOnce : KafkaDelivery::kExactlyOnce;
  Pipeline pipeline("pass-through");
  pipeline.source("from", kafka<CopiedEvent, EventCopier>(from), monotonousTimestamps())
      .sink("to",
            toKafka(to, [](const CopiedEvent& event, KafkaRecord& out) { write(event, out); }));
  JobOptions options{.workers = workers};
  options.checkpoints.directory = directory;
  options.checkpoints.interval = interval;
  options.restarts.attempts = 0;
  const Status done = run(pipeline, options);
  if (!done.ok()) throw JobError(done);
}

struct Contender {
  std::string name;
  std::function<void(const Place&, Begin&)> copy;
  std::vector<double> wall;
  std::vector<double> cpu;
};

class PassThrough {
 public:
  explicit PassThrough(const Arguments& arguments)
      : topics_(arguments.text("bootstrap", "localhost:9092")),
        bootstrap_(arguments.text("bootstrap", "localhost:9092")),
        from_(arguments.text("topic", "user-events")),
        state_(arguments.text("state", "bench-pass-through")),
        interval_(static_cast<std::int64_t>(arguments.number("interval-ms", 100))),
        partitions_(topics_.partitions(from_)),
        records_(static_cast<std::uint64_t>(topics_.ends(from_, partitions_))) {
    const std::string only = arguments.text("only", "");
    for (const std::size_t workers : {std::size_t{1}, std::size_t{2}}) {
      add(only, fmt::format("hand-{}", workers),
          [workers](const Place& place, Begin& begin) { copyByHand(place, workers, begin); });
      add(only, fmt::format("at-least-once-{}", workers),
          [workers](const Place& place, Begin& begin) {
            copyByPipeline(place, workers, "", Duration(0), begin);
          });
      add(only, fmt::format("exactly-once-{}", workers),
          [this, workers](const Place& place, Begin& begin) {
            copyByPipeline(place, workers, state_ + "/" + place.to, interval_, begin);
          });
    }
  }

  void run(std::uint64_t rounds) {
    const TopicDigest wanted = topics_.digest(from_);
    for (std::uint64_t round = 0; round <= rounds; ++round) {
      for (Contender& each : contenders_) once(each, round == 0 ? &wanted : nullptr);
    }
    std::string runs;
    for (const Contender& each : contenders_) {
      runs += fmt::format(R"({}"{}":{{"wall":[{:.6f}],"cpu":[{:.6f}]}})", runs.empty() ? "" : ",",
                          each.name, fmt::join(each.wall, ","), fmt::join(each.cpu, ","));
    }
    fmt::print(R"({{"name":"kafka-pass-through","records":{},"rows":{},"runs":{{{}}}}})"
               "\n",
               records_, wanted.messages, runs);
  }

 private:
  void add(const std::string& only, std::string name,
           std::function<void(const Place&, Begin&)> copy) {
    if (only.empty() || only == name)
      contenders_.push_back({std::move(name), std::move(copy), {}, {}});
  }

  // The first round warms up, and is looked at closely: `wanted` is what has to be there.
  void once(Contender& contender, const TopicDigest* wanted) {
    const Place place{bootstrap_, from_, fmt::format("{}-copy-{}-{}", from_, getpid(), ++runs_),
                      partitions_};
    topics_.make(place.to, partitions_);
    Begin begin;
    auto copying = std::async(std::launch::async, [&] { contender.copy(place, begin); });
    await(place, begin, copying);
    if (!begin.isThere()) throw std::runtime_error("nothing was copied");
    const double cpu = cpuSeconds() - begin.cpu();
    const double wall = std::chrono::duration<double>(SteadyClock::now() - begin.at()).count();
    if (copying.valid()) copying.get();
    fmt::print(stderr, "{}: {:.3f} s, {:.3f} s of processors\n", contender.name, wall, cpu);
    if (wanted != nullptr) {
      const TopicDigest found = topics_.digest(place.to);
      if (found != *wanted) {
        throw std::runtime_error(fmt::format("'{}' copied {} records of {}, or in another order",
                                             contender.name, found.messages, wanted->messages));
      }
    } else {
      contender.wall.push_back(wall);
      contender.cpu.push_back(cpu);
    }
    topics_.remove(place.to);
    std::filesystem::remove_all(state_ + "/" + place.to);
  }

  // Asks seldom while much is left. A commit takes an offset too, so the count can be reached
  // before the last epoch is committed when that epoch has only a few records.
  void await(const Place& place, const Begin& begin, std::future<void>& copying) {
    while (true) {
      if (copying.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
        return copying.get();
      const std::int64_t there = begin.isThere() ? topics_.ends(place.to, partitions_) : 0;
      if (static_cast<std::uint64_t>(there) >= records_) return;
      const double left = 1 - static_cast<double>(there) / static_cast<double>(records_);
      std::this_thread::sleep_for(
          std::chrono::microseconds(5'000 + static_cast<int>(left * 100'000)));
    }
  }

  Topics topics_;
  const std::string bootstrap_;
  const std::string from_;
  const std::string state_;
  const Duration interval_;
  const int partitions_;
  const std::uint64_t records_;
  std::vector<Contender> contenders_;
  int runs_ = 0;
};

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  try {
    const millrace::bench::Arguments arguments(argc, argv);
    millrace::bench::PassThrough(arguments).run(arguments.number("rounds", 5));
    return 0;
  } catch (const std::exception& failure) {
    fmt::print(stderr, "{}\n", failure.what());
    return 1;
  }
}
