// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/source.hpp>

#include <string>

namespace millrace::examples {

/// Appends a record that could not be read as one JSON object, without a line feed:
/// `{"source":...,"position":...,"reason":...,"payload":...}`. A payload that is not
/// UTF-8 stands in base64 under "payload_base64" instead, so that no byte is lost.
void appendDeadLetter(std::string& out, const DeadLetter& letter);

}  // namespace millrace::examples
