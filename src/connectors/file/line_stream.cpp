// SPDX-License-Identifier: MIT
#include "connectors/file/line_stream.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace {
namespace {

constexpr std::size_t kSkipStep = 64u << 10;

}  // namespace

LineStream::LineStream(std::unique_ptr<ByteDecoder> bytes, std::uint64_t startOffset)
    : bytes_(std::move(bytes)),
      offset_(startOffset > 0 ? startOffset - 1 : 0),
      toSkip_(offset_),
      skippingLine_(startOffset > 0) {}

Status LineStream::skipToStart() {
  while (toSkip_ > 0 && !ended_) {
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(toSkip_, kSkipStep));
    MILLRACE_ASSIGN_OR_RETURN(const std::size_t got, bytes_->read(partial_.room(step), step));
    toSkip_ -= got;
    ended_ = got == 0;
  }
  return absl::OkStatus();
}

StatusOr<LineStream::Read> LineStream::readSome(PaddedBuffer& buffer, std::size_t chunkBytes) {
  if (ended_) return Read::kEnd;
  MILLRACE_ASSIGN_OR_RETURN(const bool ready, bytes_->isReady());
  if (!ready) return Read::kNothingYet;
  const std::size_t step = buffer.size() < chunkBytes ? chunkBytes - buffer.size() : chunkBytes;
  MILLRACE_ASSIGN_OR_RETURN(const std::size_t got, bytes_->read(buffer.room(step), step));
  buffer.grow(got);
  ended_ = got == 0;
  return ended_ ? Read::kEnd : Read::kBytes;
}

void LineStream::dropSkippedLine(PaddedBuffer& buffer) {
  const void* newline = std::memchr(buffer.data(), '\n', buffer.size());
  const std::size_t dropped =
      newline == nullptr
          ? buffer.size()
          : static_cast<std::size_t>(static_cast<const char*>(newline) + 1 - buffer.data());
  std::memmove(buffer.data(), buffer.data() + dropped, buffer.size() - dropped);
  buffer.truncate(buffer.size() - dropped);
  offset_ += dropped;
  skippingLine_ = newline == nullptr;
}

StatusOr<LineStream::Fill> LineStream::fill(Chunk& chunk, const Chunk::Limits& limits,
                                            std::size_t chunkBytes) {
  if (failure_.ok()) failure_ = skipToStart();
  if (!failure_.ok()) return failure_;
  chunk.reset(limits);
  PaddedBuffer& buffer = chunk.buffer_;
  buffer.swap(partial_);
  std::size_t lineEnd = 0;
  while (buffer.size() < chunkBytes || lineEnd == 0) {
    std::size_t searchFrom = buffer.size();
    const StatusOr<Read> read = readSome(buffer, chunkBytes);
    if (!read.ok()) {
      failure_ = read.status();
      if (lineEnd == 0) return failure_;
      buffer.truncate(lineEnd);
      break;
    }
    if (*read == Read::kNothingYet) break;
    if (*read == Read::kEnd) {
      if (buffer.empty()) return Fill::kEnd;
      return deliver(chunk, limits, buffer.size());
    }
    if (skippingLine_) {
      dropSkippedLine(buffer);
      searchFrom = 0;
    }
    const void* newline = ::memrchr(buffer.data() + searchFrom, '\n', buffer.size() - searchFrom);
    if (newline != nullptr) {
      lineEnd = static_cast<std::size_t>(static_cast<const char*>(newline) + 1 - buffer.data());
    } else if (lineEnd == 0 && buffer.size() > limits.maxLineBytes) {
      return deliverExcerpt(chunk, limits);
    }
  }
  if (lineEnd > 0) return deliver(chunk, limits, lineEnd);
  buffer.swap(partial_);
  return Fill::kNothingYet;
}

LineStream::Fill LineStream::deliver(Chunk& chunk, const Chunk::Limits& limits,
                                     std::size_t lineEnd) {
  PaddedBuffer& buffer = chunk.buffer_;
  partial_.recycle(limits.keepBytes);
  partial_.append(buffer.data() + lineEnd, buffer.size() - lineEnd);
  buffer.truncate(lineEnd);
  chunk.beginBlock(offset_, offset_ + lineEnd, limits);
  offset_ += lineEnd;
  return Fill::kLines;
}

LineStream::Fill LineStream::deliverExcerpt(Chunk& chunk, const Chunk::Limits& limits) {
  PaddedBuffer& buffer = chunk.buffer_;
  const std::size_t length = buffer.size();
  partial_.recycle(limits.keepBytes);
  buffer.truncate(std::min(length, kTooLongExcerptBytes));
  chunk.beginBlock(offset_, offset_ + length, limits);
  chunk.endsInExcerpt_ = true;
  offset_ += length;
  skippingLine_ = true;
  return Fill::kLines;
}

}  // namespace millrace
