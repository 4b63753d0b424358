// SPDX-License-Identifier: MIT
#include "checkpoint/entries_file.hpp"

#include <algorithm>
#include <utility>

#include "checkpoint/checksum.hpp"
#include "checkpoint/directory.hpp"
#include "checkpoint/file_header.hpp"

namespace millrace::checkpoint {
namespace {

constexpr std::uint32_t kDropsBlock = 1;
constexpr std::uint32_t kEntriesBlock = 2;
constexpr std::uint32_t kEndBlock = 3;
constexpr std::size_t kBlockHeaderSize = 24;
constexpr std::size_t kBlockCheckedSize = 16;
constexpr std::size_t kBlockBytes = 64 * 1024;
constexpr std::size_t kPlaceSize = 10;

class EntriesCursor final : public SortedCursor {
 public:
  EntriesCursor(std::shared_ptr<const EntriesFileReader> reader, KeyGroupRange groups)
      : reader_(std::move(reader)),
        groups_(groups),
        in_(""),
        offset_(reader_->offsetOf(groups.first)) {}

  StatusOr<bool> next() override {
    while (true) {
      if (in_.isAtEnd()) {
        if (left_ != 0) return wrong("a block has fewer entries than it says");
        if (offset_ == reader_->entriesEnd()) return false;
        MILLRACE_RETURN_IF_ERROR(nextBlock());
        continue;
      }
      StateChange entry;
      if (left_ == 0 || !readEntry(in_, entry)) return wrong("an entry is damaged");
      --left_;
      if (entry.group.value < groups_.first) continue;
      if (entry.group.value >= groups_.end) return false;
      moveTo(entry);
      return true;
    }
  }

 private:
  Status nextBlock() {
    at_ = offset_;
    MILLRACE_RETURN_IF_ERROR(reader_->readBlock(offset_, block_));
    if (block_.type != kEntriesBlock) return wrong("there is another block among the entries");
    offset_ = block_.end;
    left_ = block_.count;
    in_ = ByteReader(block_.payload);
    return absl::OkStatus();
  }

  Status wrong(const char* what) const { return damaged(reader_->path(), at_, what); }

