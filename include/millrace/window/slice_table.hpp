// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <millrace/base/hash.hpp>
#include <millrace/state/epoch_changes.hpp>
#include <millrace/time/timestamp.hpp>
#include <millrace/window/hashed_key.hpp>
#include <millrace/window/key_table.hpp>
#include <millrace/window/slice_index.hpp>
#include <millrace/window/window_layout.hpp>

namespace millrace {

/// The accumulators of one slice, by key: entries that lie one behind the other in the order in
/// which their keys came, and an index to find them by. Telling and merging a slice walks its
/// entries and touches no empty slot; emptying it keeps the memory for the slice that comes next.
///
/// A table that is growing towards the size its predecessor had is brought to that size in one
/// step, once it is an eighth of the way: growing by doubling costs more, and reserving at once
/// would cost dearly for a slice that stays small.
///
/// Invariants:
///  1. Entries keep their positions until one is erased: the last one then takes its place.
///  2. References to values are good until the next key is added or erased.
/// Thread safety: that of a vector. REQUIRES: fewer than 2^32 - 1 keys.
template <typename K, typename V>
class SliceTable {
 public:
  struct Entry {
    K key;
    V value;
  };
  using Iterator = const Entry*;

  explicit SliceTable(std::size_t expectedSize = 0) { expect(expectedSize); }

  /// The value of `key`, made by `create()`, or `create(key)`, where there is none. `isNew` tells
  /// which.
  template <typename Q, typename Create>
  [[gnu::always_inline]] V& at(const Q& key, Create&& create, bool& isNew) {
    return entryFor(key, create, isNew).value;
  }
  template <typename Q, typename Create>
  [[gnu::always_inline]] Entry& entryFor(const Q& key, Create&& create, bool& isNew) {
    return entryOf(key, hashOf(key), create, isNew);
  }

  /// As at(keyAt(i), create, isNew) for each i below `n`, in order; `use(i, entry, isNew)` gets the
  /// entry and may erase it. Large tables are asked ahead where each key is likely to be, so that
  /// cache misses overlap; keyAt(i) is then called twice.
  template <typename KeyAt, typename Create, typename Use>
  [[gnu::always_inline]] void atEach(std::size_t n, KeyAt&& keyAt, Create&& create, Use&& use) {
    using Key = decltype(keyAt(std::size_t{}));
    constexpr bool canAskTwice = std::is_reference_v<Key> || std::is_trivially_copyable_v<Key>;
    Ahead ahead[kAhead];
    std::size_t sizeBefore = entries_.size();
    for (std::size_t first = 0; first < n; first += kAhead) {
      const std::size_t end = std::min(n, first + kAhead);
      const bool asksAhead = canAskTwice && isLarge();
      // There is nothing to guess where keys are new.
      const bool guesses = entries_.size() < sizeBefore + kAhead / 4;
      sizeBefore = entries_.size();
      if (asksAhead) askAhead(first, end - first, keyAt, guesses, ahead);
      for (std::size_t i = first; i < end; ++i) {
        const auto& key = keyAt(i);
        const Ahead& found = ahead[i - first];
        if (asksAhead && isAt(found.place, key)) [[likely]] {
          use(i, entries_[found.place], false);
        } else {
          bool isNew = false;
          Entry& entry = entryOf(key, asksAhead ? found.hash : hashOf(key), create, isNew);
          use(i, entry, isNew);
        }
      }
    }
  }

  /// Null when there is none.
  template <typename Q>
  const Entry* findEntry(const Q& key) const {
    std::size_t slot = 0;
    const std::uint32_t place = placeOf(key, hashOf(key), slot);
    return place == SliceIndex::kNone ? nullptr : &entries_[place];
  }

  std::size_t positionOf(const Entry& entry) const {
    return static_cast<std::size_t>(&entry - entries_.data());
  }

  template <typename Q>
  const V* find(const Q& key) const {
    const Entry* entry = findEntry(key);
    return entry == nullptr ? nullptr : &entry->value;
  }

