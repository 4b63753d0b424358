// SPDX-License-Identifier: MIT
#include "checkpoint/log_segment.hpp"

#include <millrace/serde/bytes.hpp>

#include <utility>

#include "checkpoint/checksum.hpp"
#include "checkpoint/file_header.hpp"
#include "checkpoint/records.hpp"

namespace millrace::checkpoint {
namespace {

constexpr std::uint32_t kRecordMagic = 0x6365524d;  // "MRec"
constexpr char kFirstOfMagic = 'M';
constexpr std::size_t kCheckedSize = kRecordHeaderSize - 8;
constexpr std::size_t kSegmentCheckedSize = kSegmentHeaderSize - 8;

std::uint64_t seedOf(std::uint64_t segment, std::uint64_t offset) {
  return (segment << 40) + offset;
}

class SegmentReader {
 public:
  SegmentReader(std::string_view bytes, std::uint64_t number, LogPosition begin)
      : bytes_(bytes), number_(number) {
    out_.position = begin;
  }

  SegmentContents read() {
    if (!readNumber()) {
      stop("its number is damaged");
    } else {
      at_ = kSegmentHeaderSize;
      out_.committedEnd = at_;
      while (at_ < bytes_.size() && readRecord()) {
      }
      if (out_.fault.empty() && pending_) stop("its last epoch has no seal");
    }
    if (!out_.fault.empty()) out_.isDamage = laterIsCommitted();
    return std::move(out_);
  }

 private:
  bool readNumber() const {
    if (bytes_.size() < kSegmentHeaderSize) return false;
    ByteReader in(bytes_.substr(kFileHeaderSize));
    std::uint64_t number = 0;
    std::uint64_t check = 0;
    return in.fixed(number) && in.fixed(check) && number == number_ &&
           check == checksum({bytes_.substr(0, kSegmentCheckedSize)});
  }

  bool stop(const char* why) {
    out_.fault = why;
    out_.faultAt = at_;
    return false;
  }

  bool readRecord() {
    if (!readRecordHeader(bytes_.substr(at_), number_, at_, header_)) {
      return stop("a record's header is damaged or cut off");
    }
    const std::size_t begin = at_ + kRecordHeaderSize;
    if (header_.size > bytes_.size() - begin) return stop("a record is cut off");
    payload_ = bytes_.substr(begin, header_.size);
    if (checksum({payload_}) != header_.payloadCheck) return stop("a record's checksum is wrong");
    if (!takeRecord()) {
      isWholeAtFault_ = true;
      return stop("a record does not fit to those before it");
    }
    at_ = begin + payload_.size();
    if (header_.type != RecordType::kSnapshot) finishItem();
    return true;
  }

  bool takeRecord() {
    switch (header_.type) {
      case RecordType::kRunBegins:
        return takeRun();
      case RecordType::kSnapshot:
        return takeSnapshot();
      case RecordType::kSeal:
        return takeSeal();
    }
    return false;
  }

  bool takeRun() {
    ByteReader in(payload_);
    item_.beginsRun = true;
    item_.after = {header_.incarnation, header_.epoch};
    return !pending_ && header_.incarnation > out_.position.incarnation &&
           header_.epoch == out_.position.epoch && readCatalog(in, item_.states) && in.isAtEnd();
  }

  bool isNextEpoch() const {
    return header_.incarnation == out_.position.incarnation &&
           header_.epoch == out_.position.epoch + 1;
  }

  bool takeSnapshot() {
    ByteReader in(payload_);
    TaskSnapshot& task = item_.epoch.tasks.emplace_back();
    LogItem::Changes& changes = item_.changes.emplace_back();
    pending_ = true;
    if (!isNextEpoch() || !readTask(in, task) || !in.fixed(changes.count) ||
        !in.bytes(in.remaining(), changes.operations)) {
      return false;
    }
    operations_ += changes.count;
    payloadBytes_ += payload_.size();
    ByteWriter(payloadChecks_).fixed(header_.payloadCheck);
    return true;
  }

