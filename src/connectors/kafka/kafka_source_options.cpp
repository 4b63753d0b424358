// SPDX-License-Identifier: MIT
#include <millrace/connectors/kafka/kafka_source_options.hpp>

#include <utility>

namespace millrace {

KafkaStart KafkaStart::earliest() { return {}; }

KafkaStart KafkaStart::latest() { return {.at = At::kLatest}; }

KafkaStart KafkaStart::timestamp(Timestamp time) { return {.at = At::kTimestamp, .time = time}; }

KafkaStart KafkaStart::committed(At otherwise) {
  return {.at = At::kCommitted, .otherwise = otherwise};
}

KafkaStart KafkaStart::offsets(std::vector<KafkaOffset> positions, At otherwise) {
  return {.at = At::kOffsets, .positions = std::move(positions), .otherwise = otherwise};
}

KafkaEnd KafkaEnd::never() { return {}; }

KafkaEnd KafkaEnd::latest() { return {.at = At::kLatest}; }

KafkaEnd KafkaEnd::timestamp(Timestamp time) { return {.at = At::kTimestamp, .time = time}; }

KafkaEnd KafkaEnd::offsets(std::vector<KafkaOffset> positions) {
  return {.at = At::kOffsets, .positions = std::move(positions)};
}

}  // namespace millrace
