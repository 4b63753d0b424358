// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/formats/json_reader.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace millrace {

// Where the tokens of a line begin: each of { } [ ] : , outside strings, the
// opening quote of each string, and the first character of anything else. Found by
// simdjson's first stage with the widest vectors the machine has, which also checks
// that the line is UTF-8, that no string holds a control character and that the
// last one is closed. (Its on-demand front end is not used: that leaves skipped
// values unchecked and is compiled for the oldest machine.)
class JsonTokens {
 public:
  JsonTokens();
  ~JsonTokens();
  JsonTokens(JsonTokens&&) noexcept;
  JsonTokens& operator=(JsonTokens&&) noexcept;

  // kNone when the line has at least one token. REQUIRES: kJsonPadding.
  DecodeFault find(std::string_view line);

  std::uint32_t count() const { return count_; }
  // Offsets in the line; the one at count() is the length of the line.
  const std::uint32_t* offsets() const { return offsets_; }

 private:
  struct Stage;

  bool reserve(std::size_t length);

  std::unique_ptr<Stage> stage_;
  const std::uint32_t* offsets_ = nullptr;
  std::uint32_t count_ = 0;
};

}  // namespace millrace
