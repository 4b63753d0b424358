// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <millrace/base/hash.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/folding_state.hpp>
#include <millrace/state/hash_index.hpp>
#include <millrace/state/heap_bytes.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/keyed_state_store.hpp>
#include <millrace/state/list_state.hpp>
#include <millrace/state/map_state.hpp>
#include <millrace/state/row_arena.hpp>
#include <millrace/state/value_state.hpp>

namespace millrace {

/// What a stream can be keyed by.
template <typename K>
concept StateKey = StablyHashable<K> && Serialisable<K> && std::copyable<K> &&
    std::equality_comparable<K> && std::is_default_constructible_v<K>;

/// The keyed states of one operator instance, over keys of type K (see KeyedStateStore
/// for the use and the rules).
///
/// Invariants, besides those of KeyedStateStore:
/// 1. One look-up per record, none when the key is that of the record before; handles
///    then work through a pointer and an offset.
/// 2. Rows never move. Their order, where one shows, is the same in every run of the
///    same calls.
/// Thread safety: none; a worker's own.
template <StateKey K>
class KeyedRows final : public KeyedStateStore {
  struct Row : RowHead {
    explicit Row(const K& rowKey) : key(rowKey) {}
    K key;
  };

 public:
  using Key = K;

  /// REQUIRES: 0 < keyGroups <= kMaxKeyGroups.
  explicit KeyedRows(std::uint32_t keyGroups = kDefaultKeyGroups)
      : KeyedStateStore(sizeof(Row)), keyGroups_(keyGroups) {
    rowAlign_ = alignof(Row);
  }

  ~KeyedRows() override { clear(); }

  /// Makes `key` current. The second form saves hashing where the batch has the hash.
  /// REQUIRES: hash == millraceHash(key).
  void setCurrentKey(const K& key) { setCurrentKey(key, millraceHash(key)); }
  void setCurrentKey(const K& key, std::uint64_t hash) {
    if (hash == currentHash_ && hasKey_ && currentKey() == key) return;
    dropEmptyRow();
    hasKey_ = true;
    currentHash_ = hash;
    current_ = findRow(key, hash);
    if (current_ == nullptr) [[unlikely]] {
      rowlessKey_ = key;
    }
  }

  /// REQUIRES: hasCurrentKey().
  const K& currentKey() const {
    return current_ != nullptr ? static_cast<const Row*>(current_)->key : *rowlessKey_;
  }
  bool hasCurrentKey() const noexcept { return hasKey_; }

  /// Until the next setCurrentKey, handles read as empty and throw when written.
  void leaveCurrentKey() {
    dropEmptyRow();
    current_ = nullptr;
    hasKey_ = false;
  }

  /// Tells the processor that the key with this hash is coming soon: pays when the table
  /// is larger than the caches and the batch's hashes are known some records ahead.
  void prefetch(std::uint64_t hash) const { index_.prefetch(hash); }

  std::size_t entries() override {
    dropEmptyRow();
    return index_.size();
  }

  std::size_t memoryBytes() const override;
  std::size_t expireSome(Timestamp now, std::size_t limit) override;

  /// Forgets every key; the declarations stay. Ends the use of the current key.
  void clear();

  std::uint32_t keyGroups() const noexcept { return keyGroups_; }

  /// A row as snapshots see it; holds until the next write to its key.
  class RowRef {
   public:
    const K& key() const { return row_->key; }
    /// Bit i: state i was written, cleared or expired since clearChanges().
    std::uint32_t changed() const { return row_->changed & ~kInUse; }

   private:
    friend class KeyedRows;
    explicit RowRef(const Row* row) : row_(row) {}
    const Row* row_;
  };

  /// Rows in order of their key groups.
  class GroupedRows {
   public:
    /// The rows of one group. REQUIRES: group.value < keyGroups().
    std::span<const RowRef> of(KeyGroup group) const {
      return std::span(rows_).subspan(ends_[group.value],
                                      ends_[group.value + 1U] - ends_[group.value]);
    }
    std::span<const RowRef> all() const { return rows_; }

   private:
    friend class KeyedRows;
    std::vector<RowRef> rows_;
    std::vector<std::size_t> ends_;  // ends_[g]: where group g begins
  };

  /// All rows, sorted into their groups in one walk. Ends the use of the current key.
  GroupedRows rowsByKeyGroup();

  /// Appends the row: key, then number of cells (u8), then each cell's state index (u8),
  /// size (u32) and content. Times of expiry are kept.
  void writeRow(const RowRef& row, ByteWriter& out) const {
    Serde<K>::write(row.key(), out);
    writeCells(*row.row_, out);
  }

  /// Makes the row that writeRow wrote in a store with the same declarations.
  /// kDataLoss: the bytes are damaged, name a state that is not declared, or a key that
  /// has a row already; the store is then as before. Ends the use of the current key.
  Status readRow(ByteReader& in);

  /// Forgets what changed so far: the beginning of an epoch.
  void clearChanges() {
    forEachRow([](Row& row) { row.changed = kInUse; });
  }

 private:
  static constexpr std::uint32_t kInUse = 1U << kMaxStatesPerOperator;
  static constexpr std::size_t kSampledRows = 256;

  RowHead& createRow() override {
    if (!hasKey_) throw JobError("keyed state is written while there is no current key");
    mayBeEmpty_ = true;
    return insertRow(*rowlessKey_, currentHash_);
  }

  Row& insertRow(const K& key, std::uint64_t hash) {
    if (!arena_) {
      arena_.emplace(rowSize_, rowAlign_);
      isSealed_ = true;
    }
    const std::uint32_t number = arena_->allocate();
    Row* row = ::new (arena_->at(number)) Row(key);
    row->changed = kInUse;
    index_.insert(hash, number);
    return *row;
  }

