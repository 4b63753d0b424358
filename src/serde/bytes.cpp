// SPDX-License-Identifier: MIT
#include <millrace/serde/bytes.hpp>

namespace millrace {

void ByteWriter::bytes(std::string_view value) { out_->append(value); }

void ByteWriter::length(std::uint64_t value) {
  while (value >= 0x80) {
    out_->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out_->push_back(static_cast<char>(value));
}

void ByteWriter::patch(std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) (*out_)[at + i] = static_cast<char>(value >> (8 * i));
}

bool ByteReader::length(std::uint64_t& out) {
  out = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    std::uint8_t byte = 0;
    if (!fixed(byte)) return false;
    if (shift == 63 && byte > 1) return false;
    out |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return byte != 0 || shift == 0;
  }
  return false;
}

bool ByteReader::count(std::size_t minimumBytes, std::size_t& out) {
  std::uint64_t claimed = 0;
  if (!length(claimed) || claimed > rest_.size() / minimumBytes) return false;
  out = static_cast<std::size_t>(claimed);
  return true;
}

}  // namespace millrace
