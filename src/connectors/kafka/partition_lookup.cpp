// SPDX-License-Identifier: MIT
#include "connectors/kafka/partition_lookup.hpp"

#include <millrace/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <regex>
#include <utility>

namespace millrace::rdkafka {
namespace {

constexpr int kAskMillis = 1'000;
constexpr const char* kWhatToDo =
    "start anew with an empty state directory, or bring the topic back as it was";

StatusOr<std::regex> compile(const std::string& pattern) {
  try {
    return std::regex(pattern, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    return invalidArgumentError(fmt::format("topic pattern '{}': {}", pattern, error.what()));
  }
}

Partitions listOf(std::span<const PartitionId> partitions, std::int64_t offset) {
  Partitions list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const PartitionId& each : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), each.topic.c_str(), each.partition)->offset =
        offset;
  }
  return list;
}

// The list's offsets, which librdkafka keeps in the order they were added in.
StatusOr<std::vector<std::int64_t>> offsetsOf(const rd_kafka_topic_partition_list_t& list,
                                              const char* doing) {
  std::vector<std::int64_t> offsets;
  for (int i = 0; i < list.cnt; ++i) {
    const rd_kafka_topic_partition_t& each = list.elems[i];
    MILLRACE_RETURN_IF_ERROR(
        statusOf(each.err, fmt::format("{} of '{}-{}'", doing, each.topic, each.partition)));
    offsets.push_back(each.offset);
  }
  return offsets;
}

std::map<PartitionId, std::int64_t> byPartition(const std::vector<KafkaOffset>& offsets) {
  std::map<PartitionId, std::int64_t> map;
  for (const KafkaOffset& each : offsets) map[{each.topic, each.partition}] = each.offset;
  return map;
}

Status checkNamed(const std::vector<KafkaOffset>& named, std::span<const PartitionId> partitions) {
  for (const KafkaOffset& each : named) {
    const PartitionId id{each.topic, each.partition};
    if (std::find(partitions.begin(), partitions.end(), id) != partitions.end()) continue;
    return notFoundError(fmt::format(
        "an offset is given for partition '{}', which is not read (correct it)", id.name()));
  }
  return okStatus();
}

Status gone(const PartitionId& id, const std::string& what) {
  return failedPreconditionError(fmt::format(
      "partition '{}' is not what the checkpoint has read: {} ({})", id.name(), what, kWhatToDo));
}

}  // namespace

Status checkOptions(const KafkaSourceOptions& options) {
  if (options.topics.empty() == options.topicPattern.empty()) {
    return invalidArgumentError("a Kafka source reads either named topics or those of a pattern");
  }
  std::vector<std::string> names = options.topics;
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
    return invalidArgumentError(fmt::format("topic '{}' is named twice", *twice));
  }
  if (options.start.at == KafkaStart::At::kCommitted && options.groupId.empty()) {
    return invalidArgumentError("to start where a group stands the group has to be named");
  }
  for (const auto* offsets : {&options.start.positions, &options.until.positions}) {
    for (const KafkaOffset& each : *offsets) {
      if (each.offset >= 0 && each.partition >= 0) continue;
      return invalidArgumentError(
          fmt::format("offset {} of partition '{}-{}'", each.offset, each.topic, each.partition));
    }
  }
  if (options.topicPattern.empty()) return okStatus();
  return compile(options.topicPattern).status();
}

StatusOr<std::vector<PartitionId>> PartitionLookup::partitions() const {
  std::vector<std::string> topics = options_.topics;
  if (!options_.topicPattern.empty()) {
    MILLRACE_ASSIGN_OR_RETURN(const std::regex pattern, compile(options_.topicPattern));
    MILLRACE_ASSIGN_OR_RETURN(topics, topicNames(client_, kAskMillis));
    std::erase_if(topics,
                  [&](const std::string& each) { return !std::regex_match(each, pattern); });
  }
  std::vector<PartitionId> found;
  for (const std::string& topic : topics) {
    const StatusOr<int> count = partitionCount(client_, topic, kAskMillis);
    // Gone since it was listed.
    if (!options_.topicPattern.empty() && absl::IsNotFound(count.status())) continue;
    MILLRACE_RETURN_IF_ERROR(count.status());
    for (int i = 0; i < *count; ++i) found.push_back({topic, i});
  }
  std::sort(found.begin(), found.end());
  return found;
}

