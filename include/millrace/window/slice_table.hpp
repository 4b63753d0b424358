// SPDX-License-Identifier: MIT
#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/base/hash.hpp>
#include <millrace/time/timestamp.hpp>
#include <millrace/window/window_layout.hpp>

namespace millrace {

/// A key whose stable hash is known already (batches on a keyed edge carry it); every look-up that
/// takes a key takes this too and does not hash again. REQUIRES: hash == millraceHash(key).
template <typename Q>
struct HashedKey {
  const Q& key;
  std::uint64_t hash;
};
template <typename Q>
HashedKey(const Q&, std::uint64_t) -> HashedKey<Q>;

template <typename Q>
const Q& plainKey(const Q& key) {
  return key;
}
template <typename Q>
const Q& plainKey(const HashedKey<Q>& key) {
  return key.key;
}

/// StableHash and equality over keys, what they compare with (a string_view for a string), and
/// HashedKey.
struct KeyHash {
  using is_transparent = void;
  template <typename Q>
  std::size_t operator()(const Q& key) const {
    if constexpr (StablyHashable<Q>)
      return tableHash(millraceHash(key));
    else  // a string literal
      return tableHash(millraceHash(std::string_view(key)));
  }
  template <typename Q>
  std::size_t operator()(const HashedKey<Q>& key) const {
    return tableHash(key.hash);
  }
};
struct KeyEqual {
  using is_transparent = void;
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return plainKey(a) == plainKey(b);
  }
};

template <typename K, typename V>
using KeyTable = absl::flat_hash_map<K, V, KeyHash, KeyEqual>;

template <typename K, typename V, typename Q, typename Create>
[[gnu::noinline]] V& createAt(KeyTable<K, V>& table, const Q& key, Create&& create) {
  return table.try_emplace(K(plainKey(key)), create()).first->second;
}

/// The value of `key`, made by `create()` where there is none. `isNew` tells which. Finding is
/// inlined and kept small: the shorter the loop around it, the more cache misses overlap.
template <typename K, typename V, typename Q, typename Create>
[[gnu::always_inline]] inline V& findOrCreate(KeyTable<K, V>& table, const Q& key, Create&& create,
                                              bool& isNew) {
  const auto it = table.find(key);
  isNew = it == table.end();
  if (isNew) [[unlikely]]
    return createAt(table, key, create);
  return it->second;
}

/// The accumulators of one slice. A table that is growing towards the size its predecessor had is
/// brought to that size in one step, once it is an eighth of the way: growing by doubling costs
/// more, and reserving at once would cost dearly for a slice that stays small.
template <typename K, typename Acc>
class SliceTable {
 public:
  using Map = KeyTable<K, Acc>;
  using Iterator = typename Map::const_iterator;
  using MutableIterator = typename Map::iterator;

  explicit SliceTable(std::size_t expectedSize)
      : leapAt_(std::max<std::size_t>(expectedSize / 8, kSmall)), leapTo_(expectedSize) {}

  template <typename Q, typename Create>
  [[gnu::always_inline]] Acc& at(const Q& key, Create&& create, bool& isNew) {
    const auto it = map_.find(key);
    isNew = it == map_.end();
    if (isNew) [[unlikely]]
      return createNew(key, create);
    return it->second;
  }

  template <typename Q>
  const Acc* find(const Q& key) const {
    const auto it = map_.find(key);
    return it == map_.end() ? nullptr : &it->second;
  }

  template <typename Q>
  void prefetch(const Q& key) const {
    map_.prefetch(key);
  }

  /// Whether a look-up is likely to miss the caches, so that prefetching pays.
  bool isLarge() const { return map_.capacity() * sizeof(typename Map::value_type) > kCached; }

  template <typename Q>
  void erase(const Q& key) {
    map_.erase(key);
  }
  void clear() { map_.clear(); }
  std::size_t size() const { return map_.size(); }
  MutableIterator begin() { return map_.begin(); }
  MutableIterator end() { return map_.end(); }
  Iterator begin() const { return map_.begin(); }
  Iterator end() const { return map_.end(); }

 private:
  template <typename Q, typename Create>
  [[gnu::noinline]] Acc& createNew(const Q& key, Create&& create) {
    if (map_.size() == leapAt_ && leapTo_ > leapAt_) map_.reserve(leapTo_);
    return map_.try_emplace(K(plainKey(key)), create()).first->second;
  }

  static constexpr std::size_t kSmall = 1024;
  static constexpr std::size_t kCached = std::size_t{32} << 10;

  Map map_;
  std::size_t leapAt_;
  std::size_t leapTo_;
};

/// What a slice keeps beside its table where windows may fire early.
template <typename K, bool kIsKept>
struct EarlyTables {
  KeyTable<K, bool> dirty;                   // keys touched since the last early firing
  KeyTable<K, std::uint64_t> untoldRecords;  // per key, since its last early pane
};
template <typename K>
struct EarlyTables<K, false> {};

/// The live slices of one operator, in time order.
template <typename K, typename Acc, bool kFiresEarly = true>
class SliceList {
 public:
  struct Slice : EarlyTables<K, kFiresEarly> {
    Slice(WindowLayout::Slice where, std::size_t expectedSize)
        : extent(where), table(expectedSize) {}

    WindowLayout::Slice extent;
    SliceTable<K, Acc> table;
    std::uint64_t records = 0;
  };

  std::size_t size() const { return slices_.size(); }
  bool isEmpty() const { return slices_.empty(); }
  Slice& operator[](std::size_t i) { return *slices_[i]; }
  const Slice& operator[](std::size_t i) const { return *slices_[i]; }

  /// The index of the first slice that ends after `t`; size() when none does.
  std::size_t endingAfter(Timestamp t) const {
    return indexOfFirst([t](const Slice& slice) { return slice.extent.end > t; });
  }

  /// The index of the first slice with a window that ends after `t`; size() when none has.
  std::size_t withWindowEndingAfter(Timestamp t) const {
    return indexOfFirst([t](const Slice& slice) { return slice.extent.lastEnd > t; });
  }

  Slice* endingAt(Timestamp end) {
    const std::size_t i = indexOfFirst([end](const Slice& s) { return s.extent.end >= end; });
    return i < size() && slices_[i]->extent.end == end ? slices_[i].get() : nullptr;
  }

  Slice* containing(Timestamp t) {
    const std::size_t i = endingAfter(t);
    return i < size() && slices_[i]->extent.start <= t ? slices_[i].get() : nullptr;
  }

  /// REQUIRES: no slice ends where `extent` does.
  Slice& insert(const WindowLayout::Slice& extent) {
    const std::size_t at = endingAfter(extent.end);
    const auto position = slices_.begin() + static_cast<std::ptrdiff_t>(at);
    return **slices_.insert(position, std::make_unique<Slice>(extent, expectedSize_));
  }

  void dropFirst(std::size_t n) {
    if (n == 0) return;
    expectedSize_ = slices_[n - 1]->table.size();
    slices_.erase(slices_.begin(), slices_.begin() + static_cast<std::ptrdiff_t>(n));
  }

 private:
  template <typename Predicate>
  std::size_t indexOfFirst(Predicate&& holds) const {
    const auto it = std::partition_point(slices_.begin(), slices_.end(),
                                         [&](const auto& slice) { return !holds(*slice); });
    return static_cast<std::size_t>(it - slices_.begin());
  }

  std::vector<std::unique_ptr<Slice>> slices_;
  std::size_t expectedSize_ = 0;
};

}  // namespace millrace
