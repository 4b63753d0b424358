// SPDX-License-Identifier: MIT
// librdkafka by itself: the other side of contests, and what fills and judges topics.
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::bench {

struct Free {
  void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

using Properties = std::vector<std::pair<std::string, std::string>>;

/// What both sides of a contest set alike. How much is fetched ahead is left to librdkafka: with
/// the smaller limits that the pipeline's source has, which knows how to keep librdkafka fetching,
/// the loop stalls.
Properties consumerProperties(const std::string& bootstrap);
Properties producerProperties(const std::string& bootstrap);

/// Throws std::runtime_error with librdkafka's words, as everything here does.
Owned<rd_kafka_t> openConsumer(const Properties& properties);
/// Its delivery reports come as events to its main queue.
Owned<rd_kafka_t> openProducer(const Properties& properties);
Owned<rd_kafka_topic_t> openTopic(rd_kafka_t* client, const std::string& name);

/// Reads `partitions` of the topic from `offset` on; what comes is in the queue.
Owned<rd_kafka_queue_t> assign(rd_kafka_t* consumer, const std::string& topic,
                               const std::vector<int>& partitions, std::int64_t offset);

/// The content of a topic as committed, partition by partition in its order.
struct TopicDigest {
  std::uint64_t messages = 0;
  std::uint64_t digest = 0;

  bool operator==(const TopicDigest&) const = default;
};

/// Topics of one broker.
///
/// **Thread safety**: none, but for ends().
class Topics {
 public:
  explicit Topics(std::string bootstrap);

  void make(const std::string& name, int partitions);
  void remove(const std::string& name);
  int partitions(const std::string& name);
  /// The sum over partitions of what committed readers may read up to.
  std::int64_t ends(const std::string& name, int partitions);
  TopicDigest digest(const std::string& name);

 private:
  const std::string bootstrap_;
  const Owned<rd_kafka_t> client_;
};

}  // namespace millrace::bench
