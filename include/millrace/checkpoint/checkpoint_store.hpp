// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>
#include <millrace/checkpoint/epoch.hpp>
#include <millrace/checkpoint/state_catalog.hpp>

namespace millrace {

/// What a state directory holds, without the entries.
struct CheckpointSummary {
  std::string jobName;
  std::uint32_t keyGroups = 0;
  std::uint64_t incarnation = 0;  ///< of the run that wrote last; 0: none has
  Epoch epoch;                    ///< the last committed one, without changes; number 0: none
  std::vector<CataloguedState> states;
};

/// Sees one entry; an error ends the walk and is its answer.
using EntryVisitor = std::function<Status(StateId, KeyGroup, std::string_view key, std::string_view value)>;

/// A job's state directory, opened for writing: the epoch log and the base below it. What append()
/// has answered ok for is there after any crash; of what it has not, nothing is.
///
/// **Thread safety**: append() and what follows it for one thread; bringForward() may run on another
/// at the same time.
///
/// **Invariants**: 1. Epochs are appended without holes. 2. base <= committed. 3. A directory
/// belongs to one job at a time: it is locked while the store lives.
class CheckpointStore {
 public:
  struct Options {
    std::string directory;
    std::string jobName;
    std::uint32_t keyGroups = 0;
  };

  /// Makes or opens the directory, locks it, checks it, and cuts off what was not committed.
  ///
  /// kFailedPrecondition: the directory is in use (says by which job, since when), is another job's, of a newer
  /// version, has another number of key groups, or is not a state directory at all; kDataLoss: damaged, with the
  /// file, the offset and what to do. Nothing is changed in these cases.
  static StatusOr<std::unique_ptr<CheckpointStore>> open(FileSystem& files, const Options& options);

  virtual ~CheckpointStore() = default;

  /// As it was found by open().
  virtual const CheckpointSummary& found() const = 0;

  /// Every live entry as of the last committed epoch, each once, in no order.
  /// REQUIRES: nothing appended yet.
  virtual Status forEachEntry(const EntryVisitor& visit) = 0;

  /// Begins a run: epochs appended from here on belong to incarnation found().incarnation + 1, and
  /// ids mean `states`. Entries of states that are not among them are dropped.
  virtual Status begin(const std::vector<CataloguedState>& states) = 0;

  /// Commits an epoch: when it answers ok the epoch is durable, whole. kResourceExhausted (the disk
  /// is full) and kUnavailable leave the store as it was before: the caller may try again with the same
  /// number. Any other error is final: a failed sync is never repeated.
  virtual Status append(const Epoch& epoch) = 0;

  /// Work for the background: moves what is committed into the base and lets go of what the log no
  /// longer needs. Does nothing while there is too little to gain. Errors as append().
  virtual Status bringForward() = 0;

  /// Bytes in the log and in the base.
  virtual std::uint64_t logBytes() const = 0;
  virtual std::uint64_t baseBytes() const = 0;
};

}  // namespace millrace
