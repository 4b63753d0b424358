// SPDX-License-Identifier: MIT
// Messages as they came from librdkafka, still to be given out.
#pragma once

#include "connectors/kafka/client.hpp"

#include <millrace/connectors/kafka/kafka_message.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace millrace::rdkafka {

/// A few messages and events of a queue, in order. What follows one another of one partition is a
/// run.
///
/// **Thread safety**: none.
class FetchedMessages {
 public:
  static constexpr std::size_t kLimit = 1024;

  FetchedMessages() = default;
  ~FetchedMessages() { clear(); }
  FetchedMessages(const FetchedMessages&) = delete;
  FetchedMessages& operator=(const FetchedMessages&) = delete;

  bool isEmpty() const { return at_ == count_; }
  /// REQUIRES: !isEmpty(), as for pop() and view().
  const rd_kafka_message_t& front() const { return *messages_[at_]; }
  void pop();
  /// Begins a run with front(). REQUIRES: it is a message, no event.
  void beginRun();
  /// Whether the run goes on with front().
  bool isInRun() const;
  /// Takes what is ready, without waiting. False: nothing is. REQUIRES: isEmpty().
  bool fill(rd_kafka_queue_t* queue);
  void clear();
  /// Of what the last fill() took.
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return bytes_; }

  /// front(), for decoders; `headers` is where its headers are kept.
  void view(std::string_view topic, KafkaMessage& message, std::vector<KafkaHeader>& headers) const;

 private:
  std::array<rd_kafka_message_t*, kLimit> messages_{};
  std::size_t at_ = 0;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  const void* runTopic_ = nullptr;
  std::int32_t runPartition_ = -1;
};

}  // namespace millrace::rdkafka
