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

}  // namespace

PartFileWriter::PartFileWriter(FileSystem& files, PartFileOptions options)
    : files_(files), options_(std::move(options)) {}

PartFileWriter::~PartFileWriter() = default;

StatusOr<std::unique_ptr<PartFileWriter>> PartFileWriter::open(FileSystem& files,
                                                               PartFileOptions options) {
  MILLRACE_RETURN_IF_ERROR(files.makeDirs(options.directory));
  std::unique_ptr<PartFileWriter> writer(new PartFileWriter(files, std::move(options)));
  MILLRACE_ASSIGN_OR_RETURN(writer->sequence_, writer->nextFreeSequence());
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
  return partBytes_ >= options_.rollBytes ? close() : absl::OkStatus();
}

Status PartFileWriter::beginPart() {
  while (true) {
    finalName_ = prefixOf(options_.subtask) + padded(sequence_++) + std::string(kExtension);
    hiddenName_ = "." + finalName_ + std::string(kInProgress);
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
  if (!failure_.ok() || part_ == nullptr) return failure_;
  const Status finished = finishPart();
  if (!finished.ok()) return failed(finished);
  finishedLines_ += std::exchange(partLines_, 0);
  partBytes_ = 0;
  return absl::OkStatus();
}

Status PartFileWriter::finishPart() {
  MILLRACE_RETURN_IF_ERROR(flushBuffer());
  MILLRACE_RETURN_IF_ERROR(part_->sync());
  MILLRACE_RETURN_IF_ERROR(std::exchange(part_, nullptr)->close());
  MILLRACE_RETURN_IF_ERROR(files_.rename(pathOf(hiddenName_), pathOf(finalName_)));
  return files_.syncDirectory(options_.directory);
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
