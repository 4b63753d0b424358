// SPDX-License-Identifier: MIT
#include "runtime/checkpoint_coordinator.hpp"

#include "base/commit_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace millrace {
namespace {

using rules::keeps;
using rules::Rule;

// Calls `step(committer, prepared)` for what each task of the epoch has prepared.
template <typename Step>
Status forEachPrepared(const Epoch& epoch, const SinkCommitters& committers, const char* doing,
                       Step&& step) {
  for (const TaskSnapshot& task : epoch.tasks) {
    const auto it = committers.find(task.operatorName);
    if (task.state.prepared.empty() || it == committers.end()) continue;
    MILLRACE_RETURN_IF_ERROR(
        annotate(step(*it->second, task.state.prepared),
                 fmt::format("{} epoch {} of sink '{}'", doing, epoch.number, task.operatorName)));
  }
  return absl::OkStatus();
}

// An epoch that can no longer grow into the next one is not tried again, not even where waiting
// helps.
Status needingRecovery(const Status& status) {
  return mayPass(status) ? absl::AbortedError(status.message()) : status;
}

}  // namespace

bool mayPass(const Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status);
}

Status commitPrepared(const Epoch& epoch, const SinkCommitters& committers, FileSystem& files) {
  return forEachPrepared(epoch, committers, "finishing",
                         [&](const SinkCommitter& committer, std::string_view prepared) {
                           return committer.commit(files, prepared);
                         });
}

bool isCommittedElsewhere(const CheckpointStore& store) {
  return store.commitPoint() != nullptr && store.commitPoint()->hasLastWord();
}

Status commitElsewhere(CheckpointStore& store, const Epoch& epoch) {
  CommitPoint& point = *store.commitPoint();
  const EpochMark mark = CheckpointStore::markOf(epoch);
  point.prepare(mark);
  const bool isDurableFirst = keeps(Rule::kDurableFirst);
  const bool isCommittedFirst = keeps(Rule::kCommittedFirst);
  const Status sealed = isDurableFirst ? store.seal(epoch) : absl::OkStatus();
  // What was handed over to the point belongs to this very epoch.
  if (!sealed.ok()) return needingRecovery(sealed);
  if (!isCommittedFirst) MILLRACE_RETURN_IF_ERROR(store.confirm());
  const Status committed = point.commit(mark);
  if (!committed.ok()) {
    return annotate(needingRecovery(committed), fmt::format("committing epoch {}", epoch.number));
  }
  if (!isDurableFirst) MILLRACE_RETURN_IF_ERROR(needingRecovery(store.seal(epoch)));
  return isCommittedFirst ? store.confirm() : absl::OkStatus();
}

CheckpointCoordinator::CheckpointCoordinator(Surroundings surroundings,
                                             const CheckpointOptions& options)
    : store_(*surroundings.store),
      files_(*surroundings.files),
      clock_(*surroundings.clock),
      committers_(std::move(surroundings.committers)),
      askForBarrier_(std::move(surroundings.askForBarrier)),
      onCommitted_(std::move(surroundings.onCommitted)),
      onPutOff_(std::move(surroundings.onPutOff)),
      options_(options),
      shares_(surroundings.tasks),
      nextEpoch_(store_.found().epoch.number + 1),
      startedAt_(now()),
      endedAt_(startedAt_) {
  counts_.lastEpoch = store_.found().epoch.number;
}

void CheckpointCoordinator::onSnapshot(std::size_t task, std::uint64_t barrier,
                                       TaskSnapshot snapshot, bool isLast) {
  std::lock_guard lock(mutex_);
  Share& share = shares_[task];
  share.last = {snapshot.operatorName, snapshot.worker, {snapshot.state.position, {}}, {}};
  share.waiting.emplace_back(barrier, std::move(snapshot));
  share.barrier = barrier;
  share.isFinished = isLast;
  if (hasWork()) changed_.notify_all();
}

void CheckpointCoordinator::request() {
  std::lock_guard lock(mutex_);
  isRequested_ = true;
  changed_.notify_all();
}

Status CheckpointCoordinator::checkpointNow() {
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = barrier_ + 1;
  isRequested_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return isStopped_ || isDone_ || committedBarrier_ >= wanted; });
  if (isDone_ || committedBarrier_ >= wanted) return absl::OkStatus();
  return absl::AbortedError("the job failed before the checkpoint was complete");
}

