// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/padded_buffer.hpp>

namespace millrace {

void PaddedBuffer::reallocate(std::size_t atLeast) {
  const std::size_t capacity = atLeast > 2 * capacity_ ? atLeast : 2 * capacity_;
  auto bytes = std::make_unique_for_overwrite<char[]>(capacity + kPadding);
  if (size_ > 0) std::memcpy(bytes.get(), bytes_.get(), size_);
  bytes_ = std::move(bytes);
  capacity_ = capacity;
}

}  // namespace millrace
