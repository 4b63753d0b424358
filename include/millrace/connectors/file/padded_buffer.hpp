// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

namespace millrace {

/// Bytes that may be read past their end: parsers that load whole vector registers
/// need `kPadding` readable bytes after the last one. Memory is kept for reuse.
///
/// Thread safety: none.
/// Invariants: capacity() + kPadding bytes are allocated whenever capacity() > 0;
/// after `seal` the padding after the last byte holds zeros.
class PaddedBuffer {
 public:
  static constexpr std::size_t kPadding = 64;

  const char* data() const { return bytes_.get(); }
  char* data() { return bytes_.get(); }
  const char* end() const { return bytes_.get() + size_; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }

  void clear() { size_ = 0; }

  /// Forgets the bytes, and the memory too when it is more than `keepCapacity`.
  void recycle(std::size_t keepCapacity) {
    size_ = 0;
    if (capacity_ <= keepCapacity) return;
    bytes_.reset();
    capacity_ = 0;
  }

  /// Where `extra` more bytes can be written; they count once `grow` is called.
  /// Moves the bytes when they no longer fit.
  char* room(std::size_t extra) {
    if (bytes_ == nullptr || size_ + extra > capacity_) reallocate(size_ + extra);
    return bytes_.get() + size_;
  }

  /// REQUIRES: count <= the `extra` last given to `room`.
  void grow(std::size_t count) { size_ += count; }

  /// REQUIRES: size <= size().
  void truncate(std::size_t size) { size_ = size; }

  void append(const char* bytes, std::size_t count) {
    if (count == 0) return;
    std::memcpy(room(count), bytes, count);
    grow(count);
  }

  void seal() { std::memset(room(0), 0, kPadding); }

  void swap(PaddedBuffer& other) noexcept {
    bytes_.swap(other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  void reallocate(std::size_t atLeast);

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace millrace
