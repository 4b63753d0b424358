// SPDX-License-Identifier: MIT
#include "tools/source_positions.hpp"

#include <fmt/format.h>

#include <millrace/connectors/collection/collection.hpp>
#include <millrace/connectors/generator/generator.hpp>
#include <millrace/runtime/operator.hpp>
#include <millrace/runtime/source.hpp>
#include <millrace/time/rfc3339.hpp>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "connectors/file/file_position.hpp"
#include "connectors/kafka/kafka_positions.hpp"

namespace millrace::tools {
namespace {

using Positions = std::vector<std::string_view>;

constexpr std::size_t kShownItems = 50;

SourcePosition::Item itemOf(const FilePosition& file) {
  SourcePosition::Item item{file.identity.name, 0, std::nullopt};
  for (const ByteRange& range : file.delivered.ranges()) item.read += range.end - range.begin;
  if (file.hasEnd) item.of = file.end;
  if (!file.hasEnd && file.identity.kind == InputKind::kPlain) item.of = file.identity.size;
  return item;
}

bool readFiles(const Positions& positions, SourcePosition& found) {
  const auto files = mergeFilePositions(positions);
  if (!files.ok()) return false;
  found.kind = "files";
  for (const FilePosition& file : *files) found.items.push_back(itemOf(file));
  return true;
}

bool readGenerator(const Positions& positions, SourcePosition& found) {
  GeneratorShares shares(0, 1);
  if (!shares.restore(positions).ok()) return false;
  found.kind = "generator";
  found.items.push_back({"", shares.resumedFrom(), std::nullopt});
  return true;
}

bool readKafka(const Positions& positions, SourcePosition& found) {
  const auto partitions = rdkafka::readPositions(positions);
  if (!partitions.ok()) return false;
  found.kind = "kafka";
  for (const rdkafka::PartitionPosition& partition : *partitions) {
    if (partition.next < 0) continue;  // nothing is known of it yet
    SourcePosition::Item item{partition.id.name(), static_cast<std::uint64_t>(partition.next),
                              std::nullopt};
    if (partition.end) item.of = static_cast<std::uint64_t>(*partition.end);
    found.items.push_back(std::move(item));
  }
  return true;
}

bool readCollection(const Positions& positions, SourcePosition& found) {
  const auto read = restoreCollection(positions, std::numeric_limits<std::size_t>::max());
  if (!read.ok()) return false;
  found.kind = "collection";
  found.items.push_back({"", *read, std::nullopt});
  return true;
}

// A position is the task's counters, then the source's time, then what the reader has written, with
// its tag.
std::optional<SourcePosition> read(const Epoch& epoch, const std::string& operatorName) {
  std::vector<std::string> ofTasks;
  for (const TaskSnapshot& task : epoch.tasks) {
    if (task.operatorName != operatorName || task.state.position.empty()) continue;
    std::string_view rest = task.state.position;
    TaskCounters counters;
    if (!counters.read(rest, false)) return std::nullopt;
    ofTasks.emplace_back(rest);
  }
  Positions ofReaders;
  const StatusOr<Timestamp> watermark = readSourcePositions(ofTasks, ofReaders);
  if (!watermark.ok() || ofReaders.empty()) return std::nullopt;
  SourcePosition found;
  found.watermark = *watermark;
  const bool isKnown = readFiles(ofReaders, found) || readKafka(ofReaders, found) ||
                       readGenerator(ofReaders, found) || readCollection(ofReaders, found);
  return isKnown ? std::optional(std::move(found)) : std::nullopt;
}

}  // namespace

std::vector<NamedSourcePosition> sourcePositions(const Epoch& epoch) {
  std::vector<std::string> seen;
  std::vector<NamedSourcePosition> found;
  for (const TaskSnapshot& task : epoch.tasks) {
    if (std::find(seen.begin(), seen.end(), task.operatorName) != seen.end()) continue;
    seen.push_back(task.operatorName);
    if (auto position = read(epoch, task.operatorName))
      found.push_back({task.operatorName, *std::move(position)});
  }
  return found;
}

std::string asText(const SourcePosition& position) {
  std::string text = position.watermark == kMinTimestamp ? "no event time yet"
                     : position.watermark == kMaxTimestamp
                         ? "at the end of time"
                         : "up to event time " + formatUtc(position.watermark);
  std::size_t shown = 0;
  for (const SourcePosition::Item& item : position.items) {
    if (shown++ == kShownItems) {
      text += fmt::format("\n    and {} more", position.items.size() - kShownItems);
      break;
    }
    const char* unit = position.kind == "files"   ? "bytes"
                       : position.kind == "kafka" ? "offsets"
                                                  : "records";
    text += fmt::format("\n    {}: {}", item.name.empty() ? position.kind : item.name, item.read);
    if (item.of) text += fmt::format(" of {}", *item.of);
    text += fmt::format(" {}", unit);
  }
  return text;
}

}  // namespace millrace::tools
