// SPDX-License-Identifier: MIT
// How an engine goes on from a checkpoint.
#include "runtime/engine.hpp"

#include <millrace/base/file_system.hpp>
#include <millrace/state/key_group.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <thread>
#include <utility>

namespace millrace {
namespace {

constexpr std::string_view kHowToDrop =
    "bring the operator back under its name, or allow unclaimed state to be dropped";

std::vector<std::string> positionsOf(const std::string& operatorName, const Epoch& epoch) {
  std::vector<std::string> positions;
  for (const TaskSnapshot& task : epoch.tasks) {
    if (task.operatorName == operatorName && !task.state.position.empty()) {
      positions.push_back(task.state.position);
    }
  }
  return positions;
}

// What a task has noted besides its counters: operators that keep nothing may come and go.
bool holdsAnything(const TaskSnapshot& task) {
  std::string_view position = task.state.position;
  TaskCounters counters;
  const bool isRead = position.empty() || counters.read(position, false);
  return !isRead || !position.empty() || !task.state.prepared.empty();
}

// Hands entries to their tasks some entries late, which know each key meanwhile: a table too large
// for the caches is then not waited for at every entry.
class EntriesAhead {
 public:
  Status add(Task& task, StateId state, KeyGroup group, std::string_view key,
             std::string_view value) {
    Entry& entry = entries_[next_++ % kAhead];
    MILLRACE_RETURN_IF_ERROR(restore(entry));
    entry.task = &task;
    entry.state = state;
    entry.group = group;
    entry.bytes.assign(key).append(value);
    entry.keySize = key.size();
    task.expectEntry(state, key);
    return absl::OkStatus();
  }

  Status finish() {
    for (std::size_t i = 0; i < kAhead; ++i) {
      MILLRACE_RETURN_IF_ERROR(restore(entries_[next_++ % kAhead]));
    }
    return absl::OkStatus();
  }

 private:
  static constexpr std::size_t kAhead = 16;

  struct Entry {
    Task* task = nullptr;  // null: there is none
    StateId state{};
    KeyGroup group{};
    std::string bytes;  // key and value
    std::size_t keySize = 0;
  };

  static Status restore(Entry& entry) {
    if (entry.task == nullptr) return absl::OkStatus();
    Task& task = *std::exchange(entry.task, nullptr);
    const std::string_view bytes = entry.bytes;
    const Status restored = task.restoreEntry(
        entry.state, entry.group, bytes.substr(0, entry.keySize), bytes.substr(entry.keySize));
    if (restored.ok()) [[likely]]
      return restored;
    return annotate(restored, fmt::format("restoring operator '{}'", task.operatorName()));
  }

