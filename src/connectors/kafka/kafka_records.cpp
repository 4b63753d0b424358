// SPDX-License-Identifier: MIT
#include <millrace/connectors/kafka/kafka_records.hpp>

#include <iterator>

namespace millrace {

void KafkaRecord::clear() {
  value.clear();
  isTombstone = false;
  key.clear();
  hasKey = false;
  headers.clear();
  timestamp.reset();
  partition.reset();
}

void KafkaRecords::add(const KafkaRecord& record) {
  Entry& entry = entries_.emplace_back();
  if (record.hasKey) {
    entry.key = bytes_.size();
    entry.keySize = record.key.size();
    bytes_ += record.key;
  }
  if (!record.isTombstone) {
    entry.value = bytes_.size();
    entry.valueSize = record.value.size();
    bytes_ += record.value;
  }
  if (!record.headers.empty()) {
    entry.headers = headers_.size();
    headers_.push_back(record.headers);
  }
  if (record.timestamp) entry.timestamp = *record.timestamp;
  if (record.partition) entry.partition = *record.partition;
}

void KafkaRecords::take(KafkaRecords& others) {
  if (isEmpty()) {
    clear();
    std::swap(*this, others);
    return;
  }
  const std::size_t bytes = bytes_.size();
  const std::size_t headers = headers_.size();
  bytes_ += others.bytes_;
  headers_.insert(headers_.end(), std::make_move_iterator(others.headers_.begin()),
                  std::make_move_iterator(others.headers_.end()));
  for (std::size_t i = 0; i < others.size(); ++i) {
    Entry& entry = entries_.emplace_back(others[i]);
    if (entry.key != kNone) entry.key += bytes;
    if (entry.value != kNone) entry.value += bytes;
    if (entry.headers != kNone) entry.headers += headers;
  }
  others.clear();
}

void KafkaRecords::drop(std::size_t count) {
  first_ += count;
  if (isEmpty()) clear();
}

void KafkaRecords::clear() {
  bytes_.clear();
  entries_.clear();
  headers_.clear();
  first_ = 0;
}

}  // namespace millrace
