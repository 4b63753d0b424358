// SPDX-License-Identifier: MIT
#include "formats/json_strings.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace {
namespace {

constexpr std::size_t kHexDigits = 4;

const char* findBackslash(const char* from, const char* end) noexcept {
  if (from == end) return end;
  const void* found = std::memchr(from, '\\', static_cast<std::size_t>(end - from));
  return found != nullptr ? static_cast<const char*>(found) : end;
}

// The character a one-letter escape stands for, or 0.
char simpleEscape(char letter) noexcept {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

int hexValue(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The four digits of a \u escape, or -1.
int hexUnit(const char* from, const char* end) noexcept {
  if (end - from < static_cast<std::ptrdiff_t>(kHexDigits)) return -1;
  int unit = 0;
  for (std::size_t i = 0; i < kHexDigits; ++i) {
    const int value = hexValue(from[i]);
    if (value < 0) return -1;
    unit = unit * 16 + value;
  }
  return unit;
}

void appendUtf8(std::uint32_t point, std::string& out) {
  const auto byte = [&out](std::uint32_t value) { out.push_back(static_cast<char>(value)); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xc0 | (point >> 6));
    byte(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    byte(0xe0 | (point >> 12));
    byte(0x80 | ((point >> 6) & 0x3f));
    byte(0x80 | (point & 0x3f));
  } else {
    byte(0xf0 | (point >> 18));
    byte(0x80 | ((point >> 12) & 0x3f));
    byte(0x80 | ((point >> 6) & 0x3f));
    byte(0x80 | (point & 0x3f));
  }
}

bool isHighSurrogate(int unit) noexcept { return unit >= 0xd800 && unit <= 0xdbff; }
bool isLowSurrogate(int unit) noexcept { return unit >= 0xdc00 && unit <= 0xdfff; }

// Reads the escape whose \u has been read, and its second half where it has one.
Unescaped unescapeUnit(const char*& from, const char* end, std::string& out) {
  const int unit = hexUnit(from, end);
  if (unit < 0) return Unescaped::kBadEscape;
  from += kHexDigits;
  if (isLowSurrogate(unit)) return Unescaped::kLoneSurrogate;
  if (!isHighSurrogate(unit)) {
    appendUtf8(static_cast<std::uint32_t>(unit), out);
    return Unescaped::kOk;
  }
  if (end - from < 2 || from[0] != '\\' || from[1] != 'u') return Unescaped::kLoneSurrogate;
  const int low = hexUnit(from + 2, end);
  if (low < 0) return Unescaped::kBadEscape;
  if (!isLowSurrogate(low)) return Unescaped::kLoneSurrogate;
  from += 2 + kHexDigits;
  appendUtf8(static_cast<std::uint32_t>(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)), out);
  return Unescaped::kOk;
}

}  // namespace

bool hasValidEscapes(std::string_view body) noexcept {
  const char* const end = body.data() + body.size();
  const char* at = findBackslash(body.data(), end);
  while (at != end) {
    if (end - at < 2) return false;
    if (at[1] == 'u') {
      if (hexUnit(at + 2, end) < 0) return false;
    } else if (simpleEscape(at[1]) == 0) {
      return false;
    }
    at = findBackslash(at + (at[1] == 'u' ? 2 + kHexDigits : 2), end);
  }
  return true;
}

Unescaped unescape(std::string_view body, std::string& out) {
  out.clear();
  const char* from = body.data();
  const char* const end = from + body.size();
  while (from != end) {
    const char* const backslash = findBackslash(from, end);
    out.append(from, backslash);
    if (backslash == end) break;
    if (end - backslash < 2) return Unescaped::kBadEscape;
    from = backslash + 2;
    if (backslash[1] == 'u') {
      const Unescaped result = unescapeUnit(from, end, out);
      if (result != Unescaped::kOk) return result;
    } else {
      const char plain = simpleEscape(backslash[1]);
      if (plain == 0) return Unescaped::kBadEscape;
      out.push_back(plain);
    }
  }
  return Unescaped::kOk;
}

void appendQuoted(std::string_view value, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  std::size_t written = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto c = static_cast<unsigned char>(value[i]);
    if (c >= 0x20 && c != '"' && c != '\\') [[likely]]
      continue;
    out.append(value, written, i - written);
    written = i + 1;
    out.push_back('\\');
    switch (c) {
      case '"':
      case '\\':
        out.push_back(static_cast<char>(c));
        break;
      case '\n':
        out.push_back('n');
        break;
      case '\r':
        out.push_back('r');
        break;
      case '\t':
        out.push_back('t');
        break;
      default:
        out.append("u00");
        out.push_back(kHex[c >> 4]);
        out.push_back(kHex[c & 15]);
    }
  }
  out.append(value, written, value.size() - written);
  out.push_back('"');
}

}  // namespace millrace
