// SPDX-License-Identifier: MIT
#include "dead_letter_row.hpp"

#include <millrace/formats/json_writer.hpp>

#include <absl/strings/escaping.h>

#include <simdjson.h>

namespace millrace::examples {

void appendDeadLetter(std::string& out, const DeadLetter& letter) {
  JsonWriter json(out);
  json.beginObject();
  json.key("source").string(letter.source);
  json.key("position").string(letter.position);
  json.key("reason").string(letter.reason);
  if (simdjson::validate_utf8(letter.payload)) {
    json.key("payload").string(letter.payload);
  } else {
    std::string encoded;
    absl::Base64Escape(letter.payload, &encoded);
    json.key("payload_base64").string(encoded);
  }
  json.endObject();
}

}  // namespace millrace::examples
