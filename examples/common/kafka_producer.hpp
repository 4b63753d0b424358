// SPDX-License-Identifier: MIT
#pragma once

#include "event_output.hpp"
#include "kafka_client.hpp"

#include <millrace/connectors/kafka/kafka_settings.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace millrace::examples {

/// Made events to a topic, keyed by user id, and each accounted for by its delivery report. Events
/// that break a rule have no key.
///
/// Bursts go to librdkafka as they were made, without another copy: the memory of a burst is used
/// again when all of its reports are in. A full queue makes the caller wait; nothing is left out.
class KafkaProducer final : public EventOutput {
 public:
  /// What has not been delivered, and what has been waited for.
  struct Account {
    std::uint64_t failed = 0;
    std::string failures;  ///< "12 Broker: Message size too large (...)", most first
    std::uint64_t waits = 0;
    double waitedSeconds = 0;
  };

  /// Blocks until the topic is known. Errors are those of KafkaClient.
  static StatusOr<std::unique_ptr<KafkaProducer>> open(const KafkaSettings& settings,
                                                       std::string topic, const StopSignal& stop);
  ~KafkaProducer() override;

  std::string& beginBurst(TimePoint due) override;
  void endRecord(const MadeEvent& event) override;
  /// kAborted: no event will get through any more.
  Status endBurst() override;
  Status flush() override { return okStatus(); }
  /// Waits for all delivery reports; kAborted when a record was not delivered.
  Status close() override;

  Sent sent() const override;
  Sent interval() override;
  std::uint64_t recordsSent() const override {
    return acknowledged_.load(std::memory_order_relaxed);
  }

  Account account() const;

 private:
  struct Burst {
    struct Ends {
      std::size_t value;
      std::size_t key;  // the same as value: no key
    };
    TimePoint due;
    std::string text;  // value, key, value, key, ...
    std::vector<Ends> ends;
    std::size_t unreported = 0;  // guarded by KafkaProducer::mutex_ once it is with librdkafka
  };

  explicit KafkaProducer(std::string topicName) : topicName_(std::move(topicName)) {}

  void describeMessages();
  std::size_t offer(std::size_t from);
  void awaitRoom(std::uint64_t seen);
  void watchReports();
  void onReports(rd_kafka_event_t* event);
  void onError(rd_kafka_event_t* event);
  void release(Burst* burst, std::size_t reports);
  void countFailures(rd_kafka_resp_err_t code, std::uint64_t records);
  Status outcome() const;

  const std::string topicName_;
  std::unique_ptr<KafkaClient> client_;
  KafkaTopic topic_;
  KafkaQueue reports_;

  // The maker's.
  std::unique_ptr<Burst> burst_;
  std::vector<rd_kafka_message_t> messages_;

  mutable std::mutex mutex_;
  std::condition_variable reported_;
  // Guarded by mutex_.
  std::vector<std::unique_ptr<Burst>> spare_;
  std::uint64_t unreported_ = 0;
  std::uint64_t reportedEvents_ = 0;
  Sent whole_;
  Sent interval_;
  std::map<rd_kafka_resp_err_t, std::uint64_t> failures_;
  std::uint64_t waits_ = 0;
  double waitedSeconds_ = 0;

  std::atomic<std::uint64_t> acknowledged_{0};  // for progress; nothing is ordered by it
  std::atomic<bool> isHopeless_{false};         // what is produced now would fail as well
  std::atomic<bool> isClosing_{false};
  std::thread watcher_;
};

}  // namespace millrace::examples
