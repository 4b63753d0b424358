// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>
#include <millrace/checkpoint/checkpoint_store.hpp>
#include <millrace/checkpoint/epoch.hpp>
#include <millrace/checkpoint/state_catalog.hpp>

namespace millrace {

namespace checkpoint {
class DirectoryReader;
}

/// A state directory or a savepoint, read from outside: without its lock and without changing
/// anything, also while a job works in it. Shows what was committed when it was opened.
///
/// **Thread safety**: all methods may be called from any thread at once.
class CheckpointReader {
 public:
  /// An epoch that is still in the log.
  struct LoggedEpoch {
    Epoch epoch;  ///< without changes
    std::uint64_t operations = 0;
    std::uint64_t bytes = 0;  ///< of the operations
  };

  /// What a state takes.
  struct StateSize {
    CataloguedState state;
    std::uint64_t entries = 0;
    std::uint64_t keyBytes = 0;
    std::uint64_t valueBytes = 0;
  };

  /// kFailedPrecondition: it is no state directory, or of a newer version; kDataLoss: damaged, with
  /// file, offset and what to do. The tail that a crash left is passed over.
  static StatusOr<std::unique_ptr<CheckpointReader>> open(FileSystem& files,
                                                          const std::string& directory);

  virtual ~CheckpointReader() = default;

  virtual bool isSavepoint() const = 0;
  virtual const CheckpointSummary& summary() const = 0;
  virtual const std::vector<LoggedEpoch>& epochs() const = 0;
  virtual std::uint64_t logBytes() const = 0;
  virtual std::uint64_t baseBytes() const = 0;
  virtual std::uint64_t tornBytes() const = 0;  ///< behind what was committed

  /// The epochs kept in `retained/`, ascending: each can be read, and begun from, as a savepoint.
  virtual const std::vector<std::uint64_t>& retained() const = 0;

  /// As CheckpointStore::forEachEntry().
  virtual Status forEachEntry(KeyGroupRange groups, const EntryVisitor& visit) const = 0;

  /// In order of ids. Reads everything.
  StatusOr<std::vector<StateSize>> sizes() const;

  /// Checks every checksum. kDataLoss: what is wrong, and where.
  virtual Status verify() const = 0;

 private:
  friend class checkpoint::DirectoryReader;  // the only kind there is
  CheckpointReader() = default;
};

/// How the entries of one state differ between two checkpoints.
struct StateDifference {
  std::string operatorName;
  std::string stateName;
  std::uint64_t onlyInFirst = 0;
  std::uint64_t onlyInSecond = 0;
  std::uint64_t changed = 0;
  std::uint64_t same = 0;

  bool isEmpty() const { return onlyInFirst == 0 && onlyInSecond == 0 && changed == 0; }
};

/// By operator and name, those of the first checkpoint first. kInvalidArgument: they have different
/// numbers of key groups.
StatusOr<std::vector<StateDifference>> compareCheckpoints(const CheckpointReader& first,
                                                          const CheckpointReader& second);

}  // namespace millrace
