// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>
#include <millrace/connectors/file/padded_buffer.hpp>
#include <millrace/connectors/file/range_set.hpp>

namespace millrace {

/// Lines longer than this are invalid unless the options say otherwise.
inline constexpr std::size_t kMaxLineBytes = 16u << 20;

/// What is shown of a line that is too long.
inline constexpr std::size_t kTooLongExcerptBytes = 256;

/// A piece of an input file and the lines in it. A worker keeps one Chunk and has the
/// dealer fill it again and again; its buffers are reused, no line costs an allocation.
///
/// A line belongs to the chunk its first byte lies in: the chunk skips the line that
/// began before it and reads on past its end to finish its last line. Lines end at
/// '\n' or at the end of the file; '\r's before that are cut off. Lines of nothing but
/// spaces and tabs are not records and are passed over. Other bytes, NUL and invalid
/// UTF-8 included, come through as they are.
///
/// Thread safety: none; one worker at a time.
/// Invariants:
/// 1. Lines come in the order of the file, each once.
/// 2. A line stays readable, with PaddedBuffer::kPadding bytes after it, until the
///    dealer fills this chunk again.
class Chunk {
 public:
  Chunk() = default;
  Chunk(Chunk&&) = default;
  Chunk& operator=(Chunk&&) = default;

  /// The next line that is a record. False at the end of the chunk, and when reading
  /// failed: look at `status` then.
  bool nextLine(std::string_view& line);

  /// What the chunk's next lines lie in, all but at most the last.
  std::string_view rest() const {
    return std::string_view(cursor_, static_cast<std::size_t>(buffer_.end() - cursor_));
  }

  /// The line just returned has more than the allowed bytes: an invalid record, of
  /// which only the first kTooLongExcerptBytes are given.
  bool lineTooLong() const { return lineTooLong_; }

  /// Where the line just returned begins: bytes from the start of the file, of the
  /// decompressed text for .gz and .zst.
  std::uint64_t lineOffset() const { return lineOffset_; }

  /// Not ok when a read failed while a line was finished.
  const Status& status() const { return status_; }

  std::size_t fileIndex() const { return fileIndex_; }
  const std::string& path() const { return path_; }

  /// Counts the chunks of one file from 0.
  std::uint64_t index() const { return index_; }

  /// The first byte of the chunk. Chunks hold the lines that begin in [offset(), endOffset()),
  /// and the chunks of a file leave no gap.
  std::uint64_t offset() const { return offset_; }
  std::uint64_t endOffset() const { return endOffset_; }

  /// The lines that begin in [offset(), deliveredEnd()) have been returned.
  std::uint64_t deliveredEnd() const;

  /// Where the line just returned ended when it was the last of the file and had no newline, so
  /// that it may still become longer; 0 otherwise.
  std::uint64_t openLineEnd() const { return openLineEnd_; }

 private:
  friend class ChunkDealer;
  friend class LineStream;

  struct Limits {
    std::size_t maxLineBytes = kMaxLineBytes;
    std::size_t readAheadBytes = 0;
    std::size_t keepBytes = 0;
  };

  void beginRange(std::uint64_t offset, std::uint64_t endOffset, const Limits& limits,
                  std::shared_ptr<RandomAccessFile> file);
  Status loadRange();
  void beginBlock(std::uint64_t offset, std::uint64_t endOffset, const Limits& limits);
  void reset(const Limits& limits);
  bool accept(const char* begin, const char* end, std::uint64_t offset, std::string_view& line);
  bool wasDeliveredBefore() const {
    return passOver_ != nullptr && passOver_->contains(lineOffset_);
  }
  bool finishLastLine(std::string_view& line);
  bool readLastLine(const char* begin);

  std::size_t fileIndex_ = 0;
  std::uint64_t index_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t endOffset_ = 0;
  std::string path_;
  Limits limits_;

  // Set for a range of a plain file: where to read on past the buffered bytes.
  std::shared_ptr<RandomAccessFile> file_;
  bool bufferEndsFile_ = false;

  // Lines that an earlier run has delivered; null: none. Owned by the dealer.
  const RangeSet* passOver_ = nullptr;

  // Set by a stream whose last line in the buffer is the excerpt of one too long.
  bool endsInExcerpt_ = false;

  PaddedBuffer buffer_;
  std::uint64_t bufferOffset_ = 0;
  const char* cursor_ = nullptr;
  const char* ownedEnd_ = nullptr;
  PaddedBuffer lastLine_;

  std::uint64_t lineOffset_ = 0;
  std::uint64_t openLineEnd_ = 0;
  bool lineTooLong_ = false;
  Status status_;
};

}  // namespace millrace