StatusOr<std::vector<PartitionPosition>> PartitionLookup::begin(
    std::span<const PartitionId> partitions) const {
  MILLRACE_RETURN_IF_ERROR(checkNamed(options_.start.positions, partitions));
  MILLRACE_RETURN_IF_ERROR(checkNamed(options_.until.positions, partitions));
  MILLRACE_ASSIGN_OR_RETURN(const auto offsets, starts(partitions));
  std::vector<PartitionPosition> positions;
  for (std::size_t i = 0; i < partitions.size(); ++i)
    positions.push_back({partitions[i], offsets[i], {}});
  MILLRACE_RETURN_IF_ERROR(setEnds(positions));
  return positions;
}

StatusOr<std::vector<PartitionPosition>> PartitionLookup::goOn(
    std::span<const PartitionId> partitions, std::vector<PartitionPosition> positions) const {
  MILLRACE_ASSIGN_OR_RETURN(auto all, fromBeginning(partitions));
  MILLRACE_ASSIGN_OR_RETURN(const auto now, ends(partitions));
  MILLRACE_RETURN_IF_ERROR(setEnds(all));
  // A run that had read all it was to read is followed by another one, with an end of its own.
  const bool isUnfinished =
      std::any_of(positions.begin(), positions.end(),
                  [](const PartitionPosition& then) { return then.end && then.next < *then.end; });
  const bool keepsEnd = isUnfinished && (options_.until.at == KafkaEnd::At::kLatest ||
                                         options_.until.at == KafkaEnd::At::kTimestamp);
  for (const PartitionPosition& then : positions) {
    const auto found = std::find_if(
        all.begin(), all.end(), [&](const PartitionPosition& each) { return each.id == then.id; });
    if (found == all.end()) {
      return gone(then.id, "it is not there, or the source does not read it any more");
    }
    const std::int64_t end = now[static_cast<std::size_t>(found - all.begin())];
    if (then.next > end) {
      return gone(then.id,
                  fmt::format("it was read up to offset {} and ends at {} now, as if it had been "
                              "deleted and made anew",
                              then.next, end));
    }
    if (then.next < found->next) {
      return gone(then.id,
                  fmt::format("it was read up to offset {} and begins at {} now: what lay between "
                              "has been deleted unread, by retention or by hand",
                              then.next, found->next));
    }
    found->next = then.next;
    if (keepsEnd && then.end) found->end = then.end;
  }
  return all;
}

StatusOr<std::vector<PartitionPosition>> PartitionLookup::fromBeginning(
    std::span<const PartitionId> partitions) const {
  MILLRACE_ASSIGN_OR_RETURN(const auto offsets, offsetsAt(partitions, RD_KAFKA_OFFSET_BEGINNING));
  std::vector<PartitionPosition> positions;
  for (std::size_t i = 0; i < partitions.size(); ++i)
    positions.push_back({partitions[i], offsets[i], {}});
  return positions;
}

Status PartitionLookup::checkThere(const PartitionId& partition) const {
  MILLRACE_ASSIGN_OR_RETURN(const int count, partitionCount(client_, partition.topic, kAskMillis));
  if (partition.partition < count) return okStatus();
  return notFoundError(fmt::format("partition '{}' is not there any more", partition.name()));
}

StatusOr<std::vector<std::int64_t>> PartitionLookup::ends(
    std::span<const PartitionId> partitions) const {
  return offsetsAt(partitions, RD_KAFKA_OFFSET_END);
}

