// SPDX-License-Identifier: MIT
#include <millrace/runtime/source.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace {

template class TypedBatch<DeadLetter>;

void DeadLetter::assign(std::string_view fromSource, std::string_view at, std::string_view why,
                        std::string_view bytes, const MessageParts* parts) {
  source = fromSource;
  position = at;
  reason = why;
  payload = bytes;
  if (parts != nullptr) {
    message = *parts;
  } else {
    message.reset();
  }
}

void failInvalidRecord(std::string_view position, std::string_view reason) {
  throw JobError(
      fmt::format("invalid record at {}: {} (correct it, or let the source skip invalid records)",
                  position, reason));
}

ReaderReport::~ReaderReport() = default;

SourceReaderLife::~SourceReaderLife() = default;
Status SourceReaderLife::open(OperatorContext&) { return absl::OkStatus(); }
Timestamp SourceReaderLife::nextDeadline() const { return kMaxTimestamp; }
bool SourceReaderLife::isReplayable() const { return false; }
void SourceReaderLife::writePosition(ByteWriter&) const {}
StatusOr<bool> SourceReaderLife::hasPassingStart() const { return false; }
Status SourceReaderLife::restorePositions(std::span<const std::string_view>) {
  return absl::OkStatus();
}
Status SourceReaderLife::close(bool) { return absl::OkStatus(); }
void SourceReaderLife::appendSplits(std::vector<SplitProgress>&) const {}
std::optional<Timestamp> SourceReaderLife::sharedMaximum(Timestamp) { return std::nullopt; }

StatusOr<Timestamp> readSourcePositions(std::span<const std::string> tasks,
                                        std::vector<std::string_view>& ofReaders) {
  Timestamp least = tasks.empty() ? kMinTimestamp : kMaxTimestamp;
  for (const std::string& task : tasks) {
    ByteReader in(task);
    Timestamp watermark = 0;
    std::string_view position;
    if (!in.fixed(watermark) || !in.bytes(in.remaining(), position)) {
      return absl::DataLossError("the position of a source is damaged");
    }
    least = std::min(least, watermark);
    ofReaders.push_back(position);
  }
  return least;
}

}  // namespace millrace
