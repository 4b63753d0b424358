// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/connectors/kafka/kafka_records.hpp>
#include <millrace/runtime/waker.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace millrace::rdkafka {

/// What one writer has made and not yet handed to the producer.
///
/// **Thread safety**: under its mutex, but for bytes().
struct HeldRecords {
  explicit HeldRecords(std::string toTopic) : topic(std::move(toTopic)) {}

  void show() { shownBytes.store(records.memoryBytes(), std::memory_order_relaxed); }
  std::size_t bytes() const { return shownBytes.load(std::memory_order_relaxed); }

  const std::string topic;
  std::mutex mutex;
  KafkaRecords records;
  std::uint64_t epoch =
      0;  ///< whose records they are, at the earliest: see KafkaEpochs::openEpoch()
  Waker* waker = nullptr;  ///< woken when there is room again; null: nobody
  std::atomic<std::size_t> shownBytes{0};
};

}  // namespace millrace::rdkafka
