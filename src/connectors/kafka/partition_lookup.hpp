// SPDX-License-Identifier: MIT
// Asks the brokers which partitions there are, and where to begin and to end in them. All of it
// blocks.
#pragma once

#include "connectors/kafka/client.hpp"
#include "connectors/kafka/kafka_positions.hpp"

#include <millrace/connectors/kafka/kafka_source_options.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace millrace::rdkafka {

/// What is wrong with the options as they stand.
Status checkOptions(const KafkaSourceOptions& options);

/// Answers by the brokers, each within a second or kUnavailable.
class PartitionLookup {
 public:
  /// REQUIRES: both outlive this; checkOptions() is ok.
  PartitionLookup(const Client& client, const KafkaSourceOptions& options)
      : client_(client), options_(options) {}

  /// The partitions of the topics that the options mean, in order. kNotFound: a named topic is not
  /// there.
  StatusOr<std::vector<PartitionId>> partitions() const;

  /// Where a job that goes on from nothing begins, and where it ends.
  StatusOr<std::vector<PartitionPosition>> begin(std::span<const PartitionId> partitions) const;

  /// Where a job begins that goes on from `positions`: partitions that these do not know are read
  /// from their beginning. kFailedPrecondition: the topics are not what the checkpoint has read
  /// from.
  StatusOr<std::vector<PartitionPosition>> goOn(std::span<const PartitionId> partitions,
                                                std::vector<PartitionPosition> positions) const;

  /// Of partitions that have been found in the meantime.
  StatusOr<std::vector<PartitionPosition>> fromBeginning(
      std::span<const PartitionId> partitions) const;

  /// kNotFound: the partition is not there.
  Status checkThere(const PartitionId& partition) const;

  /// Behind the last message that may be read now.
  StatusOr<std::vector<std::int64_t>> ends(std::span<const PartitionId> partitions) const;

 private:
  StatusOr<std::vector<std::int64_t>> offsetsAt(std::span<const PartitionId> partitions,
                                                std::int64_t time) const;
  StatusOr<std::vector<std::int64_t>> offsetsAtOrEnds(std::span<const PartitionId> partitions,
                                                      std::int64_t time) const;
  StatusOr<std::vector<std::int64_t>> starts(std::span<const PartitionId> partitions) const;
  StatusOr<std::vector<std::int64_t>> committed(std::span<const PartitionId> partitions) const;
  Status setEnds(std::vector<PartitionPosition>& positions) const;

  const Client& client_;
  const KafkaSourceOptions& options_;
};

}  // namespace millrace::rdkafka
