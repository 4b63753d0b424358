// SPDX-License-Identifier: MIT
#include "clients.hpp"

#include <millrace/base/hash.hpp>

#include <fmt/format.h>

#include <array>
#include <numeric>
#include <stdexcept>
#include <string_view>

namespace millrace::bench {
namespace {

constexpr int kTimeoutMillis = 30'000;
constexpr int kPollMillis = 100;

using Conf = std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)>;

void check(rd_kafka_resp_err_t code, std::string_view doing) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  throw std::runtime_error(fmt::format("{}: {}", doing, rd_kafka_err2str(code)));
}

Owned<rd_kafka_t> open(rd_kafka_type_t type, const Properties& properties) {
  std::array<char, 512> reason{};
  Conf conf(rd_kafka_conf_new(), &rd_kafka_conf_destroy);
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), reason.data(), reason.size()) !=
        RD_KAFKA_CONF_OK)
      throw std::runtime_error(reason.data());
  }
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR);
  Owned<rd_kafka_t> client(rd_kafka_new(type, conf.get(), reason.data(), reason.size()));
  if (client == nullptr) throw std::runtime_error(reason.data());
  static_cast<void>(conf.release());  // the client's own now
  return client;
}

// What a topic's admin request has answered; one topic a request.
void checkAnswer(rd_kafka_queue_t* queue, const std::string& doing) {
  const Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(queue, kTimeoutMillis));
  if (event == nullptr) throw std::runtime_error(doing + ": no answer");
  check(rd_kafka_event_error(event.get()), doing);
  std::size_t count = 0;
  const bool isMade = rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_CREATETOPICS_RESULT;
  const rd_kafka_topic_result_t* const* results =
      isMade ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()),
                                                   &count)
             : rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()),
                                                   &count);
  for (std::size_t i = 0; i < count; ++i) check(rd_kafka_topic_result_error(results[i]), doing);
}

std::string_view bytes(const void* data, std::size_t size) {
  return {static_cast<const char*>(data), size};
}

}  // namespace

Properties consumerProperties(const std::string& bootstrap) {
  return {{"bootstrap.servers", bootstrap},      {"group.id", "millrace-bench"},
          {"enable.auto.commit", "false"},       {"enable.auto.offset.store", "false"},
          {"enable.partition.eof", "true"},      {"auto.offset.reset", "error"},
          {"isolation.level", "read_committed"}, {"fetch.error.backoff.ms", "100"},
          {"socket.nagle.disable", "true"},      {"log_level", "4"}};
}

Properties producerProperties(const std::string& bootstrap) {
  return {{"bootstrap.servers", bootstrap},        {"enable.idempotence", "true"},
          {"partitioner", "murmur2_random"},       {"linger.ms", "5"},
          {"queue.buffering.max.kbytes", "65536"}, {"socket.nagle.disable", "true"}};
}

Owned<rd_kafka_t> openConsumer(const Properties& properties) {
  Owned<rd_kafka_t> consumer = open(RD_KAFKA_CONSUMER, properties);
  check(rd_kafka_poll_set_consumer(consumer.get()), "preparing a consumer");
  return consumer;
}

Owned<rd_kafka_t> openProducer(const Properties& properties) {
  return open(RD_KAFKA_PRODUCER, properties);
}

Owned<rd_kafka_topic_t> openTopic(rd_kafka_t* client, const std::string& name) {
  Owned<rd_kafka_topic_t> topic(rd_kafka_topic_new(client, name.c_str(), nullptr));
  if (topic == nullptr) check(rd_kafka_last_error(), name);
  return topic;
}

Owned<rd_kafka_queue_t> assign(rd_kafka_t* consumer, const std::string& topic,
                               const std::vector<int>& partitions, std::int64_t offset) {
  const Owned<rd_kafka_topic_partition_list_t> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const int partition : partitions)
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  check(rd_kafka_assign(consumer, list.get()), "assigning partitions");
  return Owned<rd_kafka_queue_t>(rd_kafka_queue_get_consumer(consumer));
}

Topics::Topics(std::string bootstrap)
    : bootstrap_(std::move(bootstrap)), client_(openConsumer(consumerProperties(bootstrap_))) {}

void Topics::make(const std::string& name, int partitions) {
  std::array<char, 512> reason{};
  rd_kafka_NewTopic_t* topic =
      rd_kafka_NewTopic_new(name.c_str(), partitions, 1, reason.data(), reason.size());
  if (topic == nullptr) throw std::runtime_error(reason.data());
  const Owned<rd_kafka_queue_t> answers(rd_kafka_queue_new(client_.get()));
  rd_kafka_CreateTopics(client_.get(), &topic, 1, nullptr, answers.get());
  rd_kafka_NewTopic_destroy(topic);
  checkAnswer(answers.get(), "making topic " + name);
  while (this->partitions(name) < partitions)
    rd_kafka_poll(client_.get(), 1);  // the broker follows in a moment
}

void Topics::remove(const std::string& name) {
  rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(name.c_str());
  const Owned<rd_kafka_queue_t> answers(rd_kafka_queue_new(client_.get()));
  rd_kafka_DeleteTopics(client_.get(), &topic, 1, nullptr, answers.get());
  rd_kafka_DeleteTopic_destroy(topic);
  checkAnswer(answers.get(), "deleting topic " + name);
}

int Topics::partitions(const std::string& name) {
  const Owned<rd_kafka_topic_t> topic = openTopic(client_.get(), name);
  const rd_kafka_metadata_t* metadata = nullptr;
  check(rd_kafka_metadata(client_.get(), 0, topic.get(), &metadata, kTimeoutMillis),
        "asking for partitions");
  const int count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
  rd_kafka_metadata_destroy(metadata);
  return count;
}

std::int64_t Topics::ends(const std::string& name, int partitions) {
  std::int64_t sum = 0;
  for (int partition = 0; partition < partitions; ++partition) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    // With this client's read_committed "high" is the end of what is committed.
    const auto answer = rd_kafka_query_watermark_offsets(client_.get(), name.c_str(), partition,
                                                         &low, &high, kTimeoutMillis);
    // Of a topic just made the brokers know a moment later who leads it.
    if (answer == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION) continue;
    check(answer, "asking for the end of " + name);
    sum += high;
  }
  return sum;
}

TopicDigest Topics::digest(const std::string& name) {
  std::vector<int> all(static_cast<std::size_t>(partitions(name)));
  std::iota(all.begin(), all.end(), 0);
  const Owned<rd_kafka_t> consumer = openConsumer(consumerProperties(bootstrap_));
  Owned<rd_kafka_queue_t> queue = assign(consumer.get(), name, all, 0);
  TopicDigest found;
  std::vector<std::uint64_t> chains(all.size(), 0);
  for (std::size_t ended = 0; ended < all.size();) {
    const Owned<rd_kafka_message_t> message(rd_kafka_consume_queue(queue.get(), kPollMillis));
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      ++ended;
      continue;
    }
    check(message->err, "reading " + name);
    std::uint64_t& chain = chains[static_cast<std::size_t>(message->partition)];
    chain = mixHash(chain ^ std::hash<std::string_view>()(bytes(message->key, message->key_len)));
    chain = mixHash(chain ^ std::hash<std::string_view>()(bytes(message->payload, message->len)));
    ++found.messages;
  }
  for (const std::uint64_t chain : chains) found.digest = mixHash(found.digest ^ chain);
  return found;
}

}  // namespace millrace::bench
