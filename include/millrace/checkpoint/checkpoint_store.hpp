// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>
#include <millrace/checkpoint/epoch.hpp>
#include <millrace/checkpoint/state_catalog.hpp>
#include <millrace/runtime/commit_point.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/state_backend.hpp>

namespace millrace {

/// What a state directory holds, without the entries.
struct CheckpointSummary {
  std::string jobName;
  std::uint32_t keyGroups = 0;
  std::uint64_t incarnation = 0;  ///< of the run that wrote last; 0: none has
  Epoch epoch;                    ///< the last committed one, without changes; number 0: none
  std::vector<CataloguedState> states;
};

/// Which entries are meant.
struct EntrySelection {
  KeyGroupRange groups{0, kMaxKeyGroups};
  std::optional<std::vector<StateId>> states;  ///< ascending; nothing: all

  bool contains(StateId state) const;
};

/// Sees one entry; an error ends the walk and is its answer.
using EntryVisitor =
    std::function<Status(StateId, KeyGroup, std::string_view key, std::string_view value)>;

/// Sees one entry and says whether it wants the next; an error ends the walk and is its answer.
using EntryWalker = std::function<StatusOr<bool>(std::string_view key, std::string_view value)>;

/// A job's state directory, opened for writing: the epoch log and the base below it. What append()
/// has answered ok for is there after any crash; of what it has not, nothing is.
///
/// **Thread safety**: begin() and append() are for one thread at a time, bringForward() for another
/// one at the same time; forEachEntry(), writeSavepoint() and the sizes may be called from any
/// thread at any time.
///
/// **Invariants**: 1. Epochs are appended without holes. 2. base <= committed. 3. A directory
/// belongs to one job at a time: it is locked while the store lives.
class CheckpointStore {
 public:
  /// When a segment of the log is full: then it is sorted, in memory, and leaves the log.
  static constexpr std::uint64_t kDefaultSegmentBytes = 64 << 20;

  struct Options {
    std::string directory;
    std::string jobName;
    std::uint32_t keyGroups = 0;
    /// A savepoint to begin from where the directory is new or empty. A directory that began from
    /// this very savepoint just goes on; any other is refused.
    std::string fromSavepoint;
    Timestamp openedAt = 0;  ///< wall clock: told to whoever finds the directory locked
    std::uint64_t segmentBytes = kDefaultSegmentBytes;
    /// What the base is made of, in a new directory; one that is there has to be of this kind.
    StateBackend backend = StateBackend::kMemory;
    /// What RocksDB may keep of its files in memory.
    std::size_t cacheBytes = 64 << 20;
    /// Has the last word on which epochs are committed, or has their results delivered before;
    /// outlives the store. Null: what is durable is committed.
    CommitPoint* commitPoint = nullptr;
    /// How many checkpoints can be gone back to. 1: the last; more: so many, in
    /// `directory`/retained, with so much time between them, of which one may be the last.
    std::size_t retained = 1;
    Duration retainEvery{60'000};
  };

  /// Makes or opens the directory, locks it, checks it, and cuts off what was not committed.
  ///
  /// kFailedPrecondition: the directory is in use (says by which job, since when), is another
  /// job's, of a newer version, has another number of key groups, is not a state directory at all,
  /// or holds state although there is a savepoint to begin from; kDataLoss: damaged, with the file,
  /// the offset and what to do. No state is changed in these cases.
  static StatusOr<std::unique_ptr<CheckpointStore>> open(FileSystem& files, const Options& options);

  virtual ~CheckpointStore() = default;

  /// As it was found by open().
  virtual const CheckpointSummary& found() const = 0;
  /// As it was given to open().
  virtual CommitPoint* commitPoint() const { return nullptr; }

