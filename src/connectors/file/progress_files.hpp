// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/connectors/file/range_set.hpp>
#include <millrace/connectors/file/read_progress.hpp>

#include <cstddef>
#include <cstdint>
#include <map>

namespace millrace {

class ReadProgress::Files {
 public:
  struct OfFile {
    RangeSet delivered;
    RangeSet lastWritten;  // what of it the last position has said
    std::uint64_t openLineEnd = 0;
  };
  std::map<std::size_t, OfFile> byIndex;
};

}  // namespace millrace
