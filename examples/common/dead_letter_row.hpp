// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/source.hpp>

#include <string>

namespace millrace::examples {

/// Appends a record that could not be read as one JSON object, without a line feed:
/// `{"source":...,"position":...,"reason":...,"payload":...}`, of a message also
/// `"key":...` and, where it has any, `"headers":[{"name":...,"value":...},...]`. What there
/// was not (a key, a tombstone's payload, a header's value) is null. What is not UTF-8 stands in
/// base64 under the name with "_base64" behind it instead, so that no byte is lost.
void appendDeadLetter(std::string& out, const DeadLetter& letter);

}  // namespace millrace::examples