  /// Every live entry that is selected, as of the last committed epoch, each once, in order of
  /// group, state and key bytes. kDataLoss: damaged, with file and offset.
  virtual Status forEachEntry(const EntrySelection& selection, const EntryVisitor& visit) = 0;
  Status forEachEntry(KeyGroupRange groups, const EntryVisitor& visit) {
    return forEachEntry(EntrySelection{groups, {}}, visit);
  }
  Status forEachEntry(const EntryVisitor& visit) { return forEachEntry(EntrySelection(), visit); }

  /// Whether the base can be asked for single entries; then it holds all that was committed when
  /// the store was opened.
  virtual bool isReadable() const { return false; }
  /// Reads an entry as the base has it, which lags behind the last epoch. False: there is none.
  /// kDataLoss: damaged. REQUIRES, as below: isReadable().
  virtual StatusOr<bool> read(StateId state, KeyGroup group, std::string_view key,
                              std::string& value) const;
  /// Every entry whose key begins with `prefix`, as the base has it.
  virtual Status readAll(StateId state, KeyGroup group, std::string_view prefix,
                         const EntryVisitor& visit) const;
  /// The entries of a state and group from key `from` on, in order of key bytes, as the base has
  /// them, until `walk` answers false.
  virtual Status readFrom(StateId state, KeyGroup group, std::string_view from,
                          const EntryWalker& walk) const;
  /// The last epoch that is in the base as a whole.
  virtual std::uint64_t baseEpoch() const { return 0; }

  /// Begins a run: epochs appended from here on belong to incarnation found().incarnation + 1, and
  /// ids mean `states`. Entries of states that are not among them are dropped. Durable when ok;
  /// errors as append(). REQUIRES: once.
  virtual Status begin(const std::vector<CataloguedState>& states) = 0;

  /// Commits an epoch: when it answers ok the epoch is durable, whole. kResourceExhausted (the disk
  /// is full) and kUnavailable leave the store as it was before: the caller may try again with the
  /// same number. Any other error is final: a failed sync is never repeated, and everything after
  /// it is answered with the same error; open the directory anew to see what is there. REQUIRES:
  /// after begin(); the number after the last one; `epoch.incarnation` is not looked at.
  Status append(const Epoch& epoch);

  /// The two halves of append(), for epochs that are committed elsewhere: seal() makes an epoch
  /// durable, and leaves it open whether it counts; confirm() says that it does. What is sealed is
  /// not seen in the store, and does not go into the base, before it is confirmed. REQUIRES: of an
  /// epoch, in this order.
  virtual Status seal(const Epoch& epoch) = 0;
  virtual Status confirm() = 0;

  /// What a CommitPoint remembers of an epoch.
  static EpochMark markOf(const Epoch& epoch);

  /// Notes that the effects of the last committed epoch are finished outside of the store; whoever
  /// goes on from it finds that in isFinished(), or, seldom, has to finish them again.
  virtual void noteFinished() {}
  /// Whether the effects of the epoch found by open() are known to be finished.
  virtual bool isFinished() const { return false; }

  /// Work for the background: moves what is committed into the base and lets go of what the log no
  /// longer needs; does nothing while there is too little to gain. Keeps the last epoch as a
  /// retained checkpoint when it is time, and lets go of the oldest that is one too many. Calls
  /// `onProgress` whenever the base has come further. Errors as append().
  virtual Status bringForward(const std::function<void()>& onProgress = {}) = 0;

  /// Memory waits for what is committed to come into the base: however little there is in the log,
  /// the epoch that is under way, and the next one, leave it with the next bringForward() after
  /// their commit. May be called from any thread.
  virtual void hurry() {}

  /// Writes a self-contained copy of the last committed epoch: a savepoint, restorable with any
  /// number of workers. It is whole or, without its manifest, no savepoint. kFailedPrecondition:
  /// the directory holds something already; kResourceExhausted and the like: try again elsewhere.
  /// Errors leave the store alone.
  virtual Status writeSavepoint(const std::string& directory) = 0;

  /// Bytes in the log and in the base.
  virtual std::uint64_t logBytes() const = 0;
  virtual std::uint64_t baseBytes() const = 0;
};

}  // namespace millrace