  template <typename Q>
  void erase(const Q& key) {
    const std::uint64_t hash = hashOf(key);
    std::size_t slot = 0;
    const std::uint32_t place = placeOf(key, hash, slot);
    if (place == SliceIndex::kNone) return;
    index_.erase(hash, place);
    const auto last = static_cast<std::uint32_t>(entries_.size() - 1);
    if (place != last) {
      index_.replace(hashOf(entries_[last].key), last, place);
      entries_[place] = std::move(entries_[last]);
    }
    entries_.pop_back();
  }

  /// Keeps the entries for which `keep(position, entry)`, asked in order, and gives back the memory
  /// of the others. Those that stay move together.
  template <typename Keep>
  void keepIf(Keep&& keep) {
    std::size_t kept = 0;
    for (std::size_t at = 0; at < entries_.size(); ++at) {
      if (!keep(at, std::as_const(entries_[at]))) continue;
      if (kept != at) entries_[kept] = std::move(entries_[at]);
      ++kept;
    }
    entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(kept), entries_.end());
    entries_.shrink_to_fit();
    index_ = SliceIndex();
    index_.fill(kept, [this](std::uint32_t place) { return hashOf(entries_[place].key); });
    everUsed_ = 0;
    expect(0);
  }

  /// What the table takes, but for what keys and values hold on the heap: memory that was never
  /// written to is not counted.
  std::size_t memoryBytes() const {
    return std::max(entries_.size(), everUsed_) * sizeof(Entry) + index_.memoryBytes();
  }

  /// Empties the table and keeps its memory.
  void clear() {
    everUsed_ = std::max(everUsed_, entries_.size());
    entries_.clear();
    index_.clear();
  }

  /// Empties the table for a slice of about `expectedSize` keys. False, with nothing done: it is so
  /// much larger than what it held that emptying and keeping it would cost too much.
  bool reuse(std::size_t expectedSize) {
    if (index_.capacity() > kSmall && index_.capacity() / kSparse > entries_.size()) return false;
    clear();
    expect(expectedSize);
    return true;
  }

  std::size_t size() const { return entries_.size(); }
  const Entry& operator[](std::size_t position) const { return entries_[position]; }
  Entry& operator[](std::size_t position) { return entries_[position]; }
  Entry* begin() { return entries_.data(); }
  Entry* end() { return entries_.data() + entries_.size(); }
  Iterator begin() const { return entries_.data(); }
  Iterator end() const { return entries_.data() + entries_.size(); }

 private:
  static constexpr std::size_t kSmall = 1024;
  static constexpr std::size_t kSparse = 16;
  static constexpr std::size_t kAhead = 32;
  // Bytes of entries from which on asking ahead pays.
  static constexpr std::size_t kLarge = std::size_t{32} << 10;

  // Integers are hashed anew, more cheaply: nothing here outlives the process.
  template <typename Q>
  static std::uint64_t hashOf(const Q& key) {
    if constexpr (IntegerLike<K>) {
      const auto product =
          static_cast<__uint128_t>(static_cast<std::uint64_t>(static_cast<K>(plainKey(key))) ^
                                   0x9e3779b97f4a7c15ULL) *
          0xd6e8feb86659fd93ULL;
      return static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
    } else {
      return tableHash(stableHashOf(key));
    }
  }

  void expect(std::size_t size) {
    leapAt_ = std::max(size / 8, kSmall);
    leapTo_ = size;
  }

  bool isLarge() const { return entries_.size() * sizeof(Entry) > kLarge; }

  template <typename Q>
  [[gnu::always_inline]] std::uint32_t placeOf(const Q& key, std::uint64_t hash,
                                               std::size_t& slot) const {
    const Entry* const entries = entries_.data();
    return index_.find(
        hash, [&](std::uint32_t place) { return entries[place].key == plainKey(key); }, slot);
  }

  template <typename Q, typename Create>
  [[gnu::always_inline]] Entry& entryOf(const Q& key, std::uint64_t hash, Create&& create,
                                        bool& isNew) {
    std::size_t slot = 0;
    const std::uint32_t place = placeOf(key, hash, slot);
    isNew = place == SliceIndex::kNone;
    if (isNew) [[unlikely]]
      return createNew(key, hash, slot, create);
    return entries_[place];
  }

