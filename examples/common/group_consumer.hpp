// SPDX-License-Identifier: MIT
#pragma once

#include "kafka_client.hpp"

#include <millrace/connectors/kafka/kafka_settings.hpp>
#include <millrace/runtime/source.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::examples {

struct GroupSettings {
  KafkaSettings kafka;  ///< with group.id and all else
  std::string
      topics;  ///< with commas between; or ^REGEX, POSIX's extended ones, for the whole name
};

/// A member of a consumer group: reads the partitions that the group gives it, and commits how far
/// its records have been *handled*, so that another member, or the next run, goes on there. What
/// was read and not handled comes again: at least once.
///
/// Each time a partition is given to this member it becomes a new *split*, numbered from 0.
///
/// **Thread safety**: one thread at a time, but for appendSplits().
class GroupConsumer {
 public:
  struct Message {
    std::size_t split = 0;
    std::string_view value;  ///< until release()
    bool isNull = false;
    const char* topic = "";
    std::int32_t partition = 0;
    std::int64_t offset = 0;
  };

  /// Joins the group. Blocks until the brokers know the topics; errors are those of KafkaClient.
  static StatusOr<std::unique_ptr<GroupConsumer>> join(const GroupSettings& settings,
                                                       const StopSignal& stop);
  ~GroupConsumer();

  /// `wake` is called from a thread of librdkafka when messages have arrived; empty: no longer.
  void onArrival(std::function<void()> wake);

  /// Called once, when the group has given this member its first partitions.
  void onFirstAssignment(std::function<void()> begin) { begin_ = std::move(begin); }

  /// Whether there are messages here; takes what has arrived when there are none. Partitions come
  /// and go in this call. An error: reading on is of no use.
  StatusOr<bool> fill();

  /// The next message that is here; false when there is none. REQUIRES: fill() first.
  bool next(Message& message);
  /// The message that next() gave has been read, and is the `count`th of those to be handled, or is
  /// not to be handled and follows that one.
  void release(std::uint64_t count);

  /// The first `count` have been handled: how far they go is committed with the next commit.
  void handled(std::uint64_t count);

  std::size_t splits() const { return splits_.size(); }
  /// Splits that were taken away since the last call.
  std::vector<std::size_t> takeEnded() { return std::exchange(ended_, {}); }

  /// How far this member's partitions are read. From any thread.
  void appendSplits(std::vector<SplitProgress>& splits) const;

  /// Commits what has been handled, and waits for it. kUnavailable: there was no good answer.
  /// REQUIRES: nothing is read after that.
  Status commit();

  /// Leaves the group; with commit() that takes 10 s at most.
  void leave();

 private:
  struct Split {
    Split(std::string ofTopic, std::int32_t number)
        : topic(std::move(ofTopic)), partition(number) {}

    const std::string topic;
    const std::int32_t partition;
    bool isOurs = true;  // set under mutex_
    std::atomic<std::int64_t> position{SplitProgress::kUnknown};
    std::atomic<std::int64_t> committed{SplitProgress::kUnknown};
  };
  struct Progress {
    std::uint64_t count;
    std::size_t split;
    std::int64_t next;  // offset to go on at
  };

  GroupConsumer() = default;

  Status subscribe(const std::string& topics);
  void assign(const rd_kafka_topic_partition_list_t& partitions);
  void revoke(const rd_kafka_topic_partition_list_t& partitions);
  void onRebalance(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* partitions);
  static void onCommit(rd_kafka_t* handle, rd_kafka_resp_err_t code,
                       rd_kafka_topic_partition_list_t* offsets, void* opaque);
  static void onArrived(rd_kafka_t* handle, void* opaque);
  Status judge(const rd_kafka_message_t& message);
  bool findSplit(const rd_kafka_message_t& message);
  void noteEnd(const rd_kafka_message_t& end);
  void noteCommitted(const rd_kafka_topic_partition_list_t& offsets, bool isStart);
  void hastenFetching();
  void dropFilled();
  using Deadline = std::chrono::steady_clock::time_point;
  Deadline leaveBy();
  static void serve(rd_kafka_queue_t* answers);

  std::unique_ptr<KafkaClient> client_;
  KafkaQueue queue_;
  bool commits_ = true;
  std::atomic<bool> hasLeft_{false};
  std::optional<Deadline> leaveBy_;

  std::vector<rd_kafka_message_t*> filled_;
  std::size_t at_ = 0;       // in filled_
  std::size_t end_ = 0;      // of filled_
  std::size_t longest_ = 0;  // that librdkafka's queue has been since something was asked
  std::future<void> asking_;

  mutable std::mutex mutex_;  // held where splits come and go, and by those who look from outside
  std::deque<Split> splits_;
  std::size_t split_ = 0;  // of the message that was next() last
  std::vector<std::size_t> ended_;
  std::deque<Progress> read_;  // and not known to be handled
  bool isRunning_ = false;     // the last of read_ still grows
  Status failure_;
  std::function<void()> begin_;
  std::function<void()> wake_;
};

}  // namespace millrace::examples
