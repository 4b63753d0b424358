// SPDX-License-Identifier: MIT
#include <millrace/runtime/commit_point.hpp>
#include <millrace/runtime/sink.hpp>

namespace millrace {

SinkWriterLife::~SinkWriterLife() = default;
Status SinkWriterLife::open(OperatorContext&) { return absl::OkStatus(); }
bool SinkWriterLife::hasRoom() { return true; }
StatusOr<bool> SinkWriterLife::handOver() { return true; }
Status SinkWriterLife::flush() { return absl::OkStatus(); }
Status SinkWriterLife::prepare(ByteWriter&) { return absl::OkStatus(); }
Status SinkWriterLife::close(bool) { return absl::OkStatus(); }

SinkCommitter::~SinkCommitter() = default;
Status SinkCommitter::persist(FileSystem&, std::string_view) const { return absl::OkStatus(); }
Status SinkCommitter::commit(FileSystem&, std::string_view) const { return absl::OkStatus(); }
Status SinkCommitter::removeUncommitted(FileSystem&) const { return absl::OkStatus(); }
Status SinkCommitter::joinCommitPoint(const CommitSettings&, std::shared_ptr<CommitPoint>&) const {
  return absl::OkStatus();
}

CommitPoint::~CommitPoint() = default;

}  // namespace millrace
