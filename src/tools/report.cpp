// SPDX-License-Identifier: MIT
#include "tools/report.hpp"

#include <fmt/format.h>

#include <millrace/formats/json_writer.hpp>
#include <millrace/time/rfc3339.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <vector>

#include "tools/source_positions.hpp"

namespace millrace::tools {
namespace {

// Positions of sources over many files are long; the first part tells which they are.
constexpr std::size_t kShownPositionBytes = 200;

std::string endingText(const Epoch& epoch) {
  if (epoch.isDrained) return ", the last: the input had ended";
  return epoch.isFinal ? ", the last of its run" : "";
}

void addStates(const Inspection& inspection, fmt::memory_buffer& out) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "states\n");
  for (const CheckpointReader::StateSize& size : inspection.sizes) {
    const StateDeclaration& state = size.state.declaration;
    fmt::format_to(to, "  {} / {}: {} of {} by {}, {}, keys {}, values {}\n",
                   size.state.operatorName, state.name, state.kind, state.valueType, state.keyType,
                   counted(size.entries, "entry", "entries"), readableSize(size.keyBytes),
                   readableSize(size.valueBytes));
  }
}

void addTasks(const Epoch& epoch, fmt::memory_buffer& out) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "positions\n");
  const std::vector<NamedSourcePosition> sources = sourcePositions(epoch);
  for (const NamedSourcePosition& source : sources) {
    fmt::format_to(to, "  {}: {}\n", source.operatorName, asText(source.position));
  }
  for (const TaskSnapshot& task : epoch.tasks) {
    const TaskState& state = task.state;
    const bool isTold =
        std::any_of(sources.begin(), sources.end(), [&](const NamedSourcePosition& source) {
          return source.operatorName == task.operatorName;
        });
    if (isTold || (state.position.empty() && state.prepared.empty())) continue;
    fmt::format_to(to, "  {} #{}: {}", task.operatorName, task.worker,
                   readable(state.position, kShownPositionBytes));
    if (!state.prepared.empty()) {
      fmt::format_to(to, " prepared: {}", readable(state.prepared, kShownPositionBytes));
    }
    fmt::format_to(to, "\n");
  }
}

void addEpochs(const CheckpointReader& reader, fmt::memory_buffer& out) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "epochs in the log\n");
  for (const CheckpointReader::LoggedEpoch& logged : reader.epochs()) {
    fmt::format_to(to, "  {} of run {} at {}: {}, {}{}\n", logged.epoch.number,
                   logged.epoch.incarnation, formatUtc(logged.epoch.completedAt),
                   counted(logged.operations, "operation", "operations"),
                   readableSize(logged.bytes), endingText(logged.epoch));
  }
}

void addRetained(const Inspection& inspection, fmt::memory_buffer& out) {
  if (inspection.reader.retained().empty()) return;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "retained checkpoints\n");
  for (const std::uint64_t epoch : inspection.reader.retained()) {
    fmt::format_to(to, "  epoch {}: {}/retained/{:06}\n", epoch, inspection.directory, epoch);
  }
}

void writeStates(const Inspection& inspection, JsonWriter& json) {
  json.key("states").beginArray();
  for (const CheckpointReader::StateSize& size : inspection.sizes) {
    const StateDeclaration& state = size.state.declaration;
    json.beginObject().key("operator").string(size.state.operatorName);
    json.key("state")
        .string(state.name)
        .key("id")
        .integer(static_cast<std::uint16_t>(size.state.id));
    json.key("kind").string(state.kind).key("key_type").string(state.keyType);
    json.key("value_type").string(state.valueType).key("entries").integer(size.entries);
    json.key("key_bytes").integer(size.keyBytes).key("value_bytes").integer(size.valueBytes);
    json.endObject();
  }
  json.endArray();
}

void writeTasks(const Epoch& epoch, JsonWriter& json) {
  json.key("tasks").beginArray();
  for (const TaskSnapshot& task : epoch.tasks) {
    constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
    json.beginObject().key("operator").string(task.operatorName);
    json.key("worker").integer(task.worker);
    json.key("position").string(readable(task.state.position, kAll));
    json.key("prepared").string(readable(task.state.prepared, kAll)).endObject();
  }
  json.endArray();
}

