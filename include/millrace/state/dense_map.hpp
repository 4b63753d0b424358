// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <millrace/base/hash.hpp>
#include <millrace/state/heap_bytes.hpp>

namespace millrace {

/// A map whose entries lie one behind the other: small ones are searched from end to
/// end, larger ones through an index of positions beside the entries.
///
/// Why not a plain hash table: most maps in keyed state hold a handful of entries,
/// entries can be walked in small steps that survive changes in between, and the
/// order of iteration is the same in every run of the same calls.
///
/// Invariants:
/// 1. `entries()` are in order of insertion, until one is removed: the last one then
///    takes its place.
/// 2. There is an index exactly when there have been more than `kSmall` entries since
///    the map was last empty.
/// Thread safety: that of a vector. REQUIRES: fewer than 2^31 entries.
template <StablyHashable K, typename V>
class DenseMap {
 public:
  struct Entry {
    K key;
    V value;
  };
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  std::span<const Entry> entries() const noexcept { return entries_; }
  V& valueAt(std::size_t position) { return entries_[position].value; }

  /// The position of the key's entry, or kNone.
  std::size_t find(const K& key) const {
    if (!index_.empty()) return findIndexed(key);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].key == key) return i;
    }
    return kNone;
  }

  /// Adds an entry at position size(). REQUIRES: the key has none.
  template <typename Key, typename Value>
  void append(Key&& key, Value&& value) {
    entries_.push_back(Entry{std::forward<Key>(key), std::forward<Value>(value)});
    if (index_.empty() ? entries_.size() > kSmall : entries_.size() * 4 > index_.size() * 3) {
      rebuildIndex();
    } else if (!index_.empty()) {
      place(entries_.size() - 1);
    }
  }

  /// Takes out the entry at `position`; the last entry moves there.
  void removeAt(std::size_t position) {
    const std::size_t last = entries_.size() - 1;
    if (!index_.empty()) {
      eraseSlot(slotOf(position));
      if (position != last) index_[slotOf(last)] = static_cast<std::uint32_t>(position + 1);
    }
    if (position != last) entries_[position] = std::move(entries_[last]);
    entries_.pop_back();
    if (entries_.empty()) index_.clear();
  }

  void clear() {
    entries_.clear();
    index_.clear();
  }

  friend std::size_t millraceHeapBytes(const DenseMap& map) {
    std::size_t bytes = map.entries_.capacity() * sizeof(Entry) + map.index_.capacity() * 4;
    for (const Entry& entry : map.entries_) bytes += heapBytes(entry.key) + heapBytes(entry.value);
    return bytes;
  }

 private:
  static constexpr std::size_t kSmall = 8;

  // The keys of one map share a worker, so the low bits of their hashes are not
  // independent of each other: the high ones choose the slot.
  std::size_t homeOf(const K& key) const { return (millraceHash(key) >> 16) & (index_.size() - 1); }
  std::size_t next(std::size_t slot) const { return (slot + 1) & (index_.size() - 1); }

  std::size_t findIndexed(const K& key) const {
    for (std::size_t slot = homeOf(key); index_[slot] != 0; slot = next(slot)) {
      const std::size_t position = index_[slot] - 1;
      if (entries_[position].key == key) return position;
    }
    return kNone;
  }

  std::size_t slotOf(std::size_t position) const {
    std::size_t slot = homeOf(entries_[position].key);
    while (index_[slot] != position + 1) slot = next(slot);
    return slot;
  }

  void place(std::size_t position) {
    std::size_t slot = homeOf(entries_[position].key);
    while (index_[slot] != 0) slot = next(slot);
    index_[slot] = static_cast<std::uint32_t>(position + 1);
  }

  void rebuildIndex() {
    index_.assign(std::bit_ceil(entries_.size() * 2), 0);
    for (std::size_t i = 0; i < entries_.size(); ++i) place(i);
  }

  // Linear probing without tombstones: later entries of the run move up into the gap
  // unless that would put them before their home. [Knuth, 6.4 algorithm R]
  void eraseSlot(std::size_t gap) {
    const std::size_t mask = index_.size() - 1;
    for (std::size_t slot = next(gap); index_[slot] != 0; slot = next(slot)) {
      const std::size_t home = homeOf(entries_[index_[slot] - 1].key);
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      index_[gap] = index_[slot];
      gap = slot;
    }
    index_[gap] = 0;
  }

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> index_;  // position + 1, 0 where free; size is a power of two
};

}  // namespace millrace
