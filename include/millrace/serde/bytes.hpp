// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace millrace {

class SavedSchemas;

/// Appends to a byte string that the caller owns and may keep from use to use.
/// Numbers are little endian of fixed width; lengths are LEB128 in as few bytes as
/// they need. The bytes are the same on every machine.
/// Thread safety: none.
class ByteWriter {
 public:
  /// REQUIRES: `out` outlives the writer.
  explicit ByteWriter(std::string& out) noexcept : out_(&out) {}

  void bytes(std::string_view value);

  /// An integer as sizeof(T) bytes.
  template <typename T>
  requires std::is_integral_v<T>
  void fixed(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    if constexpr (std::endian::native == std::endian::big) {
      for (std::size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(raw[i], raw[sizeof(T) - 1 - i]);
    }
    bytes({raw, sizeof(T)});
  }

  void length(std::uint64_t value);

  /// Bytes written to the string so far, those of earlier writers included.
  std::size_t size() const noexcept { return out_->size(); }

  /// Puts `value` over four bytes written earlier by `fixed(std::uint32_t)` at `at`:
  /// for a length that is known only afterwards. REQUIRES: at + 4 <= size().
  void patch(std::size_t at, std::uint32_t value);

 private:
  std::string* out_;
};

/// Reads what a ByteWriter wrote, from bytes that may be damaged or hostile.
///
/// Invariants:
/// 1. Never reads past the end: a read that would returns false.
/// 2. After a false nothing more should be read; what was read is to be thrown away.
/// 3. Only the canonical form of a length is accepted, so what reads back well was
///    written exactly so.
/// Thread safety: none. REQUIRES: the bytes outlive the reader, and so do the schemas.
class ByteReader {
 public:
  /// `saved`: what the bytes may have been written under besides the schemas of today.
  explicit ByteReader(std::string_view bytes, const SavedSchemas* saved = nullptr) noexcept
      : rest_(bytes), savedSchemas_(saved) {}

  std::size_t remaining() const noexcept { return rest_.size(); }
  bool isAtEnd() const noexcept { return rest_.empty(); }
  const SavedSchemas* savedSchemas() const noexcept { return savedSchemas_; }

  /// The next `count` bytes, without a copy.
  bool bytes(std::size_t count, std::string_view& out) {
    if (count > rest_.size()) return false;
    out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return true;
  }

  template <typename T>
  requires std::is_integral_v<T>
  bool fixed(T& out) {
    if (rest_.size() < sizeof(T)) return false;
    char raw[sizeof(T)];
    std::memcpy(raw, rest_.data(), sizeof(T));
    if constexpr (std::endian::native == std::endian::big) {
      for (std::size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(raw[i], raw[sizeof(T) - 1 - i]);
    }
    std::memcpy(&out, raw, sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return true;
  }

  bool length(std::uint64_t& out);

  /// The number of elements that follow, each of at least `minimumBytes`: false when
  /// so many cannot be there, so that it is safe to prepare for them.
  bool count(std::size_t minimumBytes, std::size_t& out);

 private:
  std::string_view rest_;
  const SavedSchemas* savedSchemas_;
};

}  // namespace millrace
