// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include <millrace/connectors/file/chunk.hpp>
#include <millrace/connectors/file/range_set.hpp>

namespace millrace {

/// What one of the readers of a ChunkDealer has delivered, as far as it is for this reader to say:
/// what another reader's positions say already is let go of.
///
/// Thread safety: none; belongs to its reader.
class ReadProgress {
 public:
  /// All lines of the chunk that nextLine() has returned so far are delivered.
  void add(const Chunk& chunk) {
    OfFile& file = files_[chunk.fileIndex()];
    file.delivered.add(chunk.offset(), chunk.deliveredEnd());
    if (chunk.openLineEnd() > 0) file.openLineEnd = chunk.openLineEnd();
  }

 private:
  friend class ChunkDealer;

  struct OfFile {
    RangeSet delivered;
    RangeSet lastWritten;  // what of it the last position has said
    std::uint64_t openLineEnd = 0;
  };
  std::map<std::size_t, OfFile> files_;
};

}  // namespace millrace
