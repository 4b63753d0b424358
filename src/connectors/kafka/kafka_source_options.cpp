// SPDX-License-Identifier: MIT
#include <millrace/connectors/kafka/kafka_source_options.hpp>

#include <utility>

namespace millrace {

KafkaStart KafkaStart::earliest() { return {}; }

KafkaStart KafkaStart::latest() {
  KafkaStart start;
  start.at = At::kLatest;
  return start;
}

KafkaStart KafkaStart::timestamp(Timestamp time) {
  KafkaStart start;
  start.at = At::kTimestamp;
  start.time = time;
  return start;
}

KafkaStart KafkaStart::committed(At otherwise) {
  KafkaStart start;
  start.at = At::kCommitted;
  start.otherwise = otherwise;
  return start;
}

KafkaStart KafkaStart::offsets(std::vector<KafkaOffset> positions, At otherwise) {
  KafkaStart start;
  start.at = At::kOffsets;
  start.positions = std::move(positions);
  start.otherwise = otherwise;
  return start;
}

KafkaEnd KafkaEnd::never() { return {}; }

KafkaEnd KafkaEnd::latest() {
  KafkaEnd end;
  end.at = At::kLatest;
  return end;
}

KafkaEnd KafkaEnd::timestamp(Timestamp time) {
  KafkaEnd end;
  end.at = At::kTimestamp;
  end.time = time;
  return end;
}

KafkaEnd KafkaEnd::offsets(std::vector<KafkaOffset> positions) {
  KafkaEnd end;
  end.at = At::kOffsets;
  end.positions = std::move(positions);
  return end;
}

}  // namespace millrace
