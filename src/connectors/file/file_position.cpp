// SPDX-License-Identifier: MIT
#include "connectors/file/file_position.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <millrace/base/hash.hpp>

namespace millrace {
namespace {

constexpr std::string_view kTag = "F1";

constexpr std::uint8_t kHasIdentity = 1;
constexpr std::uint8_t kHasEnd = 2;
constexpr std::uint8_t kHasOpenLine = 4;
constexpr std::uint8_t kHasPrefix = 8;

constexpr std::size_t kCheckedBytes = 1024;

constexpr const char* kWhatToDo =
    " (put the file back as it was, or start anew with an empty state directory)";

Status changed(const std::string& name, const std::string& what) {
  return absl::FailedPreconditionError("the input file " + name +
                                       " is not what the checkpoint has read: " + what + kWhatToDo);
}

Status damaged() { return absl::DataLossError("the position of a file source is damaged"); }

bool readIdentity(ByteReader& in, FileIdentity& identity) {
  std::size_t size = 0;
  std::string_view name;
  std::uint8_t kind = 0;
  if (!in.count(1, size) || !in.bytes(size, name) || !in.fixed(kind)) return false;
  if (kind > static_cast<std::uint8_t>(InputKind::kStream)) return false;
  identity.name = name;
  identity.kind = static_cast<InputKind>(kind);
  return in.length(identity.size) && in.fixed(identity.check);
}

bool readEntry(ByteReader& in, FilePosition& position) {
  std::uint64_t index = 0;
  std::uint8_t flags = 0;
  if (!in.length(index) || !in.fixed(flags)) return false;
  position.index = static_cast<std::size_t>(index);
  position.hasIdentity = (flags & kHasIdentity) != 0;
  if (position.hasIdentity && !readIdentity(in, position.identity)) return false;
  position.hasEnd = (flags & kHasEnd) != 0;
  if (position.hasEnd && !in.length(position.end)) return false;
  if ((flags & kHasOpenLine) != 0 && !in.length(position.openLineEnd)) return false;
  if ((flags & kHasPrefix) != 0 &&
      (!in.length(position.prefixEnd) || !in.fixed(position.prefixMax))) {
    return false;
  }
  return position.delivered.read(in);
}

/// The entries of one file, one for each reader that had something to say of it.
FilePosition merge(std::vector<FilePosition> entries) {
  FilePosition merged;
  for (FilePosition& entry : entries) {
    merged.index = entry.index;
    merged.delivered.add(entry.delivered);
    merged.openLineEnd = std::max(merged.openLineEnd, entry.openLineEnd);
    if (entry.hasEnd) {
      merged.hasEnd = true;
      merged.end = entry.end;
    }
    if (entry.hasIdentity) {
      merged.hasIdentity = true;
      merged.identity = std::move(entry.identity);
    }
  }
  // A reader whose barrier came late may have seen more of the file than the checkpoint holds: its
  // maximum would make records late that are still to come.
  const std::uint64_t withoutGaps = merged.delivered.prefixEnd();
  for (const FilePosition& entry : entries) {
    if (entry.prefixEnd > withoutGaps || entry.prefixMax <= merged.prefixMax) continue;
    merged.prefixEnd = entry.prefixEnd;
    merged.prefixMax = entry.prefixMax;
  }
  return merged;
}

}  // namespace

void beginFilePositions(ByteWriter& out) { out.bytes(kTag); }

void writeFilePosition(const FilePosition& position, std::uint64_t unit, ByteWriter& out) {
  out.length(position.index);
  const bool hasPrefix = position.prefixMax != kMinTimestamp;
  out.fixed(static_cast<std::uint8_t>(
      (position.hasIdentity ? kHasIdentity : 0) | (position.hasEnd ? kHasEnd : 0) |
      (position.openLineEnd > 0 ? kHasOpenLine : 0) | (hasPrefix ? kHasPrefix : 0)));
  if (position.hasIdentity) {
    out.length(position.identity.name.size());
    out.bytes(position.identity.name);
    out.fixed(static_cast<std::uint8_t>(position.identity.kind));
    out.length(position.identity.size);
    out.fixed(position.identity.check);
  }
  if (position.hasEnd) out.length(position.end);
  if (position.openLineEnd > 0) out.length(position.openLineEnd);
  if (hasPrefix) {
    out.length(position.prefixEnd);
    out.fixed(position.prefixMax);
  }
  position.delivered.write(unit, out);
}

StatusOr<std::vector<FilePosition>> mergeFilePositions(
    std::span<const std::string_view> positions) {
  std::map<std::size_t, std::vector<FilePosition>> entries;
  for (const std::string_view position : positions) {
    if (!position.starts_with(kTag)) {
      return absl::FailedPreconditionError(
          "the checkpoint's position is not one of files (the source read something else when it "
          "was taken: read that again, or start anew with an empty state directory)");
    }
    ByteReader in(position.substr(kTag.size()));
    while (!in.isAtEnd()) {
      FilePosition entry;
      if (!readEntry(in, entry)) return damaged();
      const std::size_t index = entry.index;
      entries[index].push_back(std::move(entry));
    }
  }
  std::vector<FilePosition> merged;
  for (auto& [index, ofFile] : entries) {
    merged.push_back(merge(std::move(ofFile)));
    if (!merged.back().hasIdentity) return damaged();
  }
  return merged;
}

StatusOr<std::uint64_t> identityCheck(RandomAccessFile& file, std::uint64_t size) {
  std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(size, 2 * kCheckedBytes)),
                    '\0');
  const std::size_t head = std::min(bytes.size(), kCheckedBytes);
  const std::size_t tail = bytes.size() - head;
  MILLRACE_ASSIGN_OR_RETURN(std::size_t got, file.readAt(0, bytes.data(), head));
  if (got == head && tail > 0) {
    MILLRACE_ASSIGN_OR_RETURN(const std::size_t more,
                              file.readAt(size - tail, bytes.data() + head, tail));
    got += more;
  }
  if (got == bytes.size()) return hashBytes(bytes.data(), bytes.size());
  return absl::DataLossError(file.path() + " has become shorter than " + std::to_string(size) +
                             " bytes while it was read");
}

