// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>

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

  ~KeyedRows() override { destroyRows(); }

  /// Makes `key` current. The second form saves hashing where the batch has the hash.
  /// REQUIRES: hash == millraceHash(key).
  void setCurrentKey(const K& key) { setCurrentKey(key, millraceHash(key)); }
  void setCurrentKey(const K& key, std::uint64_t hash) {
    if (hash == currentHash_ && hasKey_ && currentKey() == key) return;
    dropEmptyRow();
    hasKey_ = false;  // until all that may throw has been done
    currentHash_ = hash;
    current_ = findRow(key, hash);
    if (isOverBase()) [[unlikely]]
      current_ = useRow(key, hash, static_cast<Row*>(current_));
    if (current_ == nullptr) [[unlikely]] {
      rowlessKey_ = key;
    }
    hasKey_ = true;
  }

  /// REQUIRES: there is one.
  const K& currentKey() const {
    return current_ != nullptr ? static_cast<const Row*>(current_)->key : *rowlessKey_;
  }

  /// Until the next setCurrentKey, handles read as empty and throw when written.
  void leaveCurrentKey() {
    dropEmptyRow();
    current_ = nullptr;
    hasKey_ = false;
  }

  /// How many keys it pays to know ahead.
  static constexpr std::size_t kAhead = 32;

  /// Puts the hashes of keyAt(0) to keyAt(count - 1) into `hashes`, and if the table is larger than
  /// the caches, tells the processor that these keys are coming, so that cache misses overlap.
  /// REQUIRES: count <= kAhead.
  template <typename KeyAt>
  void askAhead(std::size_t count, KeyAt&& keyAt, std::uint64_t* hashes) const {
    for (std::size_t i = 0; i < count; ++i) hashes[i] = millraceHash(keyAt(i));
    if (index_.memoryBytes() < kLarge) return;
    for (std::size_t i = 0; i < count; ++i) index_.prefetch(hashes[i]);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t number = index_.guess(hashes[i]);
      if (number != HashIndex::kNone) __builtin_prefetch(arena_->at(number), 1);
    }
  }

  std::size_t entries() override {
    dropEmptyRow();
    return index_.size() - emptyRows_ + entriesBelow_;
  }

  std::size_t memoryBytes() const override;
  std::size_t expireSome(Timestamp now, std::size_t limit) override;
  void writeAll(StateChanges& out) override;

  /// restoreEntry() with this key follows soon: its place in the index is fetched meanwhile.
  void expectEntry(std::string_view key) const;

  /// Over a base: what the rows take of the memory, which letGo() can do something about.
  MemoryUse memoryInUse();
  /// Over a base: lets go of about so many bytes of rows, as far as they are settled. Ends the use
  /// of the current key.
  void letGo(std::size_t bytes) { evict(bytes / rowBytes() + 1); }
  /// How many rows letGo() has looked at, ever.
  std::uint64_t looks() const noexcept { return looks_; }

  std::uint32_t keyGroups() const noexcept { return keyGroups_; }

 private:
  static constexpr std::size_t kSampledRows = 256;
  static constexpr std::size_t kLarge = std::size_t{256} << 10;  // bytes of the index

  RowHead& createRow() override {
    if (!hasKey_) throw JobError("keyed state is written while there is no current key");
    mayBeEmpty_ = true;
    if (emptyRows_ > 0) [[unlikely]] {
      if (Row* kept = findRow(*rowlessKey_, currentHash_)) return revive(*kept);
    }
    return insertRow(*rowlessKey_, currentHash_);
  }

  RowHead* rowOf(ByteReader& bytes, bool mayMake) override {
    leaveCurrentKey();
    K key{};
    if (!Serde<K>::read(bytes, key)) return nullptr;
    const std::uint64_t hash = millraceHash(key);
    Row* row = findRow(key, hash);
    if (isOverBase()) row = useRow(key, hash, row);
    if (row != nullptr || !mayMake) return row;
    row = &insertRow(key, hash);
    row->marks &= ~RowMarks::kNew;
    return row;
  }

  void removeEmptyRow(RowHead& row) override {
    Row& empty = static_cast<Row&>(row);
    if (isOverBase()) return keepEmptyRow(empty);
    removeRow(empty, millraceHash(empty.key));
  }

  // The row that a key is going to work with, fetched if it is below.
  [[gnu::noinline]] Row* useRow(const K& key, std::uint64_t hash, Row* row) {
    if (row == nullptr && looksBelow_) row = fetchRow(key, hash);
    if (row == nullptr) return nullptr;
    if ((row->marks & RowMarks::kEmpty) != 0) {
      revive(*row);
      mayBeEmpty_ = true;
    }
    row->marks |= RowMarks::kUsed;
    return row;
  }

  Row* fetchRow(const K& key, std::uint64_t hash) {
    fetchKey_.clear();
    ByteWriter out(fetchKey_);
    Serde<K>::write(key, out);
    if (!fetch(keyGroupOf(hash, keyGroups_), fetchKey_)) return nullptr;
    Row& row = insertRow(key, hash);
    row.marks &= ~RowMarks::kNew;
    fillFetched(row);
    --entriesBelow_;
    ++fetchedSince_;
    return &row;
  }

  // Over a base the row of a key without state is what says that there is none any more.
  void keepEmptyRow(Row& row) {
    if ((row.marks & RowMarks::kEmpty) != 0) return;
    row.marks |= RowMarks::kEmpty;
    ++emptyRows_;
  }

  Row& revive(Row& row) {
    row.marks &= ~RowMarks::kEmpty;
    --emptyRows_;
    return row;
  }

  void evict(std::size_t rows);
  void evictRow(Row& row);
  // What a row takes, outside the arena too.
  std::size_t rowBytes();
  std::size_t heapBytesOfRows() const;

  void writeKey(const RowHead& row, ByteWriter& out) const override {
    Serde<K>::write(static_cast<const Row&>(row).key, out);
  }
  KeyGroup groupOf(const RowHead& row) const override {
    return keyGroupOf(millraceHash(static_cast<const Row&>(row).key), keyGroups_);
  }
  std::string keyTypeName() const override { return fullTypeName<K>(); }
  void beforeBarrier() override {
    dropEmptyRow();
    heapPerRow_.noteBarrier();
  }

  Row& insertRow(const K& key, std::uint64_t hash) {
    if (!arena_) {
      arena_.emplace(rowSize_, rowAlign_);
      isSealed_ = true;
    }
    const std::size_t everUsed = arena_->used();
    const std::uint32_t number = arena_->allocate();
    const std::uint32_t before = number < everUsed ? placeOf(number)->marks : 0;
    Row* row = ::new (arena_->at(number)) Row(key);
    row->marks = marksOfNewRow(before);
    index_.insert(hash, number);
    return *row;
  }

  void removeRow(Row& row, std::uint64_t hash) {
    const std::uint32_t number = findNumber(row.key, hash);
    const std::uint32_t marks = noteRemoval(row);
    index_.erase(hash, number);
    std::destroy_at(&row);
    ::new (static_cast<void*>(&row)) RowHead{0, marks};
    arena_->free(number);
  }

  void destroyRows() noexcept {
    forEachRow([this](Row& row) {
      destroyCells(row);
      std::destroy_at(&row);
    });
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
    if (isOverBase()) return keepEmptyRow(row);
    removeRow(row, currentHash_);
  }

  // The row at an arena number, or nullptr where none is in use.
  Row* rowAt(std::size_t number) const {
    Row* row = placeOf(number);
    return (row->marks & RowMarks::kInUse) != 0 ? row : nullptr;
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

  // Over a base.
  std::size_t emptyRows_ = 0;   // with kEmpty
  std::size_t nextVictim_ = 0;  // where evict() goes on
  // So many looks came short when so much was settled; so many rows came since that may go soon.
  std::size_t looksShort_ = 0;
  std::uint64_t shortAt_ = 0;
  std::size_t fetchedSince_ = 0;
  std::uint64_t looks_ = 0;
  HeapPerEntry heapPerRow_;

  // Where expireSome goes on.
  std::size_t nextRow_ = 0;
  std::size_t nextState_ = 0;
  std::size_t nextElement_ = 0;
};

