// SPDX-License-Identifier: MIT
#include "checkpoint/committed_elsewhere.hpp"

#include "base/commit_rules.hpp"

#include <millrace/checkpoint/checkpoint_store.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace::checkpoint {
namespace {

RecordedEpochs recordedIn(const LogScan& log, const Manifest& manifest,
                          const CommittedMark::Value& mark) {
  RecordedEpochs recorded;
  recorded.durable = log.summary.epoch.number;
  recorded.base = manifest.summary.epoch.number;
  // The mark is never synced and may lag behind; but nothing is sealed before the epoch in front of
  // it is confirmed, and the base holds nothing else.
  const bool isLastDecided = recorded.durable == 0 || !log.summary.epoch.isCommittedElsewhere;
  const std::uint64_t decided = isLastDecided ? recorded.durable : recorded.durable - 1;
  recorded.acknowledged = std::max({mark.epoch, recorded.base, decided});
  recorded.incarnation = log.summary.incarnation;
  recorded.isFreshFromSavepoint =
      manifest.origin != 0 && manifest.firstSegment == 1 && recorded.acknowledged <= recorded.base;
  return recorded;
}

Status behind(const CommitPoint& point, const Layout& layout, const RecordedEpochs& recorded,
              std::uint64_t remembered) {
  const std::string what = remembered == 0
                               ? std::string("nothing of this job")
                               : fmt::format("epoch {} as the last one committed", remembered);
  return absl::FailedPreconditionError(
      fmt::format("{} remembers {}, but by the state directory {} epoch {} was: what was "
                  "remembered has expired or "
                  "was reset, or it is another cluster (correct the address; or begin from a "
                  "savepoint in a new "
                  "directory, and expect results since then a second time)",
                  point.describe(), what, layout.root, recorded.acknowledged));
}

Status ahead(const CommitPoint& point, const Layout& layout, const RecordedEpochs& recorded,
             std::uint64_t remembered) {
  const std::string what = recorded.durable == 0
                               ? std::string("holds no epoch")
                               : fmt::format("ends with epoch {}", recorded.durable);
  return absl::FailedPreconditionError(
      fmt::format("{} remembers epoch {} of this job as committed, but the state directory {} {}: "
                  "it is an old copy, "
                  "or not this job's (bring back the right one; or begin from a savepoint; or give "
                  "the job another "
                  "name)",
                  point.describe(), remembered, layout.root, what));
}

Status notTheSame(const CommitPoint& point, const Layout& layout, std::uint64_t number) {
  return absl::FailedPreconditionError(fmt::format(
      "epoch {} in the state directory {} is not the one that {} remembers: it is a copy that has "
      "gone "
      "its own way, or not this job's (bring back the right one, or begin from a savepoint)",
      number, layout.root, point.describe()));
}

Status undecided(const Layout& layout, std::uint64_t number) {
  return absl::FailedPreconditionError(fmt::format(
      "whether epoch {} in the state directory {} is committed was left to a sink that this job "
      "does not "
      "have (start it once with that sink, or begin from a savepoint in a new directory)",
      number, layout.root));
}

StatusOr<LogScan> cutBehind(FileSystem& files, const Layout& layout, const Manifest& manifest,
                            LogScan whole, std::uint64_t last) {
  if (whole.summary.epoch.number == last) return whole;
  return scanLog(files, layout, manifest, {}, last);
}

}  // namespace

StatusOr<LogScan> scanCommitted(FileSystem& files, const Layout& layout, const Manifest& manifest,
                                CommitPoint* point) {
  MILLRACE_ASSIGN_OR_RETURN(LogScan log, scanLog(files, layout, manifest));
  const CommittedMark::Value mark = CommittedMark::read(files, layout.committed());
  const RecordedEpochs recorded = recordedIn(log, manifest, mark);
  if (point == nullptr || !point->hasLastWord()) {
    if (recorded.acknowledged < recorded.durable) return undecided(layout, recorded.durable);
    if (point != nullptr) MILLRACE_RETURN_IF_ERROR(point->takeOver(recorded).status());
    return log;
  }
  MILLRACE_ASSIGN_OR_RETURN(const EpochMark remembered, point->takeOver(recorded));
  const std::uint64_t number = remembered.number;
  const bool mayBeAnothers = recorded.isFreshFromSavepoint;
  // A savepoint begins again where it was taken, whatever has been committed since.
  const bool isOutside = number < recorded.acknowledged || number > recorded.durable;
  if (isOutside && mayBeAnothers)
    return cutBehind(files, layout, manifest, std::move(log), recorded.base);
  if (number > recorded.durable) return ahead(*point, layout, recorded, number);
  if (number < recorded.acknowledged && rules::keeps(rules::Rule::kMarkerNotBehind)) {
    MILLRACE_ASSIGN_OR_RETURN(
        log, cutBehind(files, layout, manifest, std::move(log), recorded.acknowledged));
    // It was not asked about that one: the job had another sink then.
    if (!log.summary.epoch.isCommittedElsewhere) return log;
    return behind(*point, layout, recorded, number);
  }
  MILLRACE_ASSIGN_OR_RETURN(log, cutBehind(files, layout, manifest, std::move(log), number));
  if (number == 0 || CheckpointStore::markOf(log.summary.epoch) == remembered) return log;
  if (mayBeAnothers) return cutBehind(files, layout, manifest, std::move(log), recorded.base);
  return notTheSame(*point, layout, number);
}

}  // namespace millrace::checkpoint
