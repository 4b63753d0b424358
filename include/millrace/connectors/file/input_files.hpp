// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>

namespace millrace {

enum class InputKind : std::uint8_t {
  kPlain,   ///< a regular file; several workers read it at once
  kGzip,    ///< name ends in .gz; one decoder, in order
  kZstd,    ///< name ends in .zst; one decoder, in order
  kStream,  ///< a named pipe or device; read as its bytes arrive
};

struct InputFile {
  std::string path;
  InputKind kind = InputKind::kPlain;
  std::uint64_t size = 0;  ///< bytes on disk; 0 for kStream

  /// The path below the directory, below what of a glob has no wildcard, or below the directory of
  /// a single file: the same wherever the input lies.
  std::string name{};
};

/// The files a `file:PATH` source reads, sorted by path in byte order.
///
/// * A file is taken whatever its name.
/// * A directory stands for the regular files (and pipes) directly in it whose name
///   does not start with '.' or '_' (files being written, markers) and ends in
///   .ndjson, .json, .jsonl, .log or .txt, each also with .gz or .zst after it.
///   Directories inside it are not entered.
/// * Anything else that holds one of `* ? [` is a glob: `*`, `?` and `[...]` match
///   within one component of the path, never a '/' or a leading '.'; every file that
///   matches is taken whatever its extension, a directory that matches is left out.
///
/// Every file is opened once, so that one which cannot be read is found before the
/// job starts and not hours into it.
///
/// Errors: kNotFound when there is no such path, no file in the directory or no match;
/// otherwise what the file system says, naming the file.
StatusOr<std::vector<InputFile>> findInputFiles(FileSystem& files, const std::string& path);

/// True when a file of this name is taken from a directory.
bool isInputFileName(std::string_view name);

/// The kind of a regular file, by its name.
InputKind inputKindOf(std::string_view name);

}  // namespace millrace
