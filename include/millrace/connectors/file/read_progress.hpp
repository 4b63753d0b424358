// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <millrace/connectors/file/chunk.hpp>

namespace millrace {

/// What one of the readers of a ChunkDealer has delivered, as far as it is for this reader to say:
/// what another reader's positions say already is let go of.
///
/// Thread safety: none; belongs to its reader.
class ReadProgress {
 public:
  ReadProgress();
  ~ReadProgress();
  // The dealer knows its readers by the addresses of these.
  ReadProgress(const ReadProgress&) = delete;
  ReadProgress& operator=(const ReadProgress&) = delete;

  /// All lines of the chunk that nextLine() has returned so far are delivered.
  void add(const Chunk& chunk);

 private:
  friend class ChunkDealer;

  class Files;
  const std::unique_ptr<Files> files_;
};

}  // namespace millrace
