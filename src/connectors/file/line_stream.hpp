// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <millrace/connectors/file/chunk.hpp>
#include "connectors/file/byte_decoder.hpp"

namespace millrace {

/// Cuts bytes that come in order into chunks of whole lines.
///
/// Thread safety: one thread at a time.
/// Invariants: offset() is where the first byte of the next chunk lies.
class LineStream {
 public:
  enum class Fill : std::uint8_t { kLines, kNothingYet, kEnd };

  /// Gives the lines whose first byte lies at `startOffset` or after it, which may lie
  /// within a line: that one is passed over.
  LineStream(std::unique_ptr<ByteDecoder> bytes, std::uint64_t startOffset);

  /// Fills `chunk` with lines that begin where the last one ended: about `chunkBytes`,
  /// more where a line is longer, fewer when no more have arrived.
  ///
  /// After damage the complete lines before it come first, then the error; the line the
  /// damage lies in is not a record.
  StatusOr<Fill> fill(Chunk& chunk, const Chunk::Limits& limits, std::size_t chunkBytes);

  std::uint64_t offset() const { return offset_; }

 private:
  enum class Read : std::uint8_t { kBytes, kNothingYet, kEnd };

  Status skipToStart();
  StatusOr<Read> readSome(PaddedBuffer& buffer, std::size_t chunkBytes);
  void dropSkippedLine(PaddedBuffer& buffer);
  Fill deliver(Chunk& chunk, const Chunk::Limits& limits, std::size_t lineEnd);
  Fill deliverExcerpt(Chunk& chunk, const Chunk::Limits& limits);

  std::unique_ptr<ByteDecoder> bytes_;
  std::uint64_t offset_;
  std::uint64_t toSkip_;
  PaddedBuffer partial_;       // the begin of the next line
  bool skippingLine_ = false;  // within a line that was too long
  bool ended_ = false;
  Status failure_;
};

}  // namespace millrace
