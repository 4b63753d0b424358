// SPDX-License-Identifier: MIT
#pragma once

#include "formats/json_strings.hpp"
#include "formats/json_tokens.hpp"

#include <millrace/formats/json_reader.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

// Walks the tokens of one line, which others may follow, and checks their grammar (RFC 8259).
//
// Invariant: the last token is a closing brace. So a string, number or word is
// never the last token, the offset after it is within the text, and the scanners
// below, which stop at the first character that is not theirs, need no end. They may run past
// the line's end, and then `endsAt` says so.
//
// Each take/skip returns false when the grammar is broken; the cursor is then of
// no further use but for `fault`.
class JsonCursor {
 public:
  // False when the text does not end like an object.
  bool start(const JsonTokenRun& run, bool hasEscapes) noexcept {
    text_ = run.text;
    next_ = run.next;
    end_ = run.end;
    depth_ = 0;
    fault_ = DecodeFault::kSyntax;
    hasEscapes_ = hasEscapes;
    return text_[end_[-1]] == '}';
  }

  struct Mark {
    const std::uint32_t* next;
    std::size_t depth;
  };
  Mark mark() const noexcept { return {next_, depth_}; }
  void rewind(Mark mark) noexcept {
    next_ = mark.next;
    depth_ = mark.depth;
  }

  // The tokens taken so far, one or more, are those before `end` and no others.
  bool endsAt(const char* end) const noexcept {
    return text_ + next_[-1] < end && text_ + *next_ >= end;
  }
  const std::uint32_t* next() const noexcept { return next_; }
  bool hasEscapes() const noexcept { return hasEscapes_; }
  DecodeFault fault() const noexcept { return fault_; }

  // The first character of the next token; NUL (which begins no token of JSON) at the end.
  char peek() const noexcept { return next_ != end_ ? text_[*next_] : '\0'; }

  bool take(char c) noexcept {
    if (peek() != c) return false;
    ++next_;
    return true;
  }

  // The opening bracket of an object or array.
  bool enter(char bracket) noexcept {
    if (!take(bracket)) return false;
    if (++depth_ <= kMaxJsonDepth) return true;
    fault_ = DecodeFault::kTooDeep;
    return false;
  }
  bool leave(char bracket) noexcept {
    --depth_;
    return take(bracket);
  }

  // What stands between the quotes, escapes as they are and unchecked.
  bool takeString(std::string_view& body) noexcept {
    if (peek() != '"') return false;
    const char* const from = text_ + *next_ + 1;
    const char* to = text_ + *++next_ - 1;
    while (isSpace(*to)) --to;
    if (to < from || *to != '"') return false;
    body = std::string_view(from, static_cast<std::size_t>(to - from));
    return true;
  }

  bool skipString() noexcept {
    if (!hasEscapes_) return take('"');
    std::string_view body;
    return takeString(body) && hasValidEscapes(body);
  }

  bool takeNumber(std::string_view& number) noexcept {
    if (next_ == end_) return false;
    const char* const from = text_ + *next_;
    const char* const to = numberEnd(from);
    if (to == nullptr || !endsScalar(*to)) return false;
    number = std::string_view(from, static_cast<std::size_t>(to - from));
    ++next_;
    return true;
  }

  template <std::size_t kSize>
  bool takeWord(const char (&word)[kSize]) noexcept {
    if (next_ == end_) return false;
    const char* const from = text_ + *next_;
    if (std::memcmp(from, word, kSize - 1) != 0 || !endsScalar(from[kSize - 1])) return false;
    ++next_;
    return true;
  }

  bool skipValue() noexcept;
  bool skipObject() noexcept;

 private:
  static bool isSpace(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  static bool isDigit(char c) noexcept { return c >= '0' && c <= '9'; }
  static bool endsScalar(char c) noexcept { return c == ',' || c == '}' || c == ']' || isSpace(c); }
  static const char* numberEnd(const char* at) noexcept;

  bool skipArray() noexcept;

  const char* text_ = nullptr;
  const std::uint32_t* next_ = nullptr;
  const std::uint32_t* end_ = nullptr;
  std::size_t depth_ = 0;
  DecodeFault fault_ = DecodeFault::kNone;
  bool hasEscapes_ = false;
};

}  // namespace millrace
