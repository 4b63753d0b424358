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

std::string KafkaMessage::position() const {
  return fmt::format("{}-{}@{}", topic, partition, offset);
}

void KafkaMessage::copyParts(MessageParts& parts) const {
  parts.key = key;
  parts.isTombstone = !value.has_value();
  parts.headers.resize(headers.size());
  for (std::size_t i = 0; i < headers.size(); ++i) {
    parts.headers[i].name = headers[i].name;
    parts.headers[i].value = headers[i].value;
  }
}

}  // namespace millrace
