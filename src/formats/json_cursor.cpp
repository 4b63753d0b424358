// SPDX-License-Identifier: MIT
#include "formats/json_cursor.hpp"

namespace millrace {

// The end of the number that starts at `at`, or nullptr when none does.
const char* JsonCursor::numberEnd(const char* at) noexcept {
  if (*at == '-') ++at;
  if (!isDigit(*at)) return nullptr;
  if (*at == '0') {
    ++at;
  } else {
    while (isDigit(*at)) ++at;
  }
  if (*at == '.') {
    if (!isDigit(*++at)) return nullptr;
    while (isDigit(*at)) ++at;
  }
  if (*at == 'e' || *at == 'E') {
    ++at;
    if (*at == '+' || *at == '-') ++at;
    if (!isDigit(*at)) return nullptr;
    while (isDigit(*at)) ++at;
  }
  return at;
}

bool JsonCursor::skipValue() noexcept {
  switch (peek()) {
    case '"':
      return skipString();
    case '{':
      return skipObject();
    case '[':
      return skipArray();
    case 't':
      return takeWord("true");
    case 'f':
      return takeWord("false");
    case 'n':
      return takeWord("null");
    default:
      std::string_view number;
      return takeNumber(number);
  }
}

bool JsonCursor::skipObject() noexcept {
  if (!enter('{')) return false;
  if (peek() == '}') return leave('}');
  do {
    if (!skipString() || !take(':')) return false;
    if (!(peek() == '"' ? skipString() : skipValue())) return false;
  } while (take(','));
  return leave('}');
}

bool JsonCursor::skipArray() noexcept {
  if (!enter('[')) return false;
  if (peek() == ']') return leave(']');
  do {
    if (!skipValue()) return false;
  } while (take(','));
  return leave(']');
}

}  // namespace millrace
