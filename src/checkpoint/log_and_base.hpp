// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/checkpoint/checkpoint_store.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint_view.hpp"
#include "checkpoint/directory.hpp"
#include "checkpoint/log_writer.hpp"
#include "checkpoint/manifest.hpp"
#include "checkpoint/rocks_base.hpp"
#include "checkpoint/state_base.hpp"

namespace millrace::checkpoint {

/// The epoch log and a base below it, over an opened directory.
class LogAndBase final : public CheckpointStore {
 public:
  /// What open() found and made ready.
  struct Opened {
    std::unique_ptr<FileLock> lock;
    Layout layout;
    Manifest manifest;
    LogScan log;
    CommittedMark::Value finished;
    std::unique_ptr<StateBase> base;
    LogWriter writer;  // open when there is a segment to go on in
    std::uint64_t segmentBytes = kDefaultSegmentBytes;
    std::size_t mostRetained = 0;
    Duration retainEvery{0};
    CommitPoint* commitPoint = nullptr;
  };

  LogAndBase(FileSystem& files, Opened opened);

  using CheckpointStore::forEachEntry;
  const CheckpointSummary& found() const override { return found_; }
  CommitPoint* commitPoint() const override { return commitPoint_; }
  Status forEachEntry(const EntrySelection& selection, const EntryVisitor& visit) override;
  bool isReadable() const override { return base_->isReadable(); }
  StatusOr<bool> read(StateId state, KeyGroup group, std::string_view key,
                      std::string& value) const override {
    return base_->read(state, group, key, value);
  }
  Status readAll(StateId state, KeyGroup group, std::string_view prefix,
                 const EntryVisitor& visit) const override {
    return base_->readAll(state, group, prefix, visit);
  }
  Status readFrom(StateId state, KeyGroup group, std::string_view from,
                  const EntryWalker& walk) const override {
    return base_->readFrom(state, group, from, walk);
  }
  std::uint64_t baseEpoch() const override;
  Status begin(const std::vector<CataloguedState>& states) override;
  Status seal(const Epoch& epoch) override;
  Status confirm() override;
  void noteFinished() override;
  bool isFinished() const override { return isFinished_; }
  Status bringForward(const std::function<void()>& onProgress) override;
  void hurry() override { hurried_.store(kHurried, std::memory_order_relaxed); }
  Status writeSavepoint(const std::string& directory) override;
  std::uint64_t logBytes() const override;
  std::uint64_t baseBytes() const override;

 private:
  /// A view and what it is a view of.
  struct Moment {
    CheckpointSummary summary;
    CheckpointView view;
  };

  // The epoch that is under way may have begun before what is waited for changed.
  static constexpr int kHurried = 2;

  Status makeRoom(std::uint64_t full);
  std::uint64_t fullSegment() const;
  bool takeHurry();
  Status note(Status status);
  Status failure() const;
  StatusOr<Moment> now() const;
  std::vector<SegmentRef> fullSegments() const;
  Status bringForward(const SegmentRef& segment);
  Status retainIfDue();
  Status publish(Manifest manifest, Status made, std::size_t segments);

  FileSystem* files_;
  const std::unique_ptr<FileLock> lock_;
  const Layout layout_;
  const std::uint64_t segmentBytes_;
  const std::size_t mostRetained_;
  const Duration retainEvery_;
  CommitPoint* const commitPoint_;
  const std::uint64_t firstSegment_;  // where there was none
  const CheckpointSummary found_;
  const bool isFinished_;

  // Of the thread that appends.
  LogWriter writer_;
  CommittedMark mark_;
  CommittedMark finishedMark_;
  bool begun_ = false;
  std::optional<Epoch> sealed_;  // to be confirmed; without its changes

  std::atomic<int> hurried_{0};  // epochs to leave the log at once; nothing else goes with it

  // Of the thread that brings forward.
  Manifest manifest_;
  std::optional<Timestamp> retainedAt_;  // of the newest
  bool isRetainedAtKnown_ = false;
  std::uint64_t retainedEpoch_ = 0;  // by this run

  // Shared.
  mutable std::mutex mutex_;
  Status failed_;                     // the final error, if there was one
  CheckpointSummary current_;         // after the last committed epoch
  CheckpointSummary baseSummary_;     // what the base holds: the first segment begins there
  std::vector<SegmentRef> segments_;  // the writer's is the last
  const std::unique_ptr<StateBase> base_;
};

/// Puts a segment of the log into the base; `manifest` becomes that of the log behind it. Errors as
/// StateBase::apply(), and kDataLoss: the segment is damaged.
Status applySegment(FileSystem& files, const Layout& layout, const SegmentRef& segment,
                    StateBase& base, Manifest& manifest);

/// The base that a manifest tells of, of either kind; both need a layout and the size of files.
StatusOr<std::unique_ptr<StateBase>> openBase(FileSystem& files, const Manifest& manifest,
                                              const RocksBase::Settings& settings);

/// Brings the directory into the state that Opened tells of.
StatusOr<LogAndBase::Opened> openDirectory(FileSystem& files,
                                           const CheckpointStore::Options& options);

}  // namespace millrace::checkpoint
