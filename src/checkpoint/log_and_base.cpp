// SPDX-License-Identifier: MIT
#include "checkpoint/log_and_base.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "checkpoint/checksum.hpp"
#include "checkpoint/records.hpp"
#include "checkpoint/retained.hpp"
#include "checkpoint/savepoint.hpp"

namespace millrace::checkpoint {

LogAndBase::LogAndBase(FileSystem& files, Opened opened)
    : files_(&files),
      lock_(std::move(opened.lock)),
      layout_(std::move(opened.layout)),
      segmentBytes_(opened.segmentBytes),
      mostRetained_(opened.mostRetained),
      retainEvery_(opened.retainEvery),
      commitPoint_(opened.commitPoint),
      firstSegment_(opened.manifest.firstSegment),
      found_(std::move(opened.log.summary)),
      isFinished_(found_.epoch.number > 0 && opened.finished.epoch == found_.epoch.number &&
                  opened.finished.incarnation == found_.epoch.incarnation),
      writer_(std::move(opened.writer)),
      mark_(files, layout_.committed()),
      finishedMark_(files, layout_.finished()),
      manifest_(std::move(opened.manifest)),
      current_(found_),
      baseSummary_(manifest_.summary),
      segments_(std::move(opened.log.segments)),
      base_(std::move(opened.base)) {}

Status LogAndBase::failure() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

Status LogAndBase::note(Status status) {
  if (status.ok() || mayBeTriedAgain(status)) return status;
  const std::lock_guard lock(mutex_);
  if (failed_.ok()) failed_ = status;
  return status;
}

// What waits in the log cannot leave the memory of those who read the base: it goes on sooner.
std::uint64_t LogAndBase::fullSegment() const {
  return isReadable() ? segmentBytes_ / 16 : segmentBytes_;
}

// Whether the epoch that was just confirmed is to leave the log at once.
bool LogAndBase::takeHurry() {
  int before = hurried_.load(std::memory_order_relaxed);
  while (before > 0 &&
         !hurried_.compare_exchange_weak(before, before - 1, std::memory_order_relaxed)) {
  }
  return before > 0;
}

// A segment to write to that is not full, which it is with so many bytes.
Status LogAndBase::makeRoom(std::uint64_t full) {
  if (writer_.isOpen() && writer_.size() < full) return absl::OkStatus();
  const std::uint64_t number = writer_.isOpen() ? writer_.number() + 1 : firstSegment_;
  MILLRACE_RETURN_IF_ERROR(writer_.create(number));
  const std::lock_guard lock(mutex_);
  segments_.push_back({number, writer_.size()});
  return absl::OkStatus();
}

Status LogAndBase::begin(const std::vector<CataloguedState>& states) {
  MILLRACE_RETURN_IF_ERROR(failure());
  if (begun_) return absl::InternalError("a checkpoint store's run begins once");
  MILLRACE_RETURN_IF_ERROR(note(makeRoom(fullSegment())));
  const LogPosition position{found_.incarnation + 1, found_.epoch.number};
  MILLRACE_RETURN_IF_ERROR(note(writer_.appendRun(position, states)));
  begun_ = true;
  {
    const std::lock_guard lock(mutex_);
    segments_.back().bytes = writer_.size();
    current_.incarnation = position.incarnation;
    current_.states = states;
  }
  mark_.set({position.epoch, position.incarnation});
  return absl::OkStatus();
}

Status LogAndBase::seal(const Epoch& epoch) {
  MILLRACE_RETURN_IF_ERROR(failure());
  // current_ changes on this thread alone.
  const LogPosition position{current_.incarnation, current_.epoch.number + 1};
  if (!begun_ || sealed_ || epoch.number != position.epoch) {
    return absl::InternalError(
        fmt::format("epoch {} is appended where {} is due in a run that has{} begun", epoch.number,
                    position.epoch, begun_ ? "" : " not"));
  }
  MILLRACE_RETURN_IF_ERROR(note(makeRoom(fullSegment())));
  MILLRACE_RETURN_IF_ERROR(note(writer_.appendEpoch(position, epoch)));
  sealed_ = withoutChanges(epoch);
  sealed_->incarnation = position.incarnation;
  return absl::OkStatus();
}

Status LogAndBase::confirm() {
  if (!sealed_) return absl::InternalError("an epoch is confirmed that was not sealed");
  const CommittedMark::Value mark{sealed_->number, sealed_->incarnation};
  {
    const std::lock_guard lock(mutex_);
    segments_.back().bytes = writer_.size();
    current_.epoch = *std::exchange(sealed_, std::nullopt);
  }
  mark_.set(mark);
  // A full segment can go into the base only when it is no longer the last one. If there is no room
  // for the next, the next epoch tries again.
  if (isReadable()) static_cast<void>(note(makeRoom(takeHurry() ? 0 : fullSegment())));
  return absl::OkStatus();
}

void LogAndBase::noteFinished() {
  // current_ changes on this thread alone.
  finishedMark_.set({current_.epoch.number, current_.epoch.incarnation});
}

StatusOr<LogAndBase::Moment> LogAndBase::now() const {
  const std::lock_guard lock(mutex_);
  MILLRACE_ASSIGN_OR_RETURN(
      CheckpointView view,
      CheckpointView::open(*files_, layout_, base_->view(), baseSummary_, segments_));
  return Moment{current_, std::move(view)};
}

Status LogAndBase::forEachEntry(const EntrySelection& selection, const EntryVisitor& visit) {
  MILLRACE_ASSIGN_OR_RETURN(const Moment moment, now());
  return moment.view.forEach(selection, visit);
}

Status LogAndBase::writeSavepoint(const std::string& directory) {
  MILLRACE_ASSIGN_OR_RETURN(const Moment moment, now());
  MILLRACE_ASSIGN_OR_RETURN(const auto entries, moment.view.entries(EntrySelection()));
  return checkpoint::writeSavepoint(*files_, directory, moment.summary, *entries);
}

std::vector<SegmentRef> LogAndBase::fullSegments() const {
  const std::lock_guard lock(mutex_);
  if (segments_.empty()) return {};
  return {segments_.begin(), segments_.end() - 1};
}

Status LogAndBase::bringForward(const std::function<void()>& onProgress) {
  MILLRACE_RETURN_IF_ERROR(failure());
  for (const SegmentRef& segment : fullSegments()) {
    MILLRACE_RETURN_IF_ERROR(note(base_->awaitOrder()));
    MILLRACE_RETURN_IF_ERROR(
        note(annotate(bringForward(segment), "moving the epoch log into the base")));
    if (onProgress) onProgress();
  }
  Manifest manifest = manifest_;
  StatusOr<bool> compacted = base_->compact(manifest);
  if (!compacted.ok() || *compacted) {
    MILLRACE_RETURN_IF_ERROR(
        note(annotate(publish(std::move(manifest), compacted.status(), 0), "merging the base")));
  }
  return note(annotate(retainIfDue(), "keeping a checkpoint"));
}

// On this thread, for it alone changes base and manifest and removes segments.
Status LogAndBase::retainIfDue() {
  if (mostRetained_ == 0) return absl::OkStatus();
  if (!isRetainedAtKnown_) retainedAt_ = newestRetainedAt(*files_, layout_);
  isRetainedAtKnown_ = true;
  std::vector<SegmentRef> segments;
  std::uint64_t epoch = 0;
  Timestamp completedAt = 0;
  {
    const std::lock_guard lock(mutex_);
    segments = segments_;
    epoch = current_.epoch.number;
    completedAt = current_.epoch.completedAt;
  }
  // A clock that was set back must not make it wait for long.
  const bool isDue = !retainedAt_ || completedAt < *retainedAt_ ||
                     completedAt - *retainedAt_ >= retainEvery_.count();
  if (epoch == 0 || retainedEpoch_ == epoch || !isDue) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(retain(*files_, layout_, epoch, *base_, manifest_, segments));
  retainedEpoch_ = epoch;
  retainedAt_ = completedAt;
  return forgetRetained(*files_, layout_, mostRetained_);
}

Status applySegment(FileSystem& files, const Layout& layout, const SegmentRef& segment,
                    StateBase& base, Manifest& manifest) {
  MILLRACE_ASSIGN_OR_RETURN(const auto file, files.openRead(layout.segment(segment.number)));
  MILLRACE_ASSIGN_OR_RETURN(auto sorted,
                            sortSegment(*file, segment, EntrySelection().groups, manifest.summary));
  const Drops drops = sorted->drops();
  manifest.firstSegment = segment.number + 1;
  return base.apply(std::move(sorted), drops, manifest);
}

Status LogAndBase::bringForward(const SegmentRef& segment) {
  Manifest manifest = manifest_;
  const Status applied = applySegment(*files_, layout_, segment, *base_, manifest);
  MILLRACE_RETURN_IF_ERROR(publish(std::move(manifest), applied, 1));
  // What stays is a left-over that the next opening finds.
  static_cast<void>(files_->remove(layout_.segment(segment.number)));
  return absl::OkStatus();
}

// `segments` of the log's first ones are in the base when `manifest` is in place.
Status LogAndBase::publish(Manifest manifest, Status made, std::size_t segments) {
  if (made.ok()) made = writeManifest(*files_, layout_, manifest);
  if (!made.ok()) {
    // After another error the new manifest may be the one that lasts: its files stay.
    if (mayBeTriedAgain(made)) base_->abandon();
    return made;
  }
  manifest_ = std::move(manifest);
  {
    const std::lock_guard lock(mutex_);
    base_->publish();
    baseSummary_ = manifest_.summary;
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(segments));
  }
  base_->removeObsolete();
  return absl::OkStatus();
}

