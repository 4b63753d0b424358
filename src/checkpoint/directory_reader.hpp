// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/checkpoint/checkpoint_reader.hpp>

#include <memory>
#include <vector>

#include "checkpoint/checkpoint_view.hpp"
#include "checkpoint/manifest.hpp"
#include "checkpoint/state_base.hpp"

namespace millrace::checkpoint {

class DirectoryReader final : public CheckpointReader {
 public:
  static StatusOr<std::unique_ptr<DirectoryReader>> read(FileSystem& files, const Layout& layout,
                                                         const Manifest& manifest);

  bool isSavepoint() const override { return isSavepoint_; }
  const CheckpointSummary& summary() const override { return log_.summary; }
  const std::vector<LoggedEpoch>& epochs() const override { return epochs_; }
  std::uint64_t logBytes() const override;
  std::uint64_t baseBytes() const override { return base_->bytes(); }
  std::uint64_t tornBytes() const override { return log_.tornBytes; }
  const std::vector<std::uint64_t>& retained() const override { return retained_; }
  Status forEachEntry(KeyGroupRange groups, const EntryVisitor& visit) const override;
  Status verify() const override;

  /// Live entries in order.
  StatusOr<std::unique_ptr<SortedCursor>> entries() const;

 private:
  DirectoryReader(bool isSavepoint, LogScan log, std::vector<LoggedEpoch> epochs,
                  std::unique_ptr<StateBase> base, CheckpointView view);

  bool isSavepoint_;
  LogScan log_;
  std::vector<LoggedEpoch> epochs_;
  std::unique_ptr<StateBase> base_;
  CheckpointView view_;
  std::vector<std::uint64_t> retained_;
};

}  // namespace millrace::checkpoint
