// SPDX-License-Identifier: MIT
#include "connectors/kafka/kafka_positions.hpp"

#include <millrace/base/hash.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace millrace::rdkafka {
namespace {

constexpr std::string_view kTag = "K1";
constexpr std::size_t kLeastEntry = 4;

bool readEntry(ByteReader& in, PartitionPosition& position) {
  std::size_t size = 0;
  std::string_view topic;
  std::uint64_t partition = 0;
  std::uint64_t next = 0;
  std::uint64_t end = 0;
  constexpr auto kMaxOffset = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!in.count(1, size) || !in.bytes(size, topic) || !in.length(partition) || !in.length(next) ||
      !in.length(end)) {
    return false;
  }
  if (partition > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max()))
    return false;
  if (topic.empty() || next == 0 || next > kMaxOffset || end > kMaxOffset) return false;
  position.id = {std::string(topic), static_cast<std::int32_t>(partition)};
  position.next = static_cast<std::int64_t>(next) - 1;
  position.end.reset();
  if (end > 0) position.end = static_cast<std::int64_t>(end) - 1;
  return true;
}

Status damaged() { return dataLossError("the position of a Kafka source is damaged"); }

}  // namespace

std::string PartitionId::name() const { return fmt::format("{}-{}", topic, partition); }

std::size_t workerOf(const PartitionId& partition, std::size_t workers) {
  const std::uint64_t first = millraceHash(std::string_view(partition.topic)) % workers;
  return static_cast<std::size_t>((first + static_cast<std::uint64_t>(partition.partition)) %
                                  workers);
}

void writePositions(std::span<const PartitionPosition> positions, ByteWriter& out) {
  out.bytes(kTag);
  for (const PartitionPosition& each : positions) {
    out.length(each.id.topic.size());
    out.bytes(each.id.topic);
    out.length(static_cast<std::uint64_t>(each.id.partition));
    out.length(static_cast<std::uint64_t>(each.next) + 1);
    out.length(each.end ? static_cast<std::uint64_t>(*each.end) + 1 : 0);
  }
}

StatusOr<std::vector<PartitionPosition>> readPositions(std::span<const std::string_view> readers) {
  std::vector<PartitionPosition> all;
  for (const std::string_view bytes : readers) {
    if (!bytes.starts_with(kTag)) {
      return failedPreconditionError(
          "the checkpoint's position is not one of Kafka (the source read something else when it "
          "was "
          "taken: read that again, or start anew with an empty state directory)");
    }
    ByteReader in(bytes.substr(kTag.size()));
    while (!in.isAtEnd()) {
      if (in.remaining() < kLeastEntry || !readEntry(in, all.emplace_back())) return damaged();
    }
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  // A partition has one reader.
  const auto twice = std::adjacent_find(all.begin(), all.end(),
                                        [](const auto& a, const auto& b) { return a.id == b.id; });
  if (twice != all.end()) return damaged();
  return all;
}

}  // namespace millrace::rdkafka
