// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstdint>
#include <stop_token>
#include <string>

namespace millrace {

/// Tells an epoch from all others.
struct EpochMark {
  std::uint64_t number = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t checksum = 0;  ///< of what the state directory says of it, changes left out

  friend bool operator==(const EpochMark&, const EpochMark&) = default;
};

/// What a state directory says when it is opened.
struct RecordedEpochs {
  std::uint64_t durable = 0;       ///< the last whole epoch in it
  std::uint64_t acknowledged = 0;  ///< the last one that is known to be committed; may lag behind
  std::uint64_t base = 0;          ///< the last one that can no longer be taken back
  std::uint64_t incarnation = 0;   ///< of the run that wrote last
  /// It began from a savepoint, and nothing has been committed since.
  bool isFreshFromSavepoint = false;
};

/// Of the job that commits.
struct CommitSettings {
  std::string jobName;
  Duration interval{0};            ///< between checkpoints
  std::stop_token cancellation{};  ///< see OperatorContext::cancellation()
};

/// Where a job's epochs are committed when that is not its state directory: a system outside that
/// can make an epoch's results visible and remember its number in one step, and so has the last
/// word on which epoch was the last. The state directory only keeps epochs until that word is
/// known.
///
/// Of epoch N, in this order: prepare(N), when all of its results are handed over and while it is
/// written to the state directory; commit(N), when it is durable there. Any error means that the
/// job has to recover: then another object asks takeOver() again.
///
/// A point without the last word has only to have an epoch's results delivered: commit(N) comes
/// first, and what is durable in the state directory after that is committed.
///
/// **Thread safety**: all calls come from one thread at a time; sinks' writers use it from theirs,
/// in ways of its own.
class CommitPoint {
 public:
  virtual ~CommitPoint();

  /// For messages: "Kafka at localhost:9092, group 'revenue.eos'".
  virtual std::string describe() const = 0;

  /// Whether it decides which epoch was the last.
  virtual bool hasLastWord() const { return true; }

  /// Once, before anything else: shuts out whoever used this point before, waits until what they
  /// left is decided, and answers with the last committed epoch, which counts where it has the last
  /// word. Number 0: there has never been one. kFailedPrecondition: what is remembered here and
  /// `recorded` cannot belong together, or another run owns it now; where that shows beforehand,
  /// nobody is shut out for it.
  virtual StatusOr<EpochMark> takeOver(const RecordedEpochs& recorded) = 0;

  /// Begins to finish an epoch; errors come with commit().
  virtual void prepare(const EpochMark& mark) = 0;

  /// Commits an epoch and makes sure that it is. REQUIRES: prepare(mark), and it is durable if this
  /// point has the last word.
  virtual Status commit(const EpochMark& mark) = 0;
};

}  // namespace millrace