Status checkUnchanged(FileSystem& files, const FilePosition& then, const InputFile& now) {
  const FileIdentity& identity = then.identity;
  if (now.kind != identity.kind) {
    return changed(now.path, "it is another kind of file now");
  }
  if (now.size < identity.size) {
    return changed(now.path, "it had " + std::to_string(identity.size) + " bytes and has " +
                                 std::to_string(now.size) + " now");
  }
  MILLRACE_ASSIGN_OR_RETURN(const auto file, files.openRead(now.path));
  MILLRACE_ASSIGN_OR_RETURN(const std::uint64_t check, identityCheck(*file, identity.size));
  if (check != identity.check) {
    return changed(now.path,
                   "of its first " + std::to_string(identity.size) + " bytes some are others now");
  }
  if (then.openLineEnd == 0) return absl::OkStatus();
  bool goesOn = now.size > identity.size;
  if (now.kind == InputKind::kPlain) {
    char next = '\n';
    MILLRACE_ASSIGN_OR_RETURN(const std::size_t got, file->readAt(then.openLineEnd, &next, 1));
    goesOn = got == 1 && next != '\n';
  }
  if (!goesOn) return absl::OkStatus();
  return changed(now.path, "its last line had no end and was read as it was up to byte " +
                               std::to_string(then.openLineEnd) + ", and has become longer");
}

Status missingInput(const std::string& name) {
  return absl::FailedPreconditionError(
      "the input file " + name + ", which the checkpoint has read from, is missing" + kWhatToDo);
}

}  // namespace millrace
