// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace millrace {

// The two below take what stands between the quotes of a JSON string.

// True when every backslash begins an escape of RFC 8259. Halves of surrogate pairs
// pass: the grammar allows them.
bool hasValidEscapes(std::string_view body) noexcept;

enum class Unescaped { kOk, kBadEscape, kLoneSurrogate };

// Replaces `out` by the string that `body` writes.
Unescaped unescape(std::string_view body, std::string& out);

// Appends `value` to `out` in quotes, with `"`, `\` and control characters escaped.
void appendQuoted(std::string_view value, std::string& out);

}  // namespace millrace
