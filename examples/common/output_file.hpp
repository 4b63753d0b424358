// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>

#include <string>
#include <string_view>

namespace millrace::examples {

/// A file, or stdout, written whole chunks at a time. Owns the descriptor.
///
/// Thread safety: one thread at a time.
class OutputFile {
 public:
  /// Creates or empties `path`. The error tells why it cannot.
  static StatusOr<OutputFile> create(const std::string& path);
  static OutputFile standardOutput();

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  /// Writes all of `bytes` or says why not (disk full, pipe closed).
  Status write(std::string_view bytes);

  /// Errors that only closing brings to light. REQUIRES: the last call.
  Status close();

 private:
  OutputFile(std::string name, int descriptor, bool owned);

  std::string name_;
  int descriptor_;
  bool owned_;
};

}  // namespace millrace::examples
