// SPDX-License-Identifier: MIT
#include "checkpoint/log_writer.hpp"

#include <millrace/serde/bytes.hpp>

#include <utility>

#include "checkpoint/checksum.hpp"
#include "checkpoint/records.hpp"

namespace millrace::checkpoint {
namespace {

// Pieces from this size on go to the file without a copy.
constexpr std::size_t kBufferBytes = 64 * 1024;

}  // namespace

Status LogWriter::open(std::uint64_t number, std::uint64_t size) {
  const std::string path = layout_.segment(number);
  MILLRACE_ASSIGN_OR_RETURN(const FileInfo info, files_->stat(path));
  if (info.size > size) MILLRACE_RETURN_IF_ERROR(files_->truncate(path, size));
  MILLRACE_ASSIGN_OR_RETURN(file_, files_->openWrite(path, WriteMode::kAppend));
  // What a killed process wrote may not have reached the disk; it counts from now on.
  MILLRACE_RETURN_IF_ERROR(finalError(file_->sync()));
  number_ = number;
  size_ = written_ = size;
  return absl::OkStatus();
}

Status LogWriter::create(std::uint64_t number) {
  const std::string path = layout_.segment(number);
  MILLRACE_ASSIGN_OR_RETURN(auto file, files_->openWrite(path, WriteMode::kTruncate));
  const std::string header = encodeSegmentHeader(number);
  if (const Status written = file->append(header); !written.ok()) {
    file.reset();
    const Status removed = files_->remove(path);
    return removed.ok() ? written : finalError(removed);
  }
  MILLRACE_RETURN_IF_ERROR(finalError(files_->syncDirectory(layout_.log())));
  file_ = std::move(file);
  number_ = number;
  size_ = written_ = header.size();
  return absl::OkStatus();
}

Status LogWriter::appendRun(LogPosition position, const std::vector<CataloguedState>& states) {
  std::string catalog;
  ByteWriter out(catalog);
  writeCatalog(states, out);
  return commit(writeRecord(RecordType::kRunBegins, position, catalog, {}));
}

Status LogWriter::appendEpoch(LogPosition position, const Epoch& epoch) {
  payloadChecks_.clear();
  payloadBytes_ = 0;
  operations_ = 0;
  return commit(writeEpoch(position, epoch));
}

Status LogWriter::writeEpoch(LogPosition position, const Epoch& epoch) {
  for (const TaskSnapshot& task : epoch.tasks) {
    MILLRACE_RETURN_IF_ERROR(writeSnapshot(position, task));
  }
  std::string seal;
  ByteWriter out(seal);
  writeEnding(epoch, out);
  out.fixed(static_cast<std::uint64_t>(epoch.tasks.size()));
  out.fixed(operations_);
  out.fixed(payloadBytes_);
  out.fixed(checksum({payloadChecks_}));
  return writeRecord(RecordType::kSeal, position, seal, {});
}

Status LogWriter::writeSnapshot(LogPosition position, const TaskSnapshot& task) {
  std::string head;
  ByteWriter out(head);
  writeTask(task, out);
  out.fixed(static_cast<std::uint64_t>(task.changes.count()));
  operations_ += task.changes.count();
  return writeRecord(RecordType::kSnapshot, position, head, task.changes.pieces());
}

Status LogWriter::writeRecord(RecordType type, LogPosition position, std::string_view head,
                              const std::vector<std::string_view>& rest) {
  std::vector<std::string_view> pieces{head};
  pieces.insert(pieces.end(), rest.begin(), rest.end());
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  const RecordHeader header{type, position.incarnation, position.epoch, size, checksum(pieces)};
  ByteWriter(payloadChecks_).fixed(header.payloadCheck);
  payloadBytes_ += header.size;
  writeRecordHeader(header, number_, written_, buffer_);
  written_ += kRecordHeaderSize + header.size;
  for (const std::string_view piece : pieces) MILLRACE_RETURN_IF_ERROR(write(piece));
  return absl::OkStatus();
}

Status LogWriter::write(std::string_view piece) {
  if (piece.size() < kBufferBytes) {
    buffer_ += piece;
    return buffer_.size() < kBufferBytes ? absl::OkStatus() : flush();
  }
  MILLRACE_RETURN_IF_ERROR(flush());
  return file_->append(piece);
}

Status LogWriter::flush() {
  const std::string bytes = std::exchange(buffer_, {});
  return bytes.empty() ? absl::OkStatus() : file_->append(bytes);
}

Status LogWriter::commit(Status written) {
  if (written.ok()) written = flush();
  if (!written.ok()) return undo(written);
  if (const Status synced = finalError(file_->sync()); !synced.ok()) {
    // The system may now take the bytes for written although they are not. Nobody shall find them.
    static_cast<void>(undo(synced));
    return synced;
  }
  size_ = written_;
  return absl::OkStatus();
}

Status LogWriter::undo(const Status& cause) {
  buffer_.clear();
  file_.reset();
  written_ = size_;
  const std::string path = layout_.segment(number_);
  MILLRACE_RETURN_IF_ERROR(finalError(files_->truncate(path, size_)));
  auto reopened = files_->openWrite(path, WriteMode::kAppend);
  if (!reopened.ok()) return finalError(reopened.status());
  file_ = *std::move(reopened);
  return mayBeTriedAgain(cause) ? cause : finalError(cause);
}

}  // namespace millrace::checkpoint
