// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/formats/json_reader.hpp>

#include <string>
#include <string_view>

namespace millrace {

// A line with the padding a reader asks for. The padding looks like the rest of a
// document, so that a reader which runs past the end of the line is found out.
class PaddedLine {
 public:
  explicit PaddedLine(std::string_view line) : length_(line.size()), bytes_(line) {
    while (bytes_.size() < length_ + kJsonPadding) bytes_ += R"(}]"0,"a":1})";
    bytes_.resize(length_ + kJsonPadding);
  }
  std::string_view view() const { return std::string_view(bytes_).substr(0, length_); }

 private:
  std::size_t length_;
  std::string bytes_;
};

}  // namespace millrace
