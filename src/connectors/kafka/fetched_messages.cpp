// SPDX-License-Identifier: MIT
#include "connectors/kafka/fetched_messages.hpp"

#include <millrace/runtime/source.hpp>

namespace millrace::rdkafka {
namespace {

void readHeaders(const rd_kafka_message_t& message, std::vector<KafkaHeader>& out) {
  out.clear();
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    KafkaHeader& header = out.emplace_back();
    header.name = name;
    if (value != nullptr) header.value.emplace(static_cast<const char*>(value), size);
  }
}

KafkaTimestampKind kindOf(rd_kafka_timestamp_type_t type) {
  switch (type) {
    case RD_KAFKA_TIMESTAMP_CREATE_TIME:
      return KafkaTimestampKind::kCreated;
    case RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME:
      return KafkaTimestampKind::kAppended;
    default:
      return KafkaTimestampKind::kNone;
  }
}

std::optional<std::string_view> bytesOf(const void* data, std::size_t size) {
  if (data == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(data), size);
}

}  // namespace

void FetchedMessages::pop() {
  rd_kafka_message_destroy(messages_[at_]);
  ++at_;
}

void FetchedMessages::beginRun() {
  runTopic_ = front().rkt;
  runPartition_ = front().partition;
}

bool FetchedMessages::isInRun() const {
  return !isEmpty() && front().err == RD_KAFKA_RESP_ERR_NO_ERROR && front().rkt == runTopic_ &&
         front().partition == runPartition_;
}

bool FetchedMessages::fill(rd_kafka_queue_t* queue) {
  at_ = count_ = 0;
  const auto count = rd_kafka_consume_batch_queue(queue, 0, messages_.data(), messages_.size());
  if (count > 0) count_ = static_cast<std::size_t>(count);
  bytes_ = 0;
  for (std::size_t i = 0; i < count_; ++i) bytes_ += messages_[i]->len + messages_[i]->key_len;
  return count_ > 0;
}

void FetchedMessages::clear() {
  while (!isEmpty()) pop();
}

void FetchedMessages::view(std::string_view topic, KafkaMessage& message,
                           std::vector<KafkaHeader>& headers) const {
  const rd_kafka_message_t& from = front();
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t timestamp = rd_kafka_message_timestamp(&from, &type);
  message.topic = topic;
  message.partition = from.partition;
  message.offset = from.offset;
  message.timestampKind = kindOf(type);
  message.timestamp = message.timestampKind == KafkaTimestampKind::kNone ? kNoTimestamp : timestamp;
  message.key = bytesOf(from.key, from.key_len);
  message.value = bytesOf(from.payload, from.len);
  readHeaders(from, headers);
  message.headers = headers;
}

}  // namespace millrace::rdkafka