void CheckpointCoordinator::stop() {
  std::lock_guard lock(mutex_);
  isStopped_ = true;
  changed_.notify_all();
}

void CheckpointCoordinator::noteBeginning(const Epoch& epoch) {
  std::lock_guard lock(mutex_);
  nextEpoch_ = epoch.number + 1;
  counts_.lastEpoch = epoch.number;
}

void CheckpointCoordinator::noteStoppedInput() {
  std::lock_guard lock(mutex_);
  isInputStopped_ = true;
}

std::uint64_t CheckpointCoordinator::waitForCommit(std::uint64_t seen) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return isStopped_ || isDone_ || committedBarrier_ > seen; });
  return committedBarrier_;
}

bool CheckpointCoordinator::isDone() const {
  std::lock_guard lock(mutex_);
  return isDone_;
}

std::uint64_t CheckpointCoordinator::barrierOf(std::uint64_t epoch) {
  std::lock_guard lock(mutex_);
  while (barriers_.size() > 1 && barriers_[1].first <= epoch) barriers_.pop_front();
  return !barriers_.empty() && barriers_.front().first <= epoch ? barriers_.front().second : 0;
}

CheckpointCounts CheckpointCoordinator::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

std::int64_t CheckpointCoordinator::nextStart() const {
  return std::max(saturatingAdd(startedAt_, options_.interval.count()),
                  saturatingAdd(endedAt_, options_.minimumPause.count()));
}

bool CheckpointCoordinator::isGathered() const {
  return isInFlight_ && std::all_of(shares_.begin(), shares_.end(), [this](const Share& share) {
           return share.isFinished || share.barrier >= barrier_;
         });
}

bool CheckpointCoordinator::allFinished() const {
  return std::all_of(shares_.begin(), shares_.end(), [](const Share& s) { return s.isFinished; });
}

bool CheckpointCoordinator::hasWork() const {
  if (isDone_ || isStopped_) return false;
  if (isInFlight_)
    return isGathered() || now() >= saturatingAdd(countedLateAt_, options_.timeout.count());
  // A checkpoint that failed is tried again after a pause, the last one of a job no less.
  const bool isPausing = failuresInARow_ > 0 && now() < nextStart();
  return (!isPausing && allFinished()) || isRequested_ || now() >= nextStart();
}

void CheckpointCoordinator::wait() {
  std::unique_lock lock(mutex_);
  while (!isStopped_ && !isDone_ && !hasWork()) {
    const std::int64_t until =
        isInFlight_ ? saturatingAdd(countedLateAt_, options_.timeout.count()) : nextStart();
    const std::int64_t wait = std::clamp<std::int64_t>(until - now(), 1, 3'600'000);
    changed_.wait_for(lock, std::chrono::milliseconds(wait));
  }
}

Status CheckpointCoordinator::step() {
  std::unique_lock lock(mutex_);
  if (!hasWork()) return absl::OkStatus();
  if (isInFlight_ && !isGathered()) {
    countedLateAt_ = now();
    return countFailure(absl::DeadlineExceededError(
        fmt::format("epoch {} is not complete after {} ms", nextEpoch_, now() - startedAt_)));
  }
  if (isInFlight_ || allFinished()) {
    const bool isFinal = allFinished();
    lock.unlock();
    return commitGathered(isFinal);
  }
  isInFlight_ = true;
  isRequested_ = false;
  startedAt_ = countedLateAt_ = now();
  const std::uint64_t barrier = ++barrier_;
  lock.unlock();
  askForBarrier_(barrier);
  return absl::OkStatus();
}

Status CheckpointCoordinator::commitGathered(bool isFinal) {
  Epoch epoch = takeEpoch(isFinal);
  std::uint64_t bytes = 0;
  for (const TaskSnapshot& task : epoch.tasks) bytes += task.changes.size();
  const Status committed = commit(epoch);
  if (!committed.ok() && !mayPass(committed)) return committed;
  Status counted = absl::OkStatus();
  std::uint64_t barrier = 0;
  {
    std::lock_guard lock(mutex_);
    isInFlight_ = false;
    endedAt_ = now();
    barrier = barrier_;
    if (committed.ok()) {
      countSuccess(epoch, bytes);
    } else {
      startedAt_ = endedAt_;
      giveBack(std::move(epoch));
      counted = countFailure(committed);
    }
  }
  (committed.ok() ? onCommitted_ : onPutOff_)(barrier);
  return counted;
}