  std::array<Entry, kAhead> entries_;
  std::size_t next_ = 0;
};

}  // namespace

SinkCommitters Engine::committers() const {
  SinkCommitters committers;
  for (const Node& node : graph_.nodes()) {
    if (node.committer != nullptr) committers.emplace(node.name, node.committer);
  }
  return committers;
}

StatusOr<std::shared_ptr<CommitPoint>> commitPointOf(const Graph& graph, const JobOptions& options,
                                                     const std::stop_token& cancellation) {
  const CommitSettings settings{graph.name(), options.checkpoints.interval, cancellation};
  std::shared_ptr<CommitPoint> point;
  for (const Node& node : graph.nodes()) {
    if (node.committer == nullptr) continue;
    MILLRACE_RETURN_IF_ERROR(annotate(node.committer->joinCommitPoint(settings, point),
                                      fmt::format("making sink '{}' ready", node.name)));
  }
  return point;
}

Status Engine::recoverSinks() {
  const SinkCommitters all = committers();
  // What is known to be finished may have been taken away since.
  if (!store_->isFinished()) {
    MILLRACE_RETURN_IF_ERROR(commitPrepared(store_->found().epoch, all, *job_.fileSystem));
    store_->noteFinished();
  }
  for (const auto& [name, committer] : all) {
    MILLRACE_RETURN_IF_ERROR(
        annotate(committer->removeUncommitted(*job_.fileSystem),
                 fmt::format("removing what sink '{}' had not committed", name)));
  }
  return absl::OkStatus();
}

Status Engine::restore() {
  MILLRACE_RETURN_IF_ERROR(claimAll());
  if (store_->found().epoch.number > 0) {
    MILLRACE_RETURN_IF_ERROR(restorePositions(store_->found().epoch));
    MILLRACE_RETURN_IF_ERROR(restoreEntries());
  }
  MILLRACE_RETURN_IF_ERROR(annotate(store_->begin(catalog_.states()), "beginning a run"));
  return commitBeginning();
}

// An epoch in which nothing is read. Where epochs are committed elsewhere each run has one: from
// here on the commit point knows this run, and none before it. And where a source begins at a place
// that is another one a moment later, that place has to last before anything is read from there.
Status Engine::commitBeginning() {
  Epoch epoch = store_->found().epoch;
  ++epoch.number;
  epoch.incarnation = store_->found().incarnation + 1;
  epoch.completedAt = job_.clock->now();
  epoch.isCommittedElsewhere = isCommittedElsewhere(*store_);
  for (TaskSnapshot& task : epoch.tasks) task.state.prepared.clear();
  MILLRACE_ASSIGN_OR_RETURN(const bool hasStarts, addPassingStarts(epoch));
  if (!epoch.isCommittedElsewhere && !hasStarts) return absl::OkStatus();
  if (epoch.isCommittedElsewhere) {
    MILLRACE_RETURN_IF_ERROR(annotate(commitElsewhere(*store_, epoch), "taking the job over"));
  } else {
    MILLRACE_RETURN_IF_ERROR(annotate(store_->append(epoch), "noting where the sources begin"));
  }
  coordinator_->noteBeginning(epoch);
  return absl::OkStatus();
}

StatusOr<bool> Engine::addPassingStarts(Epoch& epoch) {
  std::vector<TaskSnapshot> starts;
  for (const PlacedTask& placed : placed_) {
    if (!positionsOf(placed.task->snapshotName(), epoch).empty()) continue;
    StatusOr<std::optional<TaskSnapshot>> start = placed.task->passingStart();
    if (!start.ok())
      return annotate(start.status(),
                      fmt::format("operator '{}' beginning", placed.task->operatorName()));
    if (*start) starts.push_back(**std::move(start));
  }
  epoch.tasks.insert(epoch.tasks.end(), starts.begin(), starts.end());
  return !starts.empty();
}

// What was saved for an operator that is no longer there must not vanish by a slip of the pen.
Status Engine::claimAll() {
  std::set<std::string> orphans;
  for (const CataloguedState& state : catalog_.unclaimed()) {
    orphans.insert(
        fmt::format("state '{}' of operator '{}'", state.declaration.name, state.operatorName));
  }
  for (const TaskSnapshot& task : store_->found().epoch.tasks) {
    const bool isThere = std::any_of(placed_.begin(), placed_.end(), [&](const PlacedTask& placed) {
      return placed.task->snapshotName() == task.operatorName;
    });
    const bool isShuffle =
        task.operatorName.ends_with(Task::kShuffleSuffix);  // comes and goes with workers
    if (!isThere && !isShuffle && holdsAnything(task))
      orphans.insert(fmt::format("operator '{}'", task.operatorName));
  }
  if (!orphans.empty() && !options_.checkpoints.allowUnclaimedState) {
    std::string list;
    for (const std::string& orphan : orphans) list += "\n  " + orphan;
    return absl::FailedPreconditionError(fmt::format(
        "the checkpoint holds what no operator of the pipeline claims ({}):{}", kHowToDrop, list));
  }
  for (const CataloguedState& state : catalog_.unclaimed()) catalog_.drop(state.id);
  return absl::OkStatus();
}

Status Engine::restorePositions(const Epoch& epoch) {
  for (const PlacedTask& placed : placed_) {
    const std::vector<std::string> positions = positionsOf(placed.task->snapshotName(), epoch);
    if (positions.empty()) continue;
    MILLRACE_RETURN_IF_ERROR(
        annotate(placed.task->restore(positions, placed.task->worker() == 0),
                 fmt::format("operator '{}' (worker {}) going on from epoch {}",
                             placed.task->operatorName(), placed.task->worker(), epoch.number)));
  }
  return absl::OkStatus();
}

Status Engine::restoreEntries() {
  StateOwners owners;
  for (const CataloguedState& state : catalog_.states()) {
    const auto index = static_cast<std::size_t>(state.id);
    if (owners.size() <= index) owners.resize(index + 1, nullptr);
    for (std::size_t node = 0; node < graph_.nodes().size(); ++node) {
      if (graph_.nodes()[node].name == state.operatorName) owners[index] = &tasks_[node];
    }
  }
  EntrySelection wanted;
  wanted.states.emplace();
  for (std::size_t index = 0; index < owners.size(); ++index) {
    const StateId state{static_cast<std::uint16_t>(index)};
    const bool isDropped = owners[index] == nullptr;
    if (!isDropped && !owners[index]->front()->fetchesOnDemand(state))
      wanted.states->push_back(state);
  }
  // Each part reads the whole log: there are no more of them than can be read at once.
  const std::size_t parts =
      runAll_
          ? std::min<std::size_t>(job_.workers, std::max(1U, std::thread::hardware_concurrency()))
          : 1;
  std::vector<Status> restored(parts);
  const auto restorePart = [&](std::size_t part) {
    const std::size_t first = part * job_.workers / parts;
    const std::size_t end = (part + 1) * job_.workers / parts;
    try {
      restored[part] = restoreEntriesOf(first, end, wanted, owners);
    } catch (...) {
      restored[part] = statusOfException();
    }
  };
  if (parts == 1) {
    restorePart(0);
  } else {
    runAll_(parts, restorePart);
  }
  for (const Status& status : restored) MILLRACE_RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

Status Engine::restoreEntriesOf(std::size_t firstWorker, std::size_t endWorker,
                                EntrySelection wanted, const StateOwners& owners) {
  const auto workers = static_cast<std::uint32_t>(job_.workers);
  const auto groups = static_cast<std::uint32_t>(job_.keyGroups);
  wanted.groups = {keyGroupsOf(static_cast<std::uint32_t>(firstWorker), workers, groups).first,
                   keyGroupsOf(static_cast<std::uint32_t>(endWorker - 1), workers, groups).end};
  EntriesAhead entries;
  MILLRACE_RETURN_IF_ERROR(store_->forEachEntry(
      wanted, [&](StateId state, KeyGroup group, std::string_view key, std::string_view value) {
        Task& task = *(*owners[static_cast<std::size_t>(state)])[ownerOf(group, workers, groups)];
        return entries.add(task, state, group, key, value);
      }));
  return entries.finish();
}

}  // namespace millrace