// librdkafka passes the "time" on as it is, and to brokers the logical offsets are times.
StatusOr<std::vector<std::int64_t>> PartitionLookup::offsetsAt(
    std::span<const PartitionId> partitions, std::int64_t time) const {
  if (partitions.empty()) return std::vector<std::int64_t>();
  const Partitions list = listOf(partitions, time);
  constexpr const char* kDoing = "asking for the offsets";
  MILLRACE_RETURN_IF_ERROR(
      statusOf(rd_kafka_offsets_for_times(client_.get(), list.get(), kAskMillis), kDoing));
  return offsetsOf(*list, kDoing);
}

StatusOr<std::vector<std::int64_t>> PartitionLookup::offsetsAtOrEnds(
    std::span<const PartitionId> partitions, std::int64_t time) const {
  MILLRACE_ASSIGN_OR_RETURN(auto offsets, offsetsAt(partitions, std::max<std::int64_t>(time, 0)));
  MILLRACE_ASSIGN_OR_RETURN(const auto last, ends(partitions));
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] < 0) offsets[i] = last[i];
  }
  return offsets;
}

StatusOr<std::vector<std::int64_t>> PartitionLookup::starts(
    std::span<const PartitionId> partitions) const {
  const KafkaStart& start = options_.start;
  if (start.at == KafkaStart::At::kTimestamp) return offsetsAtOrEnds(partitions, start.time);
  MILLRACE_ASSIGN_OR_RETURN(const auto first, offsetsAt(partitions, RD_KAFKA_OFFSET_BEGINNING));
  MILLRACE_ASSIGN_OR_RETURN(const auto last, ends(partitions));
  const bool isNamed = start.at == KafkaStart::At::kOffsets;
  const KafkaStart::At plain =
      isNamed || start.at == KafkaStart::At::kCommitted ? start.otherwise : start.at;
  std::vector<std::int64_t> offsets = plain == KafkaStart::At::kLatest ? last : first;
  std::vector<std::int64_t> wanted(partitions.size(), -1);
  if (start.at == KafkaStart::At::kCommitted) {
    MILLRACE_ASSIGN_OR_RETURN(wanted, committed(partitions));
  }
  const auto named = byPartition(start.positions);
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    if (const auto it = named.find(partitions[i]); isNamed && it != named.end())
      wanted[i] = it->second;
    if (wanted[i] < 0) continue;
    if (wanted[i] >= first[i] && wanted[i] <= last[i]) {
      offsets[i] = wanted[i];
      continue;
    }
    const std::string what =
        fmt::format("offset {} of partition '{}' is not there: it holds those from {} to {}",
                    wanted[i], partitions[i].name(), first[i], last[i]);
    if (isNamed) return failedPreconditionError(what + " (correct the offset)");
    log(LogLevel::kWarning, fmt::format("the committed {}; starting at {}", what, offsets[i]));
  }
  return offsets;
}

StatusOr<std::vector<std::int64_t>> PartitionLookup::committed(
    std::span<const PartitionId> partitions) const {
  if (partitions.empty()) return std::vector<std::int64_t>();
  const Partitions list = listOf(partitions, RD_KAFKA_OFFSET_INVALID);
  const std::string doing = fmt::format("asking where group '{}' stands", options_.groupId);
  MILLRACE_RETURN_IF_ERROR(
      statusOf(rd_kafka_committed(client_.get(), list.get(), kAskMillis), doing));
  return offsetsOf(*list, doing.c_str());
}

Status PartitionLookup::setEnds(std::vector<PartitionPosition>& positions) const {
  const KafkaEnd& until = options_.until;
  if (until.at == KafkaEnd::At::kNever) return okStatus();
  std::vector<PartitionId> partitions;
  for (const PartitionPosition& each : positions) partitions.push_back(each.id);
  StatusOr<std::vector<std::int64_t>> last = until.at == KafkaEnd::At::kTimestamp
                                                 ? offsetsAtOrEnds(partitions, until.time)
                                                 : ends(partitions);
  MILLRACE_RETURN_IF_ERROR(last.status());
  const auto named = byPartition(until.positions);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto it = named.find(positions[i].id);
    positions[i].end = it == named.end() ? (*last)[i] : it->second;
  }
  return okStatus();
}

}  // namespace millrace::rdkafka
