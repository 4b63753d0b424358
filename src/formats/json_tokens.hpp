// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/formats/json_reader.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace millrace {

// Where tokens of a text begin: each of { } [ ] : , outside strings, the opening quote
// of each string, and the first character of anything else.
struct JsonTokenRun {
  const char* text = nullptr;
  const std::uint32_t* next = nullptr;  // offsets in the text
  const std::uint32_t* end = nullptr;   // what it points at is the length of the text
};

// Finds the tokens of lines, one by one or many lines at once. By simdjson's first stage with
// the widest vectors the machine has, which also checks that the text is UTF-8, that no string
// holds a control character and that the last one is closed. (Its on-demand front end is not
// used: that leaves skipped values unchecked and is compiled for the oldest machine.)
//
// Many lines have the tokens that each has alone: a newline is a control character, so no string
// holds one where the first stage is content, and to all else it is white space.
class JsonTokens {
 public:
  JsonTokens();
  ~JsonTokens();
  JsonTokens(JsonTokens&&) noexcept;
  JsonTokens& operator=(JsonTokens&&) noexcept;

  // The tokens of a line; kNone when it has at least one. REQUIRES: kJsonPadding.
  DecodeFault find(std::string_view line, JsonTokenRun& run);

  // Many of the lines to come lie in `block`, in its order; what was said before no longer holds.
  // REQUIRES: kJsonPadding; the block is unchanged until the next call.
  void expect(std::string_view block);

  // The tokens from this line's first to the last of the lines that were scanned with it; false
  // when it is to be looked at alone.
  bool findAmongLines(std::string_view line, JsonTokenRun& run) {
    if (line.data() < scanned_ || line.data() >= scannedEnd_) [[unlikely]] {
      if (!scanFrom(line)) return false;
    }
    const auto begin = static_cast<std::uint32_t>(line.data() - scanned_);
    while (*ahead_.next < begin) ++ahead_.next;  // what a refused line has left
    run = ahead_;
    return ahead_.next != ahead_.end;
  }
  // The tokens before `next` are done with.
  void advance(const std::uint32_t* next) { ahead_.next = next; }

  // Of the lines scanned together.
  bool hasBackslashes() const { return hasBackslashes_; }

 private:
  struct Stage;

  DecodeFault scan(Stage& stage, std::string_view text, JsonTokenRun& run);
  bool scanFrom(std::string_view line);

  std::unique_ptr<Stage> one_;
  std::unique_ptr<Stage> many_;

  const char* block_ = nullptr;
  const char* blockEnd_ = nullptr;
  const char* scanned_ = nullptr;
  const char* scannedEnd_ = nullptr;
  const char* aloneUntil_ = nullptr;
  JsonTokenRun ahead_;
  bool hasBackslashes_ = false;
};

}  // namespace millrace
