// SPDX-License-Identifier: MIT
#include <millrace/connectors/kafka/kafka_message.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace {

std::optional<std::string_view> KafkaMessage::header(std::string_view name) const {
  const auto found = std::find_if(headers.rbegin(), headers.rend(),
                                  [&](const KafkaHeader& each) { return each.name == name; });
  return found == headers.rend() ? std::nullopt : found->value;
}

std::string KafkaMessage::position() const { return fmt::format("{}-{}@{}", topic, partition, offset); }

}  // namespace millrace
