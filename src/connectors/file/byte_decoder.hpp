// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>

namespace millrace {

/// The bytes of an input in order, decompressed.
/// Thread safety: one thread at a time.
class ByteDecoder {
 public:
  virtual ~ByteDecoder() = default;

  /// At least one byte, or 0 at the end. An error comes only after every byte that
  /// could be had before it, and names the file and the place.
  virtual StatusOr<std::size_t> read(char* into, std::size_t size) = 0;

  /// Whether `read` would answer without waiting for another process.
  virtual StatusOr<bool> isReady() { return true; }
};

/// Any number of gzip members one after the other, zeros after the last.
std::unique_ptr<ByteDecoder> gzipDecoder(std::unique_ptr<RandomAccessFile> file);

/// Any number of zstd frames one after the other.
std::unique_ptr<ByteDecoder> zstdDecoder(std::unique_ptr<RandomAccessFile> file);

std::unique_ptr<ByteDecoder> streamBytes(std::unique_ptr<InputStream> stream);

}  // namespace millrace