  // Of a key that is looked up soon, and where it is likely to be.
  struct Ahead {
    std::uint64_t hash;
    std::uint32_t place;
  };

  template <typename Q>
  [[gnu::always_inline]] bool isAt(std::uint32_t place, const Q& key) const {
    return place < entries_.size() && entries_[place].key == plainKey(key);
  }

  template <typename KeyAt>
  [[gnu::always_inline]] void askAhead(std::size_t first, std::size_t count, KeyAt&& keyAt,
                                       bool guesses, Ahead* ahead) const {
    for (std::size_t j = 0; j < count; ++j) {
      ahead[j].hash = hashOf(keyAt(first + j));
      ahead[j].place = SliceIndex::kNone;
      index_.prefetch(ahead[j].hash);
    }
    if (!guesses) return;
    for (std::size_t j = 0; j < count; ++j) {
      ahead[j].place = index_.guess(ahead[j].hash);
      __builtin_prefetch(&entries_[ahead[j].place], 1);
    }
  }

  template <typename Q, typename Create>
  [[gnu::noinline]] Entry& createNew(const Q& key, std::uint64_t hash, std::size_t slot,
                                     Create&& create) {
    if constexpr (std::is_invocable_v<Create&, const Q&>) {
      entries_.push_back(Entry{K(plainKey(key)), create(key)});
    } else {
      entries_.push_back(Entry{K(plainKey(key)), create()});
    }
    const auto hashAt = [this](std::uint32_t place) { return hashOf(entries_[place].key); };
    index_.insert(hash, slot, hashAt);
    if (entries_.size() == leapAt_ && leapTo_ > leapAt_) {
      index_.reserve(leapTo_, hashAt);
      entries_.reserve(leapTo_);
    }
    return entries_.back();
  }

  std::vector<Entry> entries_;
  SliceIndex index_;
  std::size_t everUsed_ = 0;  // at least so many entries' memory has been written to, or 0
  std::size_t leapAt_ = 0;
  std::size_t leapTo_ = 0;
};

/// In which generation an entry was last changed; see Settling.
using Generation = std::uint8_t;
inline constexpr Generation kSettledGeneration = 0;

/// What a slice keeps beside its table where windows may fire early.
template <typename K, bool kIsKept>
struct EarlyTables {
  KeyTable<K, bool> dirty;                   // keys touched since the last early firing
  KeyTable<K, std::uint64_t> untoldRecords;  // per key, since its last early pane
  // Over a base: keys that were erased, which may still be found there; in which generation.
  KeyTable<K, Generation> erased;
  bool hasDirtyBelow = false;  // there may be dirty keys that are not in `dirty`

  std::size_t memoryBytes() const {
    return dirty.memoryBytes() + untoldRecords.memoryBytes() + erased.memoryBytes();
  }
};
template <typename K>
struct EarlyTables<K, false> {
  static constexpr std::size_t memoryBytes() { return 0; }
};

/// Which entries of a slice's table have changed since the last checkpoint's barrier, and which the
/// snapshot under way has still to write down; see EpochChanges. By their positions, which may be
/// out of date where an entry was erased: the tag decides.
struct SliceChanges {
  std::vector<EpochTag> tags;           // by position; entries beyond its end are untouched
  std::vector<Generation> generations;  // the same, over a base; beyond: settled
  std::vector<std::uint32_t> current;
  std::vector<std::uint32_t> frozen;

  void clear() {
    tags.clear();
    generations.clear();
    current.clear();
    frozen.clear();
  }

  EpochTag tagAt(std::size_t at) const { return at < tags.size() ? tags[at] : EpochTag{0}; }
  Generation generationAt(std::size_t at) const {
    return at < generations.size() ? generations[at] : kSettledGeneration;
  }

