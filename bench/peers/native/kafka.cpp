// SPDX-License-Identifier: MIT
// One topic copied to another, as bench/peers/flink and bench/peers/streams do it, up to what was
// there at the start or (--until killed) for as long as it is let; or what a topic holds, told as a
// digest.
//
//   bench_peer_kafka --job copy --contender millrace|hand --bootstrap HOST:PORT --from TOPIC --to
//   TOPIC
//       --guarantee at-least-once|exactly-once --interval-ms 100 --directory DIR --application NAME
//       --workers 1
//       --until latest|killed
//   bench_peer_kafka --job digest --bootstrap HOST:PORT --from TOPIC
#include "clients.hpp"
#include "contest.hpp"
#include "hand_copy.hpp"

#include <millrace/millrace.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

namespace millrace::bench {
namespace {

struct CopiedEvent {
  std::string key;
  std::string value;
};

struct EventCopier {
  bool decode(const KafkaMessage& message, CopiedEvent& event, Timestamp&, std::string& reason) {
    if (!message.key || !message.value) {
      reason = "neither key nor value may be null";
      return false;
    }
    event.key = *message.key;
    event.value = *message.value;
    return true;
  }
};

void copyInPipeline(const Arguments& arguments) {
  const bool isExactlyOnce = arguments.text("guarantee", "") == "exactly-once";
  KafkaSourceOptions from;
  from.settings.bootstrapServers = arguments.text("bootstrap", "");
  from.topics = {arguments.text("from", "")};
  from.groupId = arguments.text("application", "");
  if (arguments.text("until", "latest") == "latest") from.until = KafkaEnd::latest();
  KafkaSinkOptions to;
  to.settings.bootstrapServers = from.settings.bootstrapServers;
  to.topic = arguments.text("to", "");
  to.applicationId = arguments.text("application", "");
  to.delivery = isExactlyOnce ? KafkaDelivery::kExactlyOnce : KafkaDelivery::kAtLeastOnce;
  Pipeline pipeline("copy");
  pipeline.source("from", kafka<CopiedEvent, EventCopier>(from), monotonousTimestamps())
      .sink("to", toKafka(to, [](const CopiedEvent& event, KafkaRecord& out) {
              out.setKey(event.key);
              out.value = event.value;
            }));
  JobOptions options{.workers = arguments.number("workers", 1)};
  options.checkpoints.directory = arguments.text("directory", "");
  options.checkpoints.interval =
      Duration(static_cast<std::int64_t>(arguments.number("interval-ms", 100)));
  options.restarts.attempts = 0;
  const Status done = run(pipeline, options);
  if (!done.ok()) throw JobError(done);
}

void copyInLoop(const Arguments& arguments) {
  const std::string bootstrap = arguments.text("bootstrap", "");
  const std::string from = arguments.text("from", "");
  Begin begin;
  copyByHand({bootstrap, from, arguments.text("to", ""), Topics(bootstrap).partitions(from)},
             arguments.number("workers", 1), begin);
}

void tellDigest(const Arguments& arguments) {
  const TopicDigest found =
      Topics(arguments.text("bootstrap", "")).digest(arguments.text("from", ""));
  fmt::print("{{\"rows\":{},\"digest\":\"{:016x}\"}}\n", found.messages, found.digest);
}

void work(const Arguments& arguments) {
  if (arguments.text("job", "copy") == "digest") return tellDigest(arguments);
  const std::string contender = arguments.text("contender", "millrace");
  if (contender == "millrace") return copyInPipeline(arguments);
  if (contender == "hand") return copyInLoop(arguments);
  throw std::invalid_argument("no such contender: " + contender);
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  try {
    millrace::bench::work(millrace::bench::Arguments(argc, argv));
    return 0;
  } catch (const std::exception& failure) {
    fmt::print(stderr, "{}\n", failure.what());
    return 1;
  }
}