  bool takeSeal() {
    ByteReader in(payload_);
    std::uint64_t snapshots = 0;
    std::uint64_t operations = 0;
    std::uint64_t bytes = 0;
    std::uint64_t check = 0;
    if (!isNextEpoch() || !readEnding(in, item_.epoch) || !in.fixed(snapshots) ||
        !in.fixed(operations) || !in.fixed(bytes) || !in.fixed(check) || !in.isAtEnd()) {
      return false;
    }
    item_.epoch.number = header_.epoch;
    item_.epoch.incarnation = header_.incarnation;
    item_.after = {header_.incarnation, header_.epoch};
    return snapshots == item_.changes.size() && operations == operations_ &&
           bytes == payloadBytes_ && check == checksum({payloadChecks_});
  }

  void finishItem() {
    out_.position = item_.after;
    out_.committedEnd = at_;
    item_.end = at_;
    out_.items.push_back(std::exchange(item_, LogItem()));
    pending_ = false;
    operations_ = 0;
    payloadBytes_ = 0;
    payloadChecks_.clear();
  }

  // One append writes one epoch, or the begin of one run, in one go: only of these may any part be
  // missing. A record of a later time says that they were whole once. One of an earlier run can
  // only be a left-over of something that was cut off.
  bool laterIsCommitted() const {
    const LogPosition last = out_.position;
    std::size_t at = isWholeAtFault_ ? out_.faultAt : out_.faultAt + 1;
    while ((at = bytes_.find(kFirstOfMagic, at)) != std::string_view::npos) {
      RecordHeader header;
      if (readRecordHeader(bytes_.substr(at), number_, at, header) &&
          (header.incarnation > last.incarnation ||
           (header.incarnation == last.incarnation && header.epoch > last.epoch + 1))) {
        return true;
      }
      ++at;
    }
    return false;
  }

  std::string_view bytes_;
  std::uint64_t number_;
  SegmentContents out_;
  std::size_t at_ = 0;
  RecordHeader header_;
  std::string_view payload_;
  LogItem item_;
  bool pending_ = false;  // snapshots without their seal
  bool isWholeAtFault_ = false;
  std::uint64_t operations_ = 0;
  std::uint64_t payloadBytes_ = 0;
  std::string payloadChecks_;
};

}  // namespace

std::string encodeSegmentHeader(std::uint64_t number) {
  std::string bytes;
  writeFileHeader(FileType::kLog, bytes);
  ByteWriter out(bytes);
  out.fixed(number);
  out.fixed(checksum({bytes}));
  return bytes;
}

void writeRecordHeader(const RecordHeader& header, std::uint64_t segment, std::uint64_t offset,
                       std::string& out) {
  const std::size_t begin = out.size();
  ByteWriter writer(out);
  writer.fixed(kRecordMagic);
  writer.fixed(static_cast<std::uint32_t>(header.type));
  writer.fixed(header.incarnation);
  writer.fixed(header.epoch);
  writer.fixed(header.size);
  writer.fixed(header.payloadCheck);
  writer.fixed(checksum({std::string_view(out).substr(begin)}, seedOf(segment, offset)));
}

bool readRecordHeader(std::string_view bytes, std::uint64_t segment, std::uint64_t offset,
                      RecordHeader& out) {
  ByteReader in(bytes);
  std::uint32_t magic = 0;
  std::uint32_t type = 0;
  std::uint64_t check = 0;
  if (!in.fixed(magic) || magic != kRecordMagic || !in.fixed(type) || !in.fixed(out.incarnation) ||
      !in.fixed(out.epoch) || !in.fixed(out.size) || !in.fixed(out.payloadCheck) ||
      !in.fixed(check)) {
    return false;
  }
  out.type = static_cast<RecordType>(type);
  return check == checksum({bytes.substr(0, kCheckedSize)}, seedOf(segment, offset));
}

StatusOr<SegmentContents> readSegment(std::string_view bytes, std::uint64_t number,
                                      LogPosition begin, const std::string& path) {
  const Status header = checkFileHeader(bytes, FileType::kLog, path);
  if (absl::IsFailedPrecondition(header)) return header;
  return SegmentReader(bytes, number, begin).read();
}

}  // namespace millrace::checkpoint