  /// The last entry has taken the place of the one at `at`.
  void moveLastTo(std::size_t at, std::size_t size, EpochTag currentTag) {
    tags.resize(size);
    tags[at] = tags.back();
    tags.pop_back();
    if (at < tags.size() && tags[at] != 0) {
      (tags[at] == currentTag ? current : frozen).push_back(static_cast<std::uint32_t>(at));
    }
    if (generations.empty()) return;
    generations.resize(size);
    generations[at] = generations.back();
    generations.pop_back();
  }

  /// Appends an entry, in order, to those that are kept.
  void keep(EpochTag tag, Generation generation, EpochTag currentTag) {
    const auto at = static_cast<std::uint32_t>(tags.size());
    tags.push_back(tag);
    generations.push_back(generation);
    if (tag != 0) (tag == currentTag ? current : frozen).push_back(at);
  }

  std::size_t memoryBytes() const {
    return tags.capacity() + generations.capacity() +
           (current.capacity() + frozen.capacity()) * sizeof(std::uint32_t);
  }
};

/// The live slices of one operator, in time order. The last few that were dropped are kept, empty,
/// to be the next ones: so their tables need not grow again from nothing.
template <typename K, typename Acc, bool kFiresEarly = true>
class SliceList {
 public:
  struct Slice : EarlyTables<K, kFiresEarly> {
    Slice(WindowLayout::Slice where, std::size_t expectedSize)
        : extent(where), table(expectedSize) {}

    WindowLayout::Slice extent;
    SliceTable<K, Acc> table;
    std::vector<std::uint32_t> merged;  // a sliding merge's notes on the table's entries
    SliceChanges changes;
    std::uint64_t records = 0;
    bool isBelow = false;  // there may be entries below that the table has not

    /// But for what keys and accumulators hold on the heap.
    std::size_t memoryBytes() const {
      return table.memoryBytes() + merged.capacity() * sizeof(std::uint32_t) +
             changes.memoryBytes() + EarlyTables<K, kFiresEarly>::memoryBytes();
    }
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
    return **slices_.insert(position, makeSlice(extent));
  }

  /// Slices of which a snapshot has still something to write go to `unwritten`, where there is one.
  void dropFirst(std::size_t n, std::vector<std::unique_ptr<Slice>>* unwritten = nullptr) {
    if (n == 0) return;
    expectedSize_ = slices_[n - 1]->table.size();
    for (std::size_t i = 0; i < n; ++i) {
      if (unwritten != nullptr && !slices_[i]->changes.frozen.empty()) {
        unwritten->push_back(std::move(slices_[i]));
      } else if (spares_.size() < kSpares && slices_[i]->table.reuse(expectedSize_)) {
        spares_.push_back(std::move(slices_[i]));
      }
    }
    slices_.erase(slices_.begin(), slices_.begin() + static_cast<std::ptrdiff_t>(n));
  }

  /// What dropped slices take that are kept for those to come.
  std::size_t spareBytes() const {
    std::size_t bytes = 0;
    for (const auto& spare : spares_) bytes += spare->memoryBytes();
    return bytes;
  }
  void forgetSpares() { spares_.clear(); }

 private:
  // As many as one step of the watermark drops when records come in the order of time.
  static constexpr std::size_t kSpares = 2;

  std::unique_ptr<Slice> makeSlice(const WindowLayout::Slice& extent) {
    if (spares_.empty()) return std::make_unique<Slice>(extent, expectedSize_);
    std::unique_ptr<Slice> slice = std::move(spares_.back());
    spares_.pop_back();
    static_cast<EarlyTables<K, kFiresEarly>&>(*slice) = {};
    slice->extent = extent;
    slice->merged.clear();
    slice->changes.clear();
    slice->records = 0;
    slice->isBelow = false;
    return slice;
  }

  template <typename Predicate>
  std::size_t indexOfFirst(Predicate&& holds) const {
    const auto it = std::partition_point(slices_.begin(), slices_.end(),
                                         [&](const auto& slice) { return !holds(*slice); });
    return static_cast<std::size_t>(it - slices_.begin());
  }

  std::vector<std::unique_ptr<Slice>> slices_;
  std::vector<std::unique_ptr<Slice>> spares_;  // their tables are empty
  std::size_t expectedSize_ = 0;
};

}  // namespace millrace
