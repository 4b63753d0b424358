// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::examples {

/// What `--source` names.
struct SourceSpec {
  enum class Kind { kFile, kStdin, kGenerate, kKafka };
  Kind kind = Kind::kStdin;
  std::string path;         ///< kFile: a file, a directory or a glob
  std::int64_t events = 0;  ///< kGenerate: how many
  std::string
      topic;  ///< kKafka: topics with commas between, or ^REGEX for whole names; empty: the default
};

/// What `--sink`, `--dead-letters` and `--late` name.
struct SinkSpec {
  enum class Kind { kNone, kStdout, kDirectory, kKafka };
  Kind kind = Kind::kNone;
  std::string directory;
  std::string topic;  ///< kKafka; empty: the default
};

/// `file:PATH`, `stdin`, `generate:N` or `kafka:TOPIC`. A regular expression is one that means the
/// same to POSIX (extended) and to ECMAScript. The error says what is wrong with `text`.
StatusOr<SourceSpec> parseSource(std::string_view text);

/// `stdout`, `file:DIR` or `kafka:TOPIC`. The error says what is wrong with `text`.
StatusOr<SinkSpec> parseSink(std::string_view text);

}  // namespace millrace::examples