Epoch CheckpointCoordinator::takeEpoch(bool isFinal) {
  std::lock_guard lock(mutex_);
  Epoch epoch;
  epoch.number = nextEpoch_;
  epoch.incarnation = store_.found().incarnation + 1;
  epoch.completedAt = clock_.now();
  takenFrom_.clear();
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    Share& share = shares_[i];
    bool hasPosition = false;
    std::vector<std::pair<std::uint64_t, TaskSnapshot>> later;
    for (auto& [barrier, snapshot] : share.waiting) {
      // A task that has ended already: its end lies behind this barrier.
      if (barrier > barrier_ && !isFinal) {
        later.emplace_back(barrier, std::move(snapshot));
        continue;
      }
      epoch.tasks.push_back(std::move(snapshot));
      takenFrom_.push_back(i);
      // Of several, which failed commits have piled up, the newest alone says where to go on.
      if (hasPosition) epoch.tasks[epoch.tasks.size() - 2].state.position.clear();
      hasPosition = true;
    }
    if (!hasPosition) {
      epoch.tasks.push_back(share.last);
      takenFrom_.push_back(i);
    }
    share.waiting = std::move(later);
  }
  epoch.isFinal = isFinal;
  epoch.isDrained = isFinal && !isInputStopped_;
  epoch.isCommittedElsewhere = isCommittedElsewhere(store_);
  return epoch;
}

void CheckpointCoordinator::giveBack(Epoch epoch) {
  for (std::size_t i = 0; i < epoch.tasks.size(); ++i) {
    auto& waiting = shares_[takenFrom_[i]].waiting;
    const auto at = std::find_if(waiting.begin(), waiting.end(),
                                 [&](const auto& each) { return each.first > barrier_; });
    waiting.insert(at, {barrier_, std::move(epoch.tasks[i])});
  }
}

Status CheckpointCoordinator::commit(const Epoch& epoch) {
  const Status persisted = persistPrepared(epoch);
  // What was handed over to a commit point belongs to this very epoch.
  if (!persisted.ok())
    return store_.commitPoint() == nullptr ? persisted : needingRecovery(persisted);
  MILLRACE_RETURN_IF_ERROR(append(epoch));
  // Committed. What is not finished now is finished when the job recovers.
  const Status finished = commitPrepared(epoch, committers_, files_);
  if (finished.ok()) store_.noteFinished();
  return annotate(needingRecovery(finished), "after the commit");
}

Status CheckpointCoordinator::append(const Epoch& epoch) {
  if (isCommittedElsewhere(store_)) return commitElsewhere(store_, epoch);
  if (CommitPoint* point = store_.commitPoint(); point != nullptr) {
    // An epoch that counts must not have results that may still be lost.
    const EpochMark mark = CheckpointStore::markOf(epoch);
    point->prepare(mark);
    MILLRACE_RETURN_IF_ERROR(needingRecovery(point->commit(mark)));
  }
  return store_.append(epoch);
}

Status CheckpointCoordinator::persistPrepared(const Epoch& epoch) const {
  return forEachPrepared(epoch, committers_, "preparing",
                         [this](const SinkCommitter& committer, std::string_view prepared) {
                           return committer.persist(files_, prepared);
                         });
}

void CheckpointCoordinator::countSuccess(const Epoch& epoch, std::uint64_t bytes) {
  ++nextEpoch_;
  committedBarrier_ = barrier_;
  barriers_.emplace_back(epoch.number, barrier_);
  isDone_ = epoch.isFinal;
  failuresInARow_ = 0;
  ++counts_.completed;
  counts_.lastEpoch = epoch.number;
  counts_.lastBytes = bytes;
  counts_.lastDurationMillis = endedAt_ - startedAt_;
  changed_.notify_all();
}

Status CheckpointCoordinator::countFailure(const Status& cause) {
  ++counts_.failed;
  if (++failuresInARow_ <= options_.tolerableFailures) return absl::OkStatus();
  return annotate(cause, fmt::format("{} checkpoints in a row have failed", failuresInARow_));
}

}  // namespace millrace
