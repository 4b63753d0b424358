// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/connectors/kafka/kafka_settings.hpp>
#include <millrace/time/duration.hpp>
#include <millrace/time/timestamp.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace {

/// A place in a partition.
struct KafkaOffset {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;  ///< of the next message
};

/// Where a job that goes on from no checkpoint begins to read. A place that depends on when it is
/// asked for (the end, a time, where a group stands) is asked for once: with a state directory it
/// is in a checkpoint before the first message is read.
struct KafkaStart {
  enum class At : std::uint8_t { kEarliest, kLatest, kTimestamp, kCommitted, kOffsets };

  At at = At::kEarliest;
  Timestamp time = 0;
  std::vector<KafkaOffset> positions{};
  /// For partitions without a committed offset, or with one that is not there any more, and for
  /// those that `positions` does not name: kEarliest or kLatest.
  At otherwise = At::kEarliest;

  static KafkaStart earliest();
  /// Behind what is there when the job starts.
  static KafkaStart latest();
  /// At the first message with that timestamp or a later one.
  static KafkaStart timestamp(Timestamp time);
  /// Where the group stands.
  static KafkaStart committed(At otherwise = At::kEarliest);
  static KafkaStart offsets(std::vector<KafkaOffset> positions, At otherwise = At::kEarliest);
};

/// Where the reading ends, and the job with it.
struct KafkaEnd {
  enum class At : std::uint8_t { kNever, kLatest, kTimestamp, kOffsets };

  At at = At::kNever;
  Timestamp time = 0;
  std::vector<KafkaOffset> positions{};

  static KafkaEnd never();
  /// At the end that each partition has when the job starts (a run that goes on from a checkpoint
  /// before its end keeps that; one that had come to it is followed by one with an end of its own).
  static KafkaEnd latest();
  /// Before the first message with that timestamp or a later one; where there is none, as latest().
  static KafkaEnd timestamp(Timestamp time);
  /// Before the named offsets; partitions not named as latest(). An offset that a partition has not
  /// come to yet is waited for.
  static KafkaEnd offsets(std::vector<KafkaOffset> positions);
};

/// What a Kafka source reads.
struct KafkaSourceOptions {
  KafkaSettings settings;
  std::vector<std::string> topics;
  /// Instead of `topics`: all topics whose whole name matches this regular expression (ECMAScript).
  std::string topicPattern;
  /// Told of what checkpoints hold, for people who watch; where to go on stands in the checkpoint
  /// itself. Empty: nobody is told.
  std::string groupId;
  KafkaStart start;
  KafkaEnd until;
  /// How often new partitions, and topics that match the pattern, are looked for. They are read
  /// from their beginning. 0: never; nor where the reading has an end.
  Duration discoveryInterval = std::chrono::seconds(60);
};

/// What a start would refuse without asking any broker: options that contradict each other,
/// properties that librdkafka refuses, alone or together, or that the source depends on. Connects
/// to nobody.
Status checkKafkaSource(const KafkaSourceOptions& options);

}  // namespace millrace
