// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace {

// RFC 8259 written down as plainly as it goes, one character at a time: the oracle
// for what is valid JSON. Besides, objects and arrays nest to `maxDepth` at most.
class PlainJson {
 public:
  PlainJson(std::string_view text, std::size_t maxDepth) : text_(text), maxDepth_(maxDepth) {}

  bool isOneObject() {
    if (!isUtf8()) return false;
    space();
    if (peek() != '{' || !value(0)) return false;
    space();
    return at_ == text_.size();
  }

 private:
  int peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : -1; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }
  bool word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  bool digits() {
    if (peek() < '0' || peek() > '9') return false;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return true;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }
  bool hex() {
    const int c = peek();
    ++at_;
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  }
  bool string() {
    if (!take('"')) return false;
    for (;;) {
      if (peek() < 0x20) return false;
      if (take('"')) return true;
      if (!take('\\')) {
        ++at_;
        continue;
      }
      if (take('u')) {
        if (!hex() || !hex() || !hex() || !hex()) return false;
      } else {
        if (peek() < 0 || std::string_view("\"\\/bfnrt").find(static_cast<char>(peek())) ==
                              std::string_view::npos)
          return false;
        ++at_;
      }
    }
  }
  bool member(std::size_t depth) {
    space();
    if (!string()) return false;
    space();
    return take(':') && value(depth);
  }
  bool container(char open, char close, std::size_t depth) {
    if (depth > maxDepth_ || !take(open)) return false;
    space();
    if (take(close)) return true;
    do {
      if (!(open == '{' ? member(depth) : value(depth))) return false;
    } while (take(','));
    return take(close);
  }
  bool value(std::size_t depth) {
    space();
    const bool good = peek() == '{'   ? container('{', '}', depth + 1)
                      : peek() == '[' ? container('[', ']', depth + 1)
                      : peek() == '"' ? string()
                      : peek() == 't' ? word("true")
                      : peek() == 'f' ? word("false")
                      : peek() == 'n' ? word("null")
                                      : number();
    space();
    return good;
  }

  // Table 3-7 of the Unicode standard.
  bool isUtf8() const {
    const auto in = [this](std::size_t i, unsigned low, unsigned high) {
      if (i >= text_.size()) return false;
      const auto c = static_cast<unsigned char>(text_[i]);
      return c >= low && c <= high;
    };
    for (std::size_t i = 0; i < text_.size();) {
      const auto tail = [&](std::size_t from) { return in(i + from, 0x80, 0xbf); };
      if (in(i, 0, 0x7f)) {
        i += 1;
      } else if (in(i, 0xc2, 0xdf) && tail(1)) {
        i += 2;
      } else if ((in(i, 0xe0, 0xe0) && in(i + 1, 0xa0, 0xbf) && tail(2)) ||
                 (in(i, 0xed, 0xed) && in(i + 1, 0x80, 0x9f) && tail(2)) ||
                 (in(i, 0xe1, 0xef) && !in(i, 0xed, 0xed) && tail(1) && tail(2))) {
        i += 3;
      } else if ((in(i, 0xf0, 0xf0) && in(i + 1, 0x90, 0xbf) && tail(2) && tail(3)) ||
                 (in(i, 0xf1, 0xf3) && tail(1) && tail(2) && tail(3)) ||
                 (in(i, 0xf4, 0xf4) && in(i + 1, 0x80, 0x8f) && tail(2) && tail(3))) {
        i += 4;
      } else {
        return false;
      }
    }
    return true;
  }

  std::string_view text_;
  std::size_t maxDepth_;
  std::size_t at_ = 0;
};

}  // namespace millrace