void writeSources(const Epoch& epoch, JsonWriter& json) {
  json.key("sources").beginArray();
  for (const auto& [name, position] : sourcePositions(epoch)) {
    json.beginObject().key("operator").string(name).key("kind").string(position.kind);
    const bool hasTime = position.watermark != kMinTimestamp && position.watermark != kMaxTimestamp;
    if (hasTime) json.key("event_time").timestamp(position.watermark);
    json.key("read").beginArray();
    for (const SourcePosition::Item& item : position.items) {
      json.beginObject();
      const bool isKafka = position.kind == "kafka";
      if (!item.name.empty()) json.key(isKafka ? "partition" : "file").string(item.name);
      json.key(position.kind == "files" ? "bytes"
               : isKafka                ? "next_offset"
                                        : "records")
          .integer(item.read);
      if (item.of) json.key("of").integer(*item.of);
      json.endObject();
    }
    json.endArray().endObject();
  }
  json.endArray();
}

void writeEpochs(const CheckpointReader& reader, JsonWriter& json) {
  json.key("log").beginArray();
  for (const CheckpointReader::LoggedEpoch& logged : reader.epochs()) {
    json.beginObject().key("epoch").integer(logged.epoch.number);
    json.key("run").integer(logged.epoch.incarnation);
    json.key("completed_at").timestamp(logged.epoch.completedAt);
    json.key("operations").integer(logged.operations).key("bytes").integer(logged.bytes);
    json.key("final").boolean(logged.epoch.isFinal).key("drained").boolean(logged.epoch.isDrained);
    json.endObject();
  }
  json.endArray();
}

}  // namespace

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string readable(std::string_view bytes, std::size_t most) {
  std::string text;
  for (const char byte : bytes.substr(0, most)) {
    const auto code = static_cast<unsigned char>(byte);
    if (code >= 0x20 && code < 0x7f && byte != '\\') {
      text += byte;
    } else {
      text += fmt::format("\\x{:02x}", code);
    }
  }
  if (bytes.size() > most) text += fmt::format("... ({} bytes)", bytes.size());
  return text;
}

std::string readableSize(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  return fmt::format("{:.1f} {}", size, kUnits[unit]);
}

std::string asText(const Inspection& inspection) {
  const CheckpointReader& reader = inspection.reader;
  const CheckpointSummary& summary = reader.summary();
  fmt::memory_buffer out;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "{}: {} of job '{}'\n", inspection.directory,
                 reader.isSavepoint() ? "savepoint" : "state", summary.jobName);
  if (summary.epoch.number == 0) {
    fmt::format_to(to, "  nothing is committed yet\n");
  } else {
    fmt::format_to(to, "  epoch {} of run {}, completed at {}{}\n", summary.epoch.number,
                   summary.epoch.incarnation, formatUtc(summary.epoch.completedAt),
                   endingText(summary.epoch));
  }
  fmt::format_to(to, "  {} key groups, log {}, base {}\n", summary.keyGroups,
                 readableSize(reader.logBytes()), readableSize(reader.baseBytes()));
  if (reader.tornBytes() > 0) {
    fmt::format_to(to, "  {} behind the last epoch were never committed\n",
                   counted(reader.tornBytes(), "byte", "bytes"));
  }
  addStates(inspection, out);
  addTasks(summary.epoch, out);
  if (!reader.isSavepoint()) addEpochs(reader, out);
  addRetained(inspection, out);
  return fmt::to_string(out);
}

std::string asJson(const Inspection& inspection) {
  const CheckpointReader& reader = inspection.reader;
  const CheckpointSummary& summary = reader.summary();
  std::string line;
  JsonWriter json(line);
  json.beginObject().key("directory").string(inspection.directory);
  json.key("kind").string(reader.isSavepoint() ? "savepoint" : "checkpoint");
  json.key("job").string(summary.jobName).key("key_groups").integer(summary.keyGroups);
  json.key("runs").integer(summary.incarnation).key("epoch").integer(summary.epoch.number);
  json.key("completed_at").timestamp(summary.epoch.completedAt);
  json.key("final").boolean(summary.epoch.isFinal).key("drained").boolean(summary.epoch.isDrained);
  json.key("log_bytes").integer(reader.logBytes()).key("base_bytes").integer(reader.baseBytes());
  json.key("torn_bytes").integer(reader.tornBytes());
  writeStates(inspection, json);
  writeTasks(summary.epoch, json);
  writeSources(summary.epoch, json);
  writeEpochs(reader, json);
  json.key("retained").beginArray();
  for (const std::uint64_t epoch : reader.retained()) json.integer(epoch);
  json.endArray().endObject();
  return line + "\n";
}

std::string asText(const std::vector<StateDifference>& differences) {
  std::string text;
  for (const StateDifference& state : differences) {
    text += fmt::format(
        "{} / {}: {} changed, {} only in the first, {} only in the second, {} the same\n",
        state.operatorName, state.stateName, state.changed, state.onlyInFirst, state.onlyInSecond,
        state.same);
  }
  return text;
}

}  // namespace millrace::tools
