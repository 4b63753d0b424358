// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <millrace/base/hash.hpp>
#include <millrace/state/hash_index.hpp>
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
    if (!index_.empty()) {
      const std::uint32_t found = index_.find(
          millraceHash(key), [&](std::uint32_t position) { return entries_[position].key == key; });
      return found == HashIndex::kNone ? kNone : found;
    }
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].key == key) return i;
    }
    return kNone;
  }

  /// Adds an entry at position size(). REQUIRES: the key has none.
  template <typename Key, typename Value>
  void append(Key&& key, Value&& value) {
    entries_.push_back(Entry{std::forward<Key>(key), std::forward<Value>(value)});
    if (!index_.empty()) {
      indexEntry(entries_.size() - 1);
    } else if (entries_.size() > kSmall) {
      for (std::size_t i = 0; i < entries_.size(); ++i) indexEntry(i);
    }
  }

  /// Takes out the entry at `position`; the last entry moves there.
  void removeAt(std::size_t position) {
    const std::size_t last = entries_.size() - 1;
    if (!index_.empty()) unindexEntry(position, last);
    if (position != last) entries_[position] = std::move(entries_[last]);
    entries_.pop_back();
  }

  void clear() {
    entries_.clear();
    index_.clear();
  }

  friend std::size_t millraceHeapBytes(const DenseMap& map) {
    std::size_t bytes = map.entries_.capacity() * sizeof(Entry) + map.index_.memoryBytes();
    for (const Entry& entry : map.entries_) bytes += heapBytes(entry.key) + heapBytes(entry.value);
    return bytes;
  }

 private:
  static constexpr std::size_t kSmall = 8;

  void indexEntry(std::size_t position) {
    index_.insert(millraceHash(entries_[position].key), static_cast<std::uint32_t>(position));
  }

  void unindexEntry(std::size_t position, std::size_t last) {
    const auto place = static_cast<std::uint32_t>(position);
    index_.erase(millraceHash(entries_[position].key), place);
    if (position == last) return;
    index_.replace(millraceHash(entries_[last].key), static_cast<std::uint32_t>(last), place);
  }

  std::vector<Entry> entries_;
  HashIndex index_;
};

}  // namespace millrace
