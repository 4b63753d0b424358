// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <millrace/base/status.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/state_declaration.hpp>

namespace millrace {

/// What a table takes of the memory, in bytes.
struct MemoryUse {
  std::size_t bytes = 0;
  std::size_t changedBytes = 0;  ///< of that, has changed since the last barrier

  friend constexpr MemoryUse operator+(const MemoryUse& a, const MemoryUse& b) noexcept {
    return {a.bytes + b.bytes, a.changedBytes + b.changedBytes};
  }
};

/// What falls of `bytes` to one who has `part` of `all`.
inline std::size_t shareOf(std::size_t bytes, std::size_t part, std::size_t all) noexcept {
  if (all == 0) return 0;
  return static_cast<std::size_t>(static_cast<double>(bytes) * static_cast<double>(part) /
                                  static_cast<double>(all));
}

/// What a table of so many bytes should let go of that has `excess` too many: rather some more, for
/// looking for what may go, and moving what stays, takes its time.
inline std::size_t atLeastAnEighth(std::size_t excess, std::size_t bytes) noexcept {
  return std::max(excess, bytes / 8);
}

/// What lies below one task's tables of keyed state where they need not hold all of it: the entries
/// that are committed and on disk. A table may let go of an entry once its last change is settled,
/// that is, can be read here; and it should when memory is short.
///
/// **Thread safety**: none; a task's own.
class StateBelow {
 public:
  using Visitor = std::function<Status(std::string_view key, std::string_view value)>;
  /// Sees one entry and says whether it wants the next.
  using Walker = std::function<StatusOr<bool>(std::string_view key, std::string_view value)>;

  virtual ~StateBelow() = default;

  /// Reads an entry. False: there is none. kDataLoss: damaged.
  virtual StatusOr<bool> read(StateId state, KeyGroup group, std::string_view key,
                              std::string& value) = 0;
  /// Shows every entry whose key begins with `prefix`.
  virtual Status readAll(StateId state, KeyGroup group, std::string_view prefix,
                         const Visitor& visit) = 0;
  /// Shows the entries from key `from` on, in order of key bytes, until `walk` answers false or an
  /// error, which is the answer then.
  virtual Status readFrom(StateId state, KeyGroup group, std::string_view from,
                          const Walker& walk) = 0;

  /// The barrier that the task is at, or has passed last; changes before it are settled once
  /// settledBarrier() has come up to it.
  virtual std::uint64_t lastBarrier() const = 0;
  virtual std::uint64_t settledBarrier() const = 0;

  /// Says how much memory the task's tables take now, all together, in bytes, and how much of that
  /// has changed since the last barrier. Answers how many bytes they should let go of; changes are
  /// hurried on their way down.
  virtual std::size_t use(std::size_t bytes, std::size_t changedBytes) = 0;

  /// False while too much is on its way down, or is about to be: new records have to wait.
  virtual bool hasRoom() const = 0;
};

}  // namespace millrace
