// SPDX-License-Identifier: MIT
#pragma once

#include "connectors/kafka/client.hpp"

#include <millrace/connectors/kafka/kafka_records.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace millrace::rdkafka {

/// Whether the requests of which a late copy can do harm have had their answers. They cannot be
/// counted: of most answers librdkafka tells twice, by the thread that has received them and by the
/// one that deals with them. But it sends nothing more of a kind before it has dealt with the one
/// before, or given it up.
///
/// **Thread safety**: any thread; sent() and answered() of one kind from one at a time.
class UnansweredRequests {
 public:
  enum class Kind : std::uint8_t { kOffsetCommit, kEnd };

  void sent(Kind kind) {
    if (out(kind).exchange(true)) isAnyLost_.store(true);
  }
  void answered(Kind kind) { out(kind).store(false); }
  bool isAny() const { return isAnyLost_.load() || isOut_[0].load() || isOut_[1].load(); }

 private:
  std::atomic<bool>& out(Kind kind) { return isOut_[static_cast<std::size_t>(kind)]; }

  std::array<std::atomic<bool>, 2> isOut_{};  // by kind
  std::atomic<bool> isAnyLost_{false};
};

/// librdkafka's producer with the thread that reads its delivery reports. What could not be
/// delivered is remembered: failure().
///
/// **Thread safety**: all methods may be called from any thread, those of transactions from one at
/// a time.
class Producer {
 public:
  struct Options {
    KafkaSettings settings;
    std::string clientId;
    std::string transactionalId = {};  ///< empty: none
    Duration transactionTimeout{60'000};
    bool tellsOfOutages = true;         ///< to the log, while nothing is delivered
    std::stop_token cancellation = {};  ///< see OperatorContext::cancellation()
  };

  /// `onReports` is called by the thread that reads delivery reports, when some have come. Does not
  /// wait for brokers.
  static StatusOr<std::unique_ptr<Producer>> make(const Options& options,
                                                  std::function<void()> onReports);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// What `onReports` uses may go from then on.
  void stopReports();

  const Client& client() const { return client_; }

  /// As rdkafka::awaitBrokers(). From then on it is told when they go away, and when they are back.
  Status awaitBrokers();

  /// Waits for brokers, and shuts out the producer that had this transactional id before.
  Status initTransactions();
  Status beginTransaction();
  /// Gives offsets, with their metadata, to the transaction.
  Status sendOffsets(const std::string& group, const rd_kafka_topic_partition_list_t& offsets);
  Status commitTransaction();
  /// Whether a request has gone unanswered of which a late copy could end, or mark, another
  /// transaction: then the producer must not begin any.
  bool isInDoubt() const { return unanswered_.isAny(); }

  /// Hands over records of an epoch from the first on; answers how many were taken: fewer when the
  /// queue is full.
  StatusOr<std::size_t> produce(const std::string& topic, const KafkaRecords& records,
                                std::uint64_t epoch);

  /// Waits until everything is delivered, or answers why not. Does not end while more is produced.
  Status awaitDeliveries();

  /// Waits until all of the epoch is delivered, or answers why not. REQUIRES: nothing more of it
  /// comes, and nothing yet of the one after the next.
  Status awaitDelivered(std::uint64_t epoch);

  Status failure() const;

 private:
  explicit Producer(const Options& options, std::function<void()> onReports);

  void readReports();
  void noteReports(rd_kafka_event_t& event);
  void noteError(rd_kafka_event_t& event);
  void fail(Status status);
  Status notTaken(rd_kafka_resp_err_t code, const std::string& topic, const KafkaRecords& records,
                  const KafkaRecords::Entry& entry);
  StatusOr<rd_kafka_topic_t*> topic(const std::string& name);
  StatusOr<std::size_t> produceAll(rd_kafka_topic_t& topic, const std::string& name,
                                   const KafkaRecords& records, void* lane);
  StatusOr<bool> produceOne(rd_kafka_topic_t& topic, const std::string& name,
                            const KafkaRecords& records, const KafkaRecords::Entry& entry,
                            void* lane);

  static rd_kafka_resp_err_t onNew(rd_kafka_t*, const rd_kafka_conf_t*, void*, char*, std::size_t);
  static rd_kafka_resp_err_t onSent(rd_kafka_t*, int, const char*, std::int32_t, std::int16_t,
                                    std::int16_t, std::int32_t, std::size_t, void*);
  static rd_kafka_resp_err_t onAnswer(rd_kafka_t*, int, const char*, std::int32_t, std::int16_t,
                                      std::int16_t, std::int32_t, std::size_t, std::int64_t,
                                      rd_kafka_resp_err_t, void*);

  const Options options_;
  const Duration patience_;  // after which brokers have aborted a transaction anyway
  const std::function<void()> onReports_;
  UnansweredRequests unanswered_;
  // Records on their way: epochs by turns have one of the two lanes.
  std::array<std::atomic<std::int64_t>, 2> undelivered_{};
  mutable std::mutex mutex_;
  std::condition_variable hasFailed_;
  Status failure_;                       // under mutex_
  std::map<std::string, Topic> topics_;  // under mutex_; they go before the client
  Client client_;
  Queue queue_;
  std::atomic<bool> isStopping_{false};
  std::atomic<bool> isWatched_{false};  // somebody wants to know whether brokers answer
  bool isAway_ = false;                 // of the thread that reads reports
  std::thread reports_;
};

}  // namespace millrace::rdkafka