template <StateKey K>
std::size_t KeyedRows<K>::memoryBytes() const {
  const std::size_t arena = arena_ ? arena_->memoryBytes() : 0;
  return arena + index_.memoryBytes() + heapBytesOfRows() + trackingBytes();
}

template <StateKey K>
std::size_t KeyedRows<K>::heapBytesOfRows() const {
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
  return sampled > 0 ? heap * index_.size() / sampled : 0;
}

template <StateKey K>
std::size_t KeyedRows<K>::rowBytes() {
  const std::size_t rows = index_.size();
  return rowSize_ + heapPerRow_.of(rows, [&] { return heapBytesOfRows() / rows; });
}

template <StateKey K>
MemoryUse KeyedRows<K>::memoryInUse() {
  const std::size_t each = rowBytes();
  return {index_.size() * each + index_.memoryBytes() + trackingBytes(), changedRows() * each};
}

template <StateKey K>
void KeyedRows<K>::evict(std::size_t rows) {
  leaveCurrentKey();
  const std::size_t used = rowsEverUsed();
  const std::uint64_t settled = below_->settledBarrier();
  if (shortAt_ != settled || fetchedSince_ > index_.size() / 8) looksShort_ = 0;
  // Rows that were used get a second chance, so two rounds are all there is to be had.
  if (looksShort_ >= 2 * used) return;
  const std::size_t most = std::min(2 * used, 16 * rows + kSampledRows);
  std::size_t looks = 0;
  for (; rows > 0 && looks < most; ++looks) {
    if (nextVictim_ >= used) nextVictim_ = 0;
    Row* row = rowAt(nextVictim_++);
    if (row == nullptr || !mayEvict(*row)) continue;
    evictRow(*row);
    --rows;
  }
  looks_ += looks;
  if (looksShort_ == 0) fetchedSince_ = 0;
  looksShort_ = rows > 0 ? looksShort_ + looks : 0;
  shortAt_ = settled;
}

template <StateKey K>
void KeyedRows<K>::evictRow(Row& row) {
  const std::uint64_t hash = millraceHash(row.key);
  const std::uint32_t number = findNumber(row.key, hash);
  if ((row.marks & RowMarks::kEmpty) != 0) {
    --emptyRows_;
  } else {
    ++entriesBelow_;
    looksBelow_ = true;
  }
  index_.erase(hash, number);
  destroyCells(row);
  std::destroy_at(&row);
  ::new (static_cast<void*>(&row)) RowHead{0, 0};
  arena_->free(number);
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
      if (row->present == 0) removeEmptyRow(*row);
    }
    ++nextRow_;
    nextState_ = walk.position = 0;
    if (walk.budget > 0) --walk.budget;
  }
  nextElement_ = walk.position;
  return walk.removed + (isOverBase() ? sweepBelow(now) : 0);
}

template <StateKey K>
void KeyedRows<K>::expectEntry(std::string_view bytes) const {
  ByteReader in(bytes);
  K key{};
  if (Serde<K>::read(in, key)) index_.prefetch(millraceHash(key));
}

template <StateKey K>
void KeyedRows<K>::writeAll(StateChanges& out) {
  dropEmptyRow();
  forEachRow([&](Row& row) { writeCells(row, out); });
}

}  // namespace millrace
