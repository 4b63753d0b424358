// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/source.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace {

/// Who dated a message.
enum class KafkaTimestampKind : std::uint8_t {
  kNone,      ///< nobody: it was written in a form older than Kafka 0.10
  kCreated,   ///< its producer
  kAppended,  ///< the broker, when it took the message
};

struct KafkaHeader {
  std::string_view name;
  std::optional<std::string_view> value;  ///< absent: null, which is not the same as empty
};

/// A message as it stands in its topic. Views are valid during the call that is given the message.
struct KafkaMessage {
  std::string_view topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  KafkaTimestampKind timestampKind = KafkaTimestampKind::kNone;
  Timestamp timestamp = kMinTimestamp;    ///< kNoTimestamp when nobody dated it
  std::optional<std::string_view> key;    ///< absent: null, which is not the same as empty
  std::optional<std::string_view> value;  ///< absent: null ("tombstone")
  std::span<const KafkaHeader> headers;   ///< in the order they were added; names may repeat

  /// The last header of that name. Absent: there is none, or it is null.
  std::optional<std::string_view> header(std::string_view name) const;

  /// "user-events-3@1024": topic, partition and offset.
  std::string position() const;

  /// Copies what there is besides the value.
  void copyParts(MessageParts& parts) const;
};

}  // namespace millrace