  void removeRow(Row& row, std::uint64_t hash) {
    const std::uint32_t number = findNumber(row.key, hash);
    index_.erase(hash, number);
    std::destroy_at(&row);
    ::new (static_cast<void*>(&row)) RowHead();
    arena_->free(number);
  }

  std::uint32_t findNumber(const K& key, std::uint64_t hash) const {
    return index_.find(hash, [&](std::uint32_t number) { return placeOf(number)->key == key; });
  }

  Row* findRow(const K& key, std::uint64_t hash) const {
    const std::uint32_t number = findNumber(key, hash);
    return number == HashIndex::kNone ? nullptr : placeOf(number);
  }

  Row* placeOf(std::size_t number) const {
    return static_cast<Row*>(static_cast<RowHead*>(arena_->at(number)));
  }

  void dropEmptyRow() {
    if (!mayBeEmpty_) [[likely]]
      return;
    mayBeEmpty_ = false;
    if (current_ == nullptr || current_->present != 0) return;
    Row& row = static_cast<Row&>(*current_);
    rowlessKey_ = row.key;
    current_ = nullptr;
    removeRow(row, currentHash_);
  }

  // The row at an arena number, or nullptr where none is in use.
  Row* rowAt(std::size_t number) const {
    Row* row = placeOf(number);
    return (row->changed & kInUse) != 0 ? row : nullptr;
  }

  std::size_t rowsEverUsed() const { return arena_ ? arena_->used() : 0; }

  template <typename F>
  void forEachRow(F&& visit) {
    for (std::size_t i = 0; i < rowsEverUsed(); ++i) {
      if (Row* row = rowAt(i)) visit(*row);
    }
  }

  std::uint32_t keyGroups_;
  bool hasKey_ = false;
  std::uint64_t currentHash_ = 0;
  std::optional<K> rowlessKey_;  // the current key while it has no row
  std::optional<RowArena> arena_;
  HashIndex index_;

  // Where expireSome goes on.
  std::size_t nextRow_ = 0;
  std::size_t nextState_ = 0;
  std::size_t nextElement_ = 0;
};

template <StateKey K>
std::size_t KeyedRows<K>::memoryBytes() const {
  std::size_t sampled = 0;
  std::size_t heap = 0;
  const std::size_t used = rowsEverUsed();
  const std::size_t step = std::max<std::size_t>(used / kSampledRows, 1);
  for (std::size_t i = 0; i < used; i += step) {
    const Row* row = rowAt(i);
    if (row == nullptr) continue;
    ++sampled;
    heap += heapBytes(row->key) + heapBytesOf(*row);
  }
  if (sampled > 0) heap = heap * index_.size() / sampled;
  const std::size_t arena = arena_ ? arena_->memoryBytes() : 0;
  return arena + index_.memoryBytes() + heap;
}

template <StateKey K>
std::size_t KeyedRows<K>::expireSome(Timestamp now, std::size_t limit) {
  leaveCurrentKey();
  setProcessingTime(now);
  if (!hasTtl_) return 0;
  now = now_;
  ExpiryWalk walk{.position = nextElement_, .budget = limit};
  const std::size_t used = rowsEverUsed();
  for (std::size_t visited = 0; visited < used && walk.budget > 0; ++visited) {
    if (nextRow_ >= used) nextRow_ = nextState_ = walk.position = 0;
    if (Row* row = rowAt(nextRow_)) {
      if (!expireRow(*row, nextState_, now, walk)) break;
      if (row->present == 0) removeRow(*row, millraceHash(row->key));
    }
    ++nextRow_;
    nextState_ = walk.position = 0;
    if (walk.budget > 0) --walk.budget;
  }
  nextElement_ = walk.position;
  return walk.removed;
}

template <StateKey K>
void KeyedRows<K>::clear() {
  current_ = nullptr;
  hasKey_ = false;
  forEachRow([this](Row& row) {
    destroyCells(row);
    std::destroy_at(&row);
  });
  index_.clear();
  if (arena_) arena_.emplace(rowSize_, rowAlign_);
  nextRow_ = nextState_ = nextElement_ = 0;
}

template <StateKey K>
typename KeyedRows<K>::GroupedRows KeyedRows<K>::rowsByKeyGroup() {
  leaveCurrentKey();
  std::vector<std::pair<KeyGroup, RowRef>> rows;
  rows.reserve(index_.size());
  GroupedRows grouped;
  grouped.ends_.assign(keyGroups_ + 1, 0);
  forEachRow([&](Row& row) {
    const KeyGroup group = keyGroupOf(millraceHash(row.key), keyGroups_);
    rows.emplace_back(group, RowRef(&row));
    ++grouped.ends_[group.value + 1U];
  });
  for (std::size_t g = 1; g <= keyGroups_; ++g) grouped.ends_[g] += grouped.ends_[g - 1];
  std::vector<std::size_t> next(grouped.ends_);
  grouped.rows_.assign(rows.size(), RowRef(nullptr));
  for (const auto& [group, row] : rows) grouped.rows_[next[group.value]++] = row;
  return grouped;
}

template <StateKey K>
Status KeyedRows<K>::readRow(ByteReader& in) {
  leaveCurrentKey();
  K key{};
  if (!Serde<K>::read(in, key)) return absl::DataLossError("the key of a state row is damaged");
  const std::uint64_t hash = millraceHash(key);
  if (findRow(key, hash) != nullptr) {
    return absl::DataLossError("a key has two state rows");
  }
  Row& row = insertRow(key, hash);
  const Status status = readCells(row, in);
  if (!status.ok()) {
    destroyCells(row);
    removeRow(row, hash);
  }
  return status;
}

}  // namespace millrace