  std::shared_ptr<const EntriesFileReader> reader_;
  KeyGroupRange groups_;
  EntriesFileReader::Block block_;
  ByteReader in_;
  std::uint64_t offset_;
  std::uint64_t at_ = 0;
  std::uint32_t left_ = 0;
};

}  // namespace

StatusOr<EntriesFileWriter> EntriesFileWriter::create(FileSystem& files, const std::string& path) {
  MILLRACE_ASSIGN_OR_RETURN(auto file, files.openWrite(path, WriteMode::kTruncate));
  EntriesFileWriter writer(std::move(file));
  writeFileHeader(FileType::kEntries, writer.header_);
  MILLRACE_RETURN_IF_ERROR(writer.file_->append(writer.header_));
  writer.offset_ = writer.header_.size();
  return writer;
}

Status EntriesFileWriter::addDrops(const Drops& drops) {
  if (drops.isEmpty()) return absl::OkStatus();
  std::vector<StateId> states;
  StateChanges changes;
  drops.forEach([&](StateId state, KeyGroupRange groups,
                    Timestamp time) { changes.dropThrough(state, groups, time); },
                [&](StateId state) { states.push_back(state); });
  ByteWriter out(payload_);
  out.length(states.size());
  for (const StateId state : states) out.fixed(static_cast<std::uint16_t>(state));
  for (const std::string_view piece : changes.pieces()) out.bytes(piece);
  count_ = static_cast<std::uint32_t>(changes.count());
  return writeBlock(kDropsBlock);
}

Status EntriesFileWriter::add(const StateChange& entry) {
  if (payload_.empty()) firstGroup_ = entry.group.value;
  ByteWriter out(payload_);
  writeEntry(entry, out);
  ++count_;
  ++entries_;
  return payload_.size() < kBlockBytes ? absl::OkStatus() : writeEntries();
}

Status EntriesFileWriter::writeEntries() {
  if (payload_.empty()) return absl::OkStatus();
  if (places_.empty() || places_.back().group != firstGroup_) {
    places_.push_back({firstGroup_, offset_});
  }
  return writeBlock(kEntriesBlock);
}

Status EntriesFileWriter::writeBlock(std::uint32_t type) {
  header_.clear();
  ByteWriter out(header_);
  out.fixed(type);
  out.fixed(count_);
  out.fixed(static_cast<std::uint64_t>(payload_.size()));
  const std::uint64_t check = checksum({header_, payload_}, offset_);
  out.fixed(check);
  ByteWriter(checks_).fixed(check);
  MILLRACE_RETURN_IF_ERROR(file_->append(header_));
  MILLRACE_RETURN_IF_ERROR(file_->append(payload_));
  offset_ += header_.size() + payload_.size();
  payload_.clear();
  count_ = 0;
  return absl::OkStatus();
}

StatusOr<EntriesFile> EntriesFileWriter::finish(std::uint64_t number) {
  MILLRACE_RETURN_IF_ERROR(writeEntries());
  EntriesFile written{number, 0, entries_, checksum({checks_})};
  ByteWriter out(payload_);
  out.fixed(entries_);
  out.fixed(written.check);
  out.length(places_.size());
  for (const Place& place : places_) {
    out.fixed(place.group);
    out.fixed(place.offset);
  }
  out.fixed(offset_);
  MILLRACE_RETURN_IF_ERROR(writeBlock(kEndBlock));
  written.size = offset_;
  MILLRACE_RETURN_IF_ERROR(finalError(file_->sync()));
  MILLRACE_RETURN_IF_ERROR(file_->close());
  return written;
}

StatusOr<std::shared_ptr<const EntriesFileReader>> EntriesFileReader::open(
    FileSystem& files, const std::string& path, const EntriesFile& expected) {
  std::shared_ptr<EntriesFileReader> reader(new EntriesFileReader(expected));
  StatusOr<SizedFile> opened = openSized(files, path);
  if (absl::IsNotFound(opened.status())) return damaged(path, 0, "it is missing");
  MILLRACE_RETURN_IF_ERROR(opened.status());
  reader->file_ = std::move(opened->file);
  std::string header;
  MILLRACE_RETURN_IF_ERROR(readExactly(*reader->file_, 0, kFileHeaderSize, header));
  MILLRACE_RETURN_IF_ERROR(checkFileHeader(header, FileType::kEntries, path));
  if (opened->size != expected.size) {
    return damaged(path, std::min(opened->size, expected.size), "it has another size than it had");
  }
  MILLRACE_RETURN_IF_ERROR(reader->readEnd());
  MILLRACE_RETURN_IF_ERROR(reader->readDrops());
  return std::shared_ptr<const EntriesFileReader>(std::move(reader));
}

Status EntriesFileReader::readEnd() {
  if (expected_.size < kFileHeaderSize + kBlockHeaderSize + sizeof(end_)) {
    return damaged(path(), 0, "it is too short");
  }
  std::string tail;
  MILLRACE_RETURN_IF_ERROR(readExactly(*file_, expected_.size - sizeof(end_), sizeof(end_), tail));
  ByteReader(tail).fixed(end_);
  Block block;
  MILLRACE_RETURN_IF_ERROR(readBlock(end_, block));
  if (block.type == kEndBlock && block.end == expected_.size && takeEnd(block.payload)) {
    return absl::OkStatus();
  }
  return damaged(path(), end_, "it is not the file that was written there");
}

bool EntriesFileReader::takeEnd(const std::string& payload) {
  ByteReader in(payload);
  std::uint64_t entries = 0;
  std::uint64_t check = 0;
  std::size_t places = 0;
  if (!in.fixed(entries) || !in.fixed(check) || !in.count(kPlaceSize, places)) return false;
  places_.resize(places);
  for (Place& place : places_) {
    if (!in.fixed(place.group) || !in.fixed(place.offset)) return false;
  }
  return in.remaining() == sizeof(end_) && entries == expected_.entries && check == expected_.check;
}

Status EntriesFileReader::readDrops() {
  begin_ = kFileHeaderSize;
  if (begin_ == end_) return absl::OkStatus();
  Block block;
  MILLRACE_RETURN_IF_ERROR(readBlock(begin_, block));
  if (block.type != kDropsBlock) return absl::OkStatus();
  if (!takeDrops(block.payload)) return damaged(path(), begin_, "its drops are damaged");
  begin_ = block.end;
  return absl::OkStatus();
}

bool EntriesFileReader::takeDrops(const std::string& payload) {
  ByteReader in(payload);
  std::size_t states = 0;
  if (!in.count(sizeof(std::uint16_t), states)) return false;
  for (std::size_t i = 0; i < states; ++i) {
    std::uint16_t state = 0;
    if (!in.fixed(state)) return false;
    drops_.addState(0, StateId{state});
  }
  std::string_view rest;
  in.bytes(in.remaining(), rest);
  StateChangesReader changes(rest);
  while (true) {
    const auto change = changes.next();
    if (!change.ok()) return false;
    if (!change->has_value()) return true;
    if ((*change)->kind != StateChange::Kind::kDropThrough) return false;
    drops_.addThrough(0, (*change)->state, (*change)->groups, (*change)->time);
  }
}

Status EntriesFileReader::readBlock(std::uint64_t offset, Block& into) const {
  const std::uint64_t size = expected_.size;
  if (offset < kFileHeaderSize || offset > size || size - offset < kBlockHeaderSize) {
    return damaged(path(), std::min(offset, size), "there is no block");
  }
  char header[kBlockHeaderSize];
  MILLRACE_ASSIGN_OR_RETURN(const std::size_t got, file_->readAt(offset, header, sizeof(header)));
  const std::string_view bytes(header, got);
  ByteReader in(bytes);
  std::uint64_t payload = 0;
  if (!in.fixed(into.type) || !in.fixed(into.count) || !in.fixed(payload) ||
      !in.fixed(into.check) || payload > size - offset - kBlockHeaderSize) {
    return damaged(path(), offset, "a block's header is damaged");
  }
  into.end = offset + kBlockHeaderSize + payload;
  MILLRACE_RETURN_IF_ERROR(readExactly(*file_, offset + kBlockHeaderSize, payload, into.payload));
  if (into.check == checksum({bytes.substr(0, kBlockCheckedSize), into.payload}, offset)) {
    return absl::OkStatus();
  }
  return damaged(path(), offset, "a block's checksum is wrong");
}

std::uint64_t EntriesFileReader::offsetOf(std::uint32_t first) const {
  const auto after =
      std::lower_bound(places_.begin(), places_.end(), first,
                       [](const Place& place, std::uint32_t group) { return place.group < group; });
  return after == places_.begin() ? begin_ : (after - 1)->offset;
}

std::unique_ptr<SortedCursor> EntriesFileReader::entries(
    std::shared_ptr<const EntriesFileReader> reader, KeyGroupRange groups) {
  return std::make_unique<EntriesCursor>(std::move(reader), groups);
}

Status EntriesFileReader::verify() const {
  std::uint64_t entries = 0;
  std::string checks;
  Block block;
  for (std::uint64_t offset = kFileHeaderSize; offset < end_; offset = block.end) {
    MILLRACE_RETURN_IF_ERROR(readBlock(offset, block));
    ByteWriter(checks).fixed(block.check);
    if (block.type == kEntriesBlock) entries += block.count;
  }
  if (entries == expected_.entries && checksum({checks}) == expected_.check)
    return absl::OkStatus();
  return damaged(path(), kFileHeaderSize, "blocks are missing or from another file");
}

}  // namespace millrace::checkpoint
