// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/chunk.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace {
namespace {

// Finishing a long line begins with a read of this much and doubles.
constexpr std::size_t kFirstReadOn = 4u << 10;
constexpr std::size_t kLargestReadOn = 1u << 20;

const char* findNewline(const char* begin, const char* end) {
  return static_cast<const char*>(std::memchr(begin, '\n', static_cast<std::size_t>(end - begin)));
}

bool isBlank(std::string_view line) {
  return std::all_of(line.begin(), line.end(), [](char c) { return c == ' ' || c == '\t'; });
}

}  // namespace

void Chunk::reset(const Limits& limits) {
  limits_ = limits;
  buffer_.recycle(limits.keepBytes);
  lastLine_.recycle(limits.keepBytes);
  file_.reset();
  bufferEndsFile_ = false;
  endsInExcerpt_ = false;
  passOver_ = nullptr;
  openLineEnd_ = 0;
  cursor_ = ownedEnd_ = nullptr;
  lineTooLong_ = false;
  status_ = absl::OkStatus();
}

void Chunk::beginRange(std::uint64_t offset, std::uint64_t endOffset, const Limits& limits,
                       std::shared_ptr<RandomAccessFile> file) {
  reset(limits);
  offset_ = offset;
  endOffset_ = endOffset;
  file_ = std::move(file);
}

Status Chunk::loadRange() {
  // The byte before the range tells whether a line begins at its first byte.
  bufferOffset_ = offset_ > 0 ? offset_ - 1 : 0;
  const auto owned = static_cast<std::size_t>(endOffset_ - bufferOffset_);
  const std::size_t wanted = owned + limits_.readAheadBytes;
  MILLRACE_ASSIGN_OR_RETURN(const std::size_t got,
                            file_->readAt(bufferOffset_, buffer_.room(wanted), wanted));
  buffer_.grow(got);
  buffer_.seal();
  bufferEndsFile_ = got < wanted;
  cursor_ = buffer_.data();
  ownedEnd_ = buffer_.data() + std::min(got, owned);
  if (offset_ > 0 && cursor_ < ownedEnd_) {
    const char* newline = findNewline(cursor_, ownedEnd_);
    cursor_ = newline == nullptr ? ownedEnd_ : newline + 1;
  }
  return absl::OkStatus();
}

void Chunk::beginBlock(std::uint64_t offset, std::uint64_t endOffset, const Limits& limits) {
  limits_ = limits;
  offset_ = bufferOffset_ = offset;
  endOffset_ = endOffset;
  bufferEndsFile_ = true;
  buffer_.seal();
  cursor_ = buffer_.data();
  ownedEnd_ = buffer_.end();
}

std::uint64_t Chunk::deliveredEnd() const {
  if (cursor_ >= ownedEnd_) return endOffset_;
  return bufferOffset_ + static_cast<std::uint64_t>(cursor_ - buffer_.data());
}

bool Chunk::nextLine(std::string_view& line) {
  while (cursor_ < ownedEnd_) {
    const char* begin = cursor_;
    const char* newline = findNewline(begin, buffer_.end());
    if (newline == nullptr) return finishLastLine(line) && !wasDeliveredBefore();
    cursor_ = newline + 1;
    const auto offset = bufferOffset_ + static_cast<std::size_t>(begin - buffer_.data());
    if (accept(begin, newline, offset, line) && !wasDeliveredBefore()) return true;
  }
  return false;
}

bool Chunk::accept(const char* begin, const char* end, std::uint64_t offset,
                   std::string_view& line) {
  lineOffset_ = offset;
  lineTooLong_ = static_cast<std::size_t>(end - begin) > limits_.maxLineBytes;
  if (lineTooLong_) {
    const auto length = static_cast<std::size_t>(end - begin);
    line = std::string_view(begin, std::min(length, kTooLongExcerptBytes));
    return true;
  }
  while (end > begin && end[-1] == '\r') --end;
  line = std::string_view(begin, static_cast<std::size_t>(end - begin));
  const bool mayBeBlank = begin == end || *begin == ' ' || *begin == '\t';
  return !mayBeBlank || !isBlank(line);
}

bool Chunk::finishLastLine(std::string_view& line) {
  const char* begin = std::exchange(cursor_, ownedEnd_);
  const auto offset = bufferOffset_ + static_cast<std::size_t>(begin - buffer_.data());
  if (endsInExcerpt_) {
    lineOffset_ = offset;
    lineTooLong_ = true;
    line = std::string_view(begin, static_cast<std::size_t>(buffer_.end() - begin));
    return true;
  }
  if (bufferEndsFile_) {
    openLineEnd_ = bufferOffset_ + buffer_.size();
    return accept(begin, buffer_.end(), offset, line);
  }
  if (!readLastLine(begin)) return false;
  return accept(lastLine_.data(), lastLine_.end(), offset, line);
}

/// Gathers the line that begins at `begin` and runs past the buffer, up to the limit.
/// It gets a buffer of its own so that the lines given out before stay where they are.
bool Chunk::readLastLine(const char* begin) {
  lastLine_.append(begin, static_cast<std::size_t>(buffer_.end() - begin));
  std::uint64_t readOffset = bufferOffset_ + buffer_.size();
  std::size_t step = std::max(kFirstReadOn, limits_.readAheadBytes);
  while (lastLine_.size() <= limits_.maxLineBytes) {
    char* into = lastLine_.room(step);
    const StatusOr<std::size_t> got = file_->readAt(readOffset, into, step);
    if (!got.ok()) {
      status_ = got.status();
      return false;
    }
    const char* newline = findNewline(into, into + *got);
    lastLine_.grow(newline == nullptr ? *got : static_cast<std::size_t>(newline - into));
    if (newline != nullptr) break;
    readOffset += *got;
    if (*got < step) {
      openLineEnd_ = readOffset;
      break;
    }
    step = std::min(2 * step, kLargestReadOn);
  }
  lastLine_.seal();
  return true;
}

}  // namespace millrace
