// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/checkpoint/checkpoint_reader.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace millrace::tools {

/// What `millrace inspect` says of a checkpoint.
struct Inspection {
  std::string directory;
  const CheckpointReader& reader;
  std::vector<CheckpointReader::StateSize> sizes;
};

std::string asText(const Inspection& inspection);
/// One object on one line.
std::string asJson(const Inspection& inspection);

std::string asText(const std::vector<StateDifference>& differences);

/// "1 entry", "2 entries".
std::string counted(std::uint64_t count, std::string_view one, std::string_view many);

/// Bytes as one can read them: printable ASCII as it is, the rest as \xNN, cut after `most` bytes.
std::string readable(std::string_view bytes, std::size_t most);

/// "1.5 MiB".
std::string readableSize(std::uint64_t bytes);

}  // namespace millrace::tools
