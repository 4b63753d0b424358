// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "checkpoint/drops.hpp"
#include "checkpoint/sorted_cursor.hpp"

namespace millrace::checkpoint {

/// Several sorted sources as one: of a key the newest source's word counts, and what a newer source
/// drops is gone.
class MergeCursor final : public SortedCursor {
 public:
  /// With erases or without: they matter as long as something older lies below.
  enum class Erases { kKept, kLeftOut };

  explicit MergeCursor(Erases erases) : erases_(erases) {}

  /// REQUIRES: the oldest first; before next().
  void add(std::unique_ptr<SortedCursor> source, const Drops& drops);

  /// Of all sources: what drops() of a file made of them has to say.
  const Drops& drops() const { return drops_; }

  StatusOr<bool> next() override;

 private:
  struct Source {
    std::unique_ptr<SortedCursor> cursor;
    SortKey key;
    std::uint64_t moment = 0;
    std::uint64_t limitOf = kNoLimit;  // the group and state that `limit` is for
    DropLimit limit;
  };
  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

  bool isBefore(const Source& a, const Source& b) const;
  void siftDown(std::size_t at);
  Status advance(std::size_t at);
  Status start();
  StatusOr<bool> takeTop();
  bool isDropped(Source& source) const;

  Erases erases_;
  bool started_ = false;
  std::vector<Source> heap_;
  Drops drops_;
};

}  // namespace millrace::checkpoint
