// SPDX-License-Identifier: MIT
// What a Kafka source's readers write into a checkpoint, and who of them reads a partition.
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/serde/bytes.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::rdkafka {

struct PartitionId {
  std::string topic;
  std::int32_t partition = 0;

  auto operator<=>(const PartitionId&) const = default;
  /// "user-events-3".
  std::string name() const;
};

/// Where a reader stands in one partition.
struct PartitionPosition {
  PartitionId id;
  std::int64_t next = 0;
  std::optional<std::int64_t> end;  ///< where its reading ends, if it does

  bool operator==(const PartitionPosition&) const = default;
};

/// Which of the workers reads a partition: the same in every run with as many workers. The
/// partitions of a topic go round the workers, beginning with one that depends on the topic's name.
std::size_t workerOf(const PartitionId& partition, std::size_t workers);

/// Appends the position of a reader:
///
///     "K1", entries (each: bytes in topic, topic, partition, next + 1, 0 or end + 1)
///
/// (numbers are lengths as ByteWriter has them).
void writePositions(std::span<const PartitionPosition> positions, ByteWriter& out);

/// What all readers of a checkpoint wrote, in the order of the partitions.
/// kDataLoss: damaged; kFailedPrecondition: positions of another kind of source.
StatusOr<std::vector<PartitionPosition>> readPositions(std::span<const std::string_view> readers);

}  // namespace millrace::rdkafka
