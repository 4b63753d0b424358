// SPDX-License-Identifier: MIT
#pragma once

#include "connectors/kafka/client.hpp"
#include "connectors/kafka/held_records.hpp"
#include "connectors/kafka/producer.hpp"

#include <millrace/connectors/kafka/kafka_sink.hpp>
#include <millrace/runtime/commit_point.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

namespace millrace::rdkafka {

/// All Kafka sinks of a running job: their producers, and with exactly once the transaction of each
/// epoch. The transaction is the commit point: results, and a marker with the epoch's number,
/// become visible in one step; the state directory keeps an epoch until that is known. See
/// docs/design/commit-protocol.md for the rules and what each prevents.
///
/// Two producers take turns, so that results of the next epoch go out while one is being committed:
///
///   prepare(N)   results of N are delivered ─► epoch N + 1 is open ─► marker N is in its
///   transaction commit(N)    N is durable ─► the transaction of N has ended ─► marker N was read
///   back
///
/// While N is open, writers produce what belongs to N; a writer whose barrier N has come holds its
/// records back until N + 1 is open.
///
/// At least once there is one producer and nothing is held back: an epoch is open from the barrier
/// before it to prepare(), its records are counted apart, and commit() waits until all are
/// delivered.
///
/// **Thread safety**: as CommitPoint; send() for any thread.
class KafkaEpochs final : public CommitPoint {
 public:
  struct Options {
    KafkaSettings settings;
    KafkaDelivery delivery = KafkaDelivery::kExactlyOnce;
    std::string applicationId;
    Duration interval{0};
    std::stop_token cancellation{};
  };

  /// kInvalidArgument: epochs would be longer than a transaction may last.
  static Status check(const Options& options);

  explicit KafkaEpochs(Options options);
  ~KafkaEpochs() override;

  const Options& options() const { return options_; }

  /// Whether librdkafka takes the properties; see withoutBrokers().
  Status checkProducer() { return makeProducer(0).status(); }

  /// Of a sink of the job; before takeOver() or start().
  void addTopic(const std::string& topic) { topics_.insert(topic); }

  /// Instead of takeOver(), in a job that keeps nothing: at least once.
  Status start();

  std::string describe() const override;
  bool hasLastWord() const override { return isTransactional(); }
  StatusOr<EpochMark> takeOver(const RecordedEpochs& recorded) override;
  void prepare(const EpochMark& mark) override;
  Status commit(const EpochMark& mark) override;

  /// Makes a writer's records known, so that they are sent when they may be.
  void join(std::shared_ptr<HeldRecords> held);

  /// Sends what a writer holds, if its epoch is open and there is room. REQUIRES: its mutex.
  Status send(HeldRecords& held);

  /// The epoch whose results may be sent now.
  std::uint64_t openEpoch() const { return open_.load(std::memory_order_acquire); }

  /// Waits for what was sent.
  Status awaitDeliveries();

 private:
  bool isTransactional() const { return options_.delivery == KafkaDelivery::kExactlyOnce; }
  std::string group() const { return options_.applicationId + ".eos"; }
  std::string controlTopic() const { return options_.applicationId + ".ckpt"; }

  /// Whose turn the epoch is; without transactions there is but one.
  std::unique_ptr<Producer>& producerOf(std::uint64_t epoch) {
    return producers_[isTransactional() ? epoch % producers_.size() : 0];
  }

  StatusOr<std::unique_ptr<Producer>> makeProducer(std::size_t index);
  Status startProducers();
  Status checkTopics() const;
  Status makeControlTopic() const;
  Status shutOthersOut();
  Status checkOwner(const std::optional<EpochMark>& marker, const RecordedEpochs& recorded) const;
  StatusOr<Client> makeReader(bool isStable) const;
  StatusOr<std::optional<EpochMark>> readEarlyMarker() const;
  StatusOr<std::optional<EpochMark>> readCommittedMarker(const Client& reader) const;
  StatusOr<std::optional<EpochMark>> askForMarker(const Client& reader, int timeoutMillis) const;
  Status finishResults(const EpochMark& mark);
  Status begin(std::uint64_t epoch);
  Status sendMarker(const EpochMark& mark);
  Status verify(const EpochMark& mark) const;
  Status replaceProducer(const EpochMark& mark);
  void sendHeld();

  const Options options_;
  std::set<std::string> topics_;

  // One is replaced only between its epochs: writers, and the other's reports, have no use for it
  // then.
  std::array<std::unique_ptr<Producer>, 2> producers_;
  Client reader_;  // of the marker
  std::future<Status> prepared_;

  // 0: none is yet. Transactions have the numbers of epochs; at least once they are counted from 0.
  std::atomic<std::uint64_t> open_{0};
  std::atomic<bool> isAnyHeld_{false};
  std::mutex mutex_;
  std::vector<std::shared_ptr<HeldRecords>> held_;  // under mutex_
};

}  // namespace millrace::rdkafka
