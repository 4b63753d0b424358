// SPDX-License-Identifier: MIT
#include "dead_letter_row.hpp"

#include <millrace/formats/json_writer.hpp>

#include <absl/strings/escaping.h>

#include <simdjson.h>

namespace millrace::examples {

namespace {

// Null: there is nothing.
void appendBytes(JsonWriter& json, std::string_view name, const std::string* bytes) {
  if (bytes == nullptr) {
    json.key(name).null();
  } else if (simdjson::validate_utf8(*bytes)) {
    json.key(name).string(*bytes);
  } else {
    std::string encoded;
    absl::Base64Escape(*bytes, &encoded);
    json.key(std::string(name) + "_base64").string(encoded);
  }
}

const std::string* orNull(const std::optional<std::string>& bytes) {
  return bytes ? &*bytes : nullptr;
}

void appendMessage(JsonWriter& json, const MessageParts& message) {
  appendBytes(json, "key", orNull(message.key));
  if (message.headers.empty()) return;
  json.key("headers").beginArray();
  for (const MessageParts::Header& header : message.headers) {
    json.beginObject();
    appendBytes(json, "name", &header.name);
    appendBytes(json, "value", orNull(header.value));
    json.endObject();
  }
  json.endArray();
}

}  // namespace

void appendDeadLetter(std::string& out, const DeadLetter& letter) {
  JsonWriter json(out);
  json.beginObject();
  json.key("source").string(letter.source);
  json.key("position").string(letter.position);
  json.key("reason").string(letter.reason);
  const bool isNothing = letter.message && letter.message->isTombstone;
  appendBytes(json, "payload", isNothing ? nullptr : &letter.payload);
  if (letter.message) appendMessage(json, *letter.message);
  json.endObject();
}

}  // namespace millrace::examples
