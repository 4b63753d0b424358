// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/checkpoint/state_catalog.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/drops.hpp"
#include "checkpoint/log_segment.hpp"
#include "checkpoint/sorted_cursor.hpp"

namespace millrace::checkpoint {

/// The states of `before` that are not in `after`: a run that begins without them drops them.
std::vector<StateId> droppedStates(const std::vector<CataloguedState>& before,
                                   const std::vector<CataloguedState>& after);

/// The committed operations of a segment in order, of several on one key the last. Holds the
/// segment's bytes and 24 more for every operation.
class SortedSegment final : public SortedCursor {
 public:
  /// Takes the operations on keys of `groups`. `states` is the catalog where the segment begins.
  /// kDataLoss: damaged, which the checksums should have told.
  static StatusOr<std::unique_ptr<SortedSegment>> sort(std::string bytes,
                                                       const SegmentContents& contents,
                                                       std::vector<CataloguedState> states,
                                                       KeyGroupRange groups,
                                                       const std::string& path);

  /// What the segment drops of what stands before it.
  const Drops& drops() const { return drops_; }

  StatusOr<bool> next() override;

 private:
  // Kind, state and group stand before a key and the value after it.
  struct Operation {
    std::uint64_t prefix = 0;
    const char* key = nullptr;
    std::uint32_t keySize = 0;

    SortKey sortKey() const { return {prefix, {key, keySize}}; }
  };

  static constexpr std::size_t kAhead = 16;

  explicit SortedSegment(std::string bytes) : bytes_(std::move(bytes)) {}
  Status collect(const LogItem::Changes& changes, KeyGroupRange groups, const std::string& path);
  bool isDroppedLater(const StateChange& change, std::uint64_t moment);

  std::string bytes_;
  std::vector<Operation> operations_;
  std::size_t at_ = 0;
  Drops drops_;  // moments are offsets
};

}  // namespace millrace::checkpoint