std::uint64_t LogAndBase::baseEpoch() const {
  const std::lock_guard lock(mutex_);
  return baseSummary_.epoch.number;
}

std::uint64_t LogAndBase::logBytes() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t bytes = 0;
  for (const SegmentRef& segment : segments_) bytes += segment.bytes;
  return bytes;
}

std::uint64_t LogAndBase::baseBytes() const {
  const std::lock_guard lock(mutex_);
  return base_->bytes();
}

}  // namespace millrace::checkpoint

namespace millrace {

bool EntrySelection::contains(StateId state) const {
  return !states || std::binary_search(states->begin(), states->end(), state);
}

StatusOr<bool> CheckpointStore::read(StateId, KeyGroup, std::string_view, std::string&) const {
  return absl::UnimplementedError("this store is not read by key");
}

Status CheckpointStore::append(const Epoch& epoch) {
  MILLRACE_RETURN_IF_ERROR(seal(epoch));
  return confirm();
}

EpochMark CheckpointStore::markOf(const Epoch& epoch) {
  std::string bytes;
  ByteWriter out(bytes);
  checkpoint::writeEpoch(epoch, out);
  return {epoch.number, epoch.incarnation, checkpoint::checksum({bytes})};
}

Status CheckpointStore::readAll(StateId, KeyGroup, std::string_view, const EntryVisitor&) const {
  return absl::UnimplementedError("this store is not read by key");
}

Status CheckpointStore::readFrom(StateId, KeyGroup, std::string_view, const EntryWalker&) const {
  return absl::UnimplementedError("this store is not read by key");
}

}  // namespace millrace
