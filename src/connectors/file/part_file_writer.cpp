// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/part_file_writer.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

#include <millrace/base/check.hpp>

namespace millrace {
namespace {

constexpr std::string_view kExtension = ".ndjson";
constexpr std::string_view kInProgress = ".inprogress";
constexpr std::size_t kDigits = 5;

std::string padded(std::uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(kDigits - std::min(kDigits, digits.size()), '0') + digits;
}

std::string prefixOf(std::uint32_t subtask) { return "part-" + padded(subtask) + "-"; }

/// The sequence number in the name of a finished or unfinished part; false for others.
bool parseSequence(std::string_view name, std::string_view prefix, std::uint64_t& sequence) {
  if (name.starts_with('.')) name.remove_prefix(1);
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  return std::from_chars(name.data(), name.data() + name.size(), sequence).ec == std::errc();
}

using PartNames = std::vector<std::pair<std::string, std::string>>;

// "P1", then for each part: bytes in the hidden name, hidden name, bytes in the name, name.
constexpr std::string_view kPreparedTag = "P1";

void writePrepared(const PartNames& parts, ByteWriter& out) {
  out.bytes(kPreparedTag);
  for (const auto& [hidden, name] : parts) {
    out.length(hidden.size());
    out.bytes(hidden);
    out.length(name.size());
    out.bytes(name);
  }
}

bool readName(ByteReader& in, std::string& name) {
  std::size_t size = 0;
  std::string_view bytes;
  if (!in.count(1, size) || !in.bytes(size, bytes)) return false;
  name = bytes;
  return !name.empty() && name.find('/') == std::string::npos;
}

StatusOr<PartNames> readPrepared(std::string_view prepared) {
  PartNames parts;
  if (prepared.empty()) return parts;
  ByteReader in(prepared);
  std::string_view tag;
  bool isGood = in.bytes(kPreparedTag.size(), tag) && tag == kPreparedTag && !in.isAtEnd();
  while (isGood && !in.isAtEnd()) {
    auto& [hidden, name] = parts.emplace_back();
    isGood = readName(in, hidden) && readName(in, name);
  }
  if (isGood) return parts;
  return absl::DataLossError("what a checkpoint says of part files is damaged");
}

Status lostPart(const std::string& directory, const std::string& name) {
  return absl::DataLossError(
      "the part file " + directory + "/" + name +
      " of a committed checkpoint is there neither under its name nor hidden (was it moved away, "
      "or "
      "does the sink write to another directory now? put it back, or an empty file of that name if "
      "its lines have been taken over elsewhere)");
}

// A sync that failed once says nothing when it is repeated: the lines have to be made anew, which a
// restart from the last checkpoint does.
Status finalSync(const Status& synced) {
  if (synced.ok()) return synced;
  return absl::AbortedError(std::string(synced.message()) +
                            " (what a sync has failed for is never synced again)");
}

Status persistPart(FileSystem& files, const std::string& path) {
  // Opening for writing would make it anew.
  MILLRACE_RETURN_IF_ERROR(files.stat(path).status());
  MILLRACE_ASSIGN_OR_RETURN(const auto part, files.openWrite(path, WriteMode::kAppend));
  MILLRACE_RETURN_IF_ERROR(finalSync(part->sync()));
  return part->close();
}

}  // namespace

Status persistParts(FileSystem& files, const std::string& directory, std::string_view prepared) {
  MILLRACE_ASSIGN_OR_RETURN(const PartNames parts, readPrepared(prepared));
  if (parts.empty()) return absl::OkStatus();
  for (const auto& [hidden, name] : parts) {
    const Status persisted = persistPart(files, directory + "/" + hidden);
    if (absl::IsNotFound(persisted)) {
      return absl::AbortedError("the hidden part file " + directory + "/" + hidden +
                                " is gone before its checkpoint was committed (does another "
                                "process run the same job into this directory?)");
    }
    MILLRACE_RETURN_IF_ERROR(persisted);
  }
  return finalSync(files.syncDirectory(directory));
}

Status commitParts(FileSystem& files, const std::string& directory, std::string_view prepared) {
  MILLRACE_ASSIGN_OR_RETURN(const PartNames parts, readPrepared(prepared));
  if (parts.empty()) return absl::OkStatus();
  for (const auto& [hidden, name] : parts) {
    const Status renamed = files.rename(directory + "/" + hidden, directory + "/" + name);
    if (!absl::IsNotFound(renamed)) {
      MILLRACE_RETURN_IF_ERROR(renamed);
      continue;
    }
    const Status there = files.stat(directory + "/" + name).status();
    if (absl::IsNotFound(there)) return lostPart(directory, name);
    MILLRACE_RETURN_IF_ERROR(there);
  }
  // Also when nothing was left to rename: who did it may not have come to this.
  return finalSync(files.syncDirectory(directory));
}

PartFileWriter::PartFileWriter(FileSystem& files, PartFileOptions options)
    : files_(files), options_(std::move(options)) {}

PartFileWriter::~PartFileWriter() = default;

StatusOr<std::unique_ptr<PartFileWriter>> PartFileWriter::open(FileSystem& files,
                                                               PartFileOptions options) {
  MILLRACE_RETURN_IF_ERROR(files.makeDirs(options.directory));
  std::unique_ptr<PartFileWriter> writer(new PartFileWriter(files, std::move(options)));
  if (!writer->options_.run) {
    MILLRACE_ASSIGN_OR_RETURN(writer->sequence_, writer->nextFreeSequence());
  }
  return writer;
}

std::string PartFileWriter::pathOf(std::string_view name) const {
  return options_.directory + "/" + std::string(name);
}

StatusOr<std::uint64_t> PartFileWriter::nextFreeSequence() const {
  MILLRACE_ASSIGN_OR_RETURN(const auto names, files_.list(options_.directory));
  const std::string prefix = prefixOf(options_.subtask);
  std::uint64_t next = 0;
  for (const std::string& name : names) {
    std::uint64_t sequence = 0;
    if (parseSequence(name, prefix, sequence)) next = std::max(next, sequence + 1);
  }
  return next;
}

Status PartFileWriter::write(std::string_view lines) {
  MILLRACE_CHECK(lines.empty() || lines.back() == '\n', "a part file takes whole lines only");
  if (!failure_.ok() || lines.empty()) return failure_;
  if (part_ == nullptr) {
    if (const Status begun = beginPart(); !begun.ok()) return failed(begun);
  }
  buffer_.append(lines);
  partBytes_ += lines.size();
  partLines_ += static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
  if (buffer_.size() >= options_.bufferBytes) MILLRACE_RETURN_IF_ERROR(flush());
  return partBytes_ >= options_.rollBytes ? endPart() : absl::OkStatus();
}

void PartFileWriter::nameNextPart() {
  finalName_ = prefixOf(options_.subtask);
  if (options_.run) finalName_ += padded(options_.run->number) + "-";
  finalName_ += padded(sequence_++) + std::string(kExtension);
  hiddenName_ = "." + finalName_;
  if (options_.run) hiddenName_ += "." + options_.run->owner;
  hiddenName_ += kInProgress;
}

Status PartFileWriter::beginPart() {
  while (true) {
    nameNextPart();
    auto created = files_.openWrite(pathOf(hiddenName_), WriteMode::kCreateNew);
    if (absl::IsAlreadyExists(created.status())) continue;
    MILLRACE_RETURN_IF_ERROR(created.status());
    // Another process may have finished a part of this name since the directory was listed.
    const Status taken = files_.stat(pathOf(finalName_)).status();
    if (absl::IsNotFound(taken)) {
      part_ = *std::move(created);
      return absl::OkStatus();
    }
    MILLRACE_RETURN_IF_ERROR(taken);
    MILLRACE_RETURN_IF_ERROR(files_.remove(pathOf(hiddenName_)));
  }
}

Status PartFileWriter::flush() {
  if (!failure_.ok() || part_ == nullptr) return failure_;
  const Status flushed = flushBuffer();
  return flushed.ok() ? flushed : failed(flushed);
}

Status PartFileWriter::flushBuffer() {
  MILLRACE_RETURN_IF_ERROR(part_->append(buffer_));
  buffer_.clear();
  return absl::OkStatus();
}

Status PartFileWriter::close() {
  if (!options_.run || !failure_.ok()) return endPart();
  if (part_ == nullptr && whole_.empty()) return absl::OkStatus();
  return failed(absl::InternalError("the job ended and no checkpoint holds its last results"));
}

Status PartFileWriter::endPart() {
  if (!failure_.ok() || part_ == nullptr) return failure_;
  const Status finished = finishPart();
  if (!finished.ok()) return failed(finished);
  finishedLines_ += std::exchange(partLines_, 0);
  partBytes_ = 0;
  return absl::OkStatus();
}

Status PartFileWriter::finishPart() {
  MILLRACE_RETURN_IF_ERROR(flushBuffer());
  if (options_.run) {
    whole_.emplace_back(hiddenName_, finalName_);
    return std::exchange(part_, nullptr)->close();
  }
  MILLRACE_RETURN_IF_ERROR(part_->sync());
  MILLRACE_RETURN_IF_ERROR(std::exchange(part_, nullptr)->close());
  MILLRACE_RETURN_IF_ERROR(files_.rename(pathOf(hiddenName_), pathOf(finalName_)));
  return files_.syncDirectory(options_.directory);
}

Status PartFileWriter::prepare(ByteWriter& out) {
  MILLRACE_CHECK(options_.run.has_value(), "parts are prepared for checkpoints only");
  MILLRACE_RETURN_IF_ERROR(endPart());
  if (whole_.empty()) return absl::OkStatus();
  writePrepared(whole_, out);
  whole_.clear();
  return absl::OkStatus();
}

Status PartFileWriter::failed(const Status& cause) {
  std::string message(cause.message());
  if (partLines_ > 0) {
    message += "; " + std::to_string(partLines_) + " lines of " + pathOf(finalName_) +
               " are not in a finished file";
  }
  failure_ = Status(cause.code(), message);
  part_.reset();
  return failure_;
}

}  // namespace millrace
