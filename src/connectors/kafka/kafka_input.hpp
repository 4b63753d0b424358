// SPDX-License-Identifier: MIT
// What the readers of one Kafka source have in common.
#pragma once

#include "connectors/kafka/client.hpp"
#include "connectors/kafka/kafka_positions.hpp"
#include "connectors/kafka/partition_lookup.hpp"

#include <millrace/connectors/kafka/kafka_source_options.hpp>
#include <millrace/runtime/source.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <thread>
#include <vector>

namespace millrace::rdkafka {

/// How far a partition is read, for anyone to look at.
struct PartitionGauge {
  explicit PartitionGauge(PartitionId partition) : id(std::move(partition)) {}

  const PartitionId id;
  std::atomic<std::int64_t> position{SplitProgress::kUnknown};
  std::atomic<std::int64_t> end{SplitProgress::kUnknown};
  std::atomic<std::int64_t> committed{SplitProgress::kUnknown};
  std::atomic<std::uint64_t> repeated{0};
};

/// What is found out for a reader while it reads.
///
/// **Thread safety**: all; the members under KafkaInput's mutex but for hasNews.
struct ReaderInbox {
  std::size_t worker = 0;
  std::size_t workers = 1;
  Waker* waker = nullptr;
  std::shared_ptr<Client> client;
  bool wantsFetch = false;
  bool isInDoubt = false;
  std::vector<PartitionPosition> added;
  Status failure;
  std::atomic<bool> hasNews{false};
};

/// Finds the partitions, says which of them a reader has and where it begins, and looks, on a
/// thread of its own, for new ones and for how far they go.
///
/// **Thread safety**: open() and restore() from one thread at a time, before any reader begins; the
/// rest from any.
class KafkaInput {
 public:
  explicit KafkaInput(KafkaSourceOptions options);
  ~KafkaInput();
  KafkaInput(const KafkaInput&) = delete;
  KafkaInput& operator=(const KafkaInput&) = delete;

  const KafkaSourceOptions& options() const { return options_; }

  /// The first reader's client asks for all. `cancellation` ends the waiting, here and in
  /// restore().
  Status open(const std::shared_ptr<Client>& client, bool mayBeRestored,
              const std::stop_token& cancellation);
  /// Of a job that goes on from nothing. REQUIRES: open().
  StatusOr<bool> hasPassingStart() const;
  /// For all readers; each may ask for it, one is enough.
  Status restore(std::span<const std::string_view> positions);

  /// The reader's share of what is known; from here on its inbox is filled. REQUIRES: leave()
  /// before it goes.
  StatusOr<std::vector<PartitionPosition>> begin(ReaderInbox& inbox);
  /// The same for one that has not begun.
  std::vector<PartitionPosition> shareOf(const ReaderInbox& inbox);
  void leave(ReaderInbox& inbox);
  Status takeNews(ReaderInbox& inbox, std::vector<PartitionPosition>& added);
  void watch(std::shared_ptr<PartitionGauge> gauge);
  /// The reader's queue was full and is running low. librdkafka looks only once a second whether it
  /// may fetch again, or when it has to do with the broker: so something is asked.
  void hasten(ReaderInbox& inbox);
  /// A partition of the reader has been missing for a while: it is told when that is so.
  void doubt(ReaderInbox& inbox);

  /// For librdkafka: what became of telling the group, with the input as `opaque`. A failure is
  /// said once until it works again.
  static void onToldGroup(rd_kafka_t*, rd_kafka_resp_err_t answer,
                          rd_kafka_topic_partition_list_t* offsets, void* opaque);

  /// All brokers are away, or one has answered: said once for each outage.
  void noteAway(std::string_view reason);
  void noteAnswer() {
    if (isAway_.load(std::memory_order_relaxed)) noteBack();
  }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  Status await(const std::function<Status(const PartitionLookup&)>& ask);
  std::vector<PartitionPosition> pick(const ReaderInbox& inbox) const;
  void scout();
  Status discover();
  void serveReaders(std::unique_lock<std::mutex>& lock);
  Status refreshEnds(const Client& client,
                     std::span<const std::shared_ptr<PartitionGauge>> gauges) const;
  void noteBack();
  Status checkThere(const Client& client,
                    std::span<const std::shared_ptr<PartitionGauge>> gauges) const;
  void tell(ReaderInbox& inbox, const Status& failure);

  const KafkaSourceOptions options_;
  std::vector<PartitionId> partitions_;       // known so far; once begun, of the scout alone
  std::vector<PartitionPosition> positions_;  // where the readers begin
  Status planned_;
  std::stop_token cancellation_;
  bool isRestored_ = false;
  std::atomic<bool> isAway_{false};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ReaderInbox*> inboxes_;
  std::vector<std::shared_ptr<PartitionGauge>> gauges_;
  bool isEnding_ = false;
  bool isAsked_ = false;  // by some inbox
  bool isGroupTold_ = true;
  std::thread scout_;
  std::shared_ptr<Client> client_;  // goes first: it may still call onToldGroup()
};

}  // namespace millrace::rdkafka
