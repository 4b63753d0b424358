// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace millrace {

// The program stops where the promise was broken, which is what a fuzzer looks for.
inline void promise(bool kept) {
  if (!kept) __builtin_trap();
}

// A copy of the input in a block of its own with `padding` bytes of rubbish after
// it, so that the address sanitizer sees the first byte read past that.
class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size, std::size_t padding)
      : bytes_(std::make_unique<char[]>(size + padding)), size_(size) {
    for (std::size_t i = 0; i < size; ++i) bytes_[i] = static_cast<char>(data[i]);
    for (std::size_t i = 0; i < padding; ++i) bytes_[size + i] = "}]\"0,:{\\"[i % 8];
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

}  // namespace millrace
