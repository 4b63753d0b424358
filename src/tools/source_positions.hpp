// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/checkpoint/epoch.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::tools {

/// How far a source has come, of all its instances together.
struct SourcePosition {
  struct Item {
    std::string name;                 ///< a file's or a partition's; else empty
    std::uint64_t read = 0;           ///< bytes of text, or records; of a partition the next offset
    std::optional<std::uint64_t> of;  ///< where it is known
  };

  std::string kind;  ///< "files", "kafka", "generator" or "collection"
  Timestamp watermark = kMinTimestamp;
  std::vector<Item> items;
};

/// Of the operators in the epoch, by name in order of their first task: those whose positions say
/// by a tag of what kind of source they are, and hold as a whole what such a source has written.
struct NamedSourcePosition {
  std::string operatorName;
  SourcePosition position;
};
std::vector<NamedSourcePosition> sourcePositions(const Epoch& epoch);

/// What stands for one of them in a report, without its name: "up to event time ...", then a line
/// for each item.
std::string asText(const SourcePosition& position);

}  // namespace millrace::tools
