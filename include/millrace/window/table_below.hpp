// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <millrace/base/check.hpp>
#include <millrace/base/status.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/epoch_changes.hpp>
#include <millrace/state/heap_bytes.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/settling.hpp>
#include <millrace/state/state_below.hpp>
#include <millrace/window/hashed_key.hpp>
#include <millrace/window/key_table.hpp>

namespace millrace {

/// What a table by key that lies over a base knows of its entries that are below: the table may let
/// go of settled ones, and a key that is not in it is looked for here.
///
/// An entry has members `tag` and `generation`, kept by KeyChanges. Every use of an entry changes
/// it, so that the entries that may go are those that were not used of late. A key that is erased
/// would be found below again until that is settled; so it is remembered that long.
///
/// **Thread safety**: none; a table's own. **Errors**: JobError, when the base cannot be read;
/// kDataLoss when what is found there is damaged.
template <typename K, typename Entry>
class TableBelow {
 public:
  using Table = KeyTable<K, Entry>;

  /// `holdsEntries`: there are some of the table below. REQUIRES: once, before any entry; `below`
  /// outlives this.
  void set(StateBelow& below, StateId state, std::uint32_t keyGroups, KeyGroupRange own,
           bool holdsEntries) {
    below_ = &below;
    state_ = state;
    keyGroups_ = keyGroups;
    own_ = own;
    mayHold_ = holdsEntries;
  }
  bool isOn() const noexcept { return below_ != nullptr; }
  /// REQUIRES, as all that follows: isOn().
  StateBelow& base() const noexcept { return *below_; }

  /// Whether a key that is not in the table may be here. False while it is not on.
  bool mayHold() const noexcept { return mayHold_; }
  /// Keys that are here alone.
  std::uint64_t keys() const noexcept { return keys_; }
  void addKeys(std::uint64_t keys) noexcept { keys_ += keys; }

  /// Reads the entry of a key that is not in the table. False: there is none.
  template <typename Q>
  bool read(const Q& key, std::string& value) {
    if (isGone(key)) return false;
    keyBytes_.clear();
    ByteWriter out(keyBytes_);
    Serde<K>::write(K(plainKey(key)), out);
    const KeyGroup group = keyGroupOf(stableHashOf(key), keyGroups_);
    const StatusOr<bool> found = below_->read(state_, group, keyBytes_, value);
    if (!found.ok()) {
      throw JobError(annotate(found.status(), "fetching an entry of state 'windows'"));
    }
    return *found;
  }
  [[noreturn]] static void failDamaged() {
    throw JobError(absl::DataLossError("an entry of state 'windows' is damaged"));
  }

  /// To be told: an entry that was read is in the table now.
  void noteFetched() noexcept {
    --keys_;
    ++unchanged_;
  }
  /// An entry was put back. True: now and then, when memory is to be looked after.
  bool noteRestored() noexcept { return ++unchanged_ % 256 == 0; }
  /// All entries that are here are going to be put back.
  void expectAll() noexcept {
    keys_ = 0;
    mayHold_ = false;
  }
  /// A key got an entry that it had not; a key has lost it.
  template <typename Q>
  void noteNew(const Q& key) {
    for (KeySet<K>& gone : gone_) {
      if (const auto at = gone.find(key); at != gone.end()) gone.erase(at);
    }
  }
  void noteErased(const K& key) { gone_[0].insert(key); }

  /// At each barrier; answers which generation begins or goes on.
  std::uint8_t noteBarrier() {
    heapPerEntry_.noteBarrier();
    const std::uint32_t before = settling_.generation();
    settling_.begin(*below_);
    if (settling_.generation() != before) {
      // All but the newest two are settled.
      std::swap(gone_[0], gone_[1]);
      gone_[0] = KeySet<K>();
    }
    return generation();
  }
  std::uint8_t generation() const noexcept {
    return static_cast<std::uint8_t>(settling_.generation());
  }

  /// What the table takes. `heapOf(key, entry)`: what an entry takes outside itself.
  template <typename HeapOf>
  MemoryUse memoryInUse(const Table& table, const KeyChanges<K>& changes, HeapOf&& heapOf) {
    const std::size_t each =
        kEntryBytes + heapPerEntry_.of(table.size(), [&] { return averageHeap(table, heapOf); });
    MemoryUse use;
    use.bytes = table.size() * each + table.indexBytes() + changes.memoryBytes() +
                (gone_[0].size() + gone_[1].size()) * sizeof(K) + gone_[0].indexBytes() +
                gone_[1].indexBytes();
    use.changedBytes =
        std::min(table.size(), changes.changedKeys()) * each + changes.currentBytes();
    return use;
  }

  /// Takes entries out of `table` that may go, so many bytes of them if there are.
  void letGo(Table& table, std::size_t bytes) {
    const std::uint64_t settled = below_->settledBarrier();
    if (hasFoundAll_ && foundAllAt_ == settled && unchanged_ <= table.size() / 8) return;
    std::size_t wanted = bytes / (kEntryBytes + heapPerEntry_.bytes()) + 1;
    for (std::size_t looks = table.size(); looks > 0 && wanted > 0; --looks) {
      if (next_ >= table.size()) next_ = 0;
      const auto at = table.begin() + next_;
      if (!mayGo(at->second)) {
        ++next_;
        continue;
      }
      table.erase(at);  // the last one takes its place
      ++keys_;
      --wanted;
      mayHold_ = true;
    }
    hasFoundAll_ = wanted > 0;
    foundAllAt_ = settled;
    unchanged_ = 0;
  }

  /// Shows the entries that are here alone, one after the other, by `visit(const K&,
  /// std::string_view)`, until that answers false; the next call goes on behind. True: it was
  /// broken off. Once it was not, nothing is held here any more. REQUIRES: `table` is the same in
  /// all calls, no barrier between them.
  template <typename Visit>
  bool walk(const Table& table, Visit&& visit) {
    if (!walked_) walked_.emplace(Place{own_.first, {}});
    for (; walked_->group < own_.end; ++walked_->group, walked_->from.clear()) {
      bool goesOn = true;
      const auto see = [&](std::string_view bytes, std::string_view value) -> StatusOr<bool> {
        K key{};
        if (!fromBytes(bytes, key)) failDamaged();
        if (table.contains(key) || isGone(key)) return true;
        goesOn = visit(key, value);
        if (!goesOn) behind_.assign(bytes).push_back('\0');
        return goesOn;
      };
      const KeyGroup group{static_cast<std::uint16_t>(walked_->group)};
      const Status read = below_->readFrom(state_, group, walked_->from, see);
      if (!read.ok()) throw JobError(annotate(read, "reading state 'windows'"));
      if (goesOn) continue;
      walked_->from.swap(behind_);
      return true;
    }
    mayHold_ = false;
    return false;
  }

  /// All that is here goes.
  void noteAllErased() {
    keys_ = 0;
    mayHold_ = false;
    walked_.reset();
    for (KeySet<K>& gone : gone_) gone = KeySet<K>();
  }

 private:
  static constexpr std::size_t kSampled = 256;
  static constexpr std::size_t kEntryBytes = sizeof(typename Table::value_type);

  struct Place {
    std::uint32_t group;
    std::string from;
  };

  template <typename Q>
  bool isGone(const Q& key) const {
    return gone_[0].contains(key) || gone_[1].contains(key);
  }

  bool mayGo(const Entry& entry) const {
    return entry.tag == 0 && settling_.isSettled(entry.generation);
  }

  template <typename HeapOf>
  static std::size_t averageHeap(const Table& table, HeapOf&& heapOf) {
    const std::size_t step = std::max<std::size_t>(table.size() / kSampled, 1);
    std::size_t heap = 0;
    std::size_t sampled = 0;
    for (std::size_t i = 0; i < table.size(); i += step, ++sampled) {
      const auto& [key, entry] = *(table.begin() + i);
      heap += heapOf(key, entry);
    }
    return heap / sampled;
  }

  StateBelow* below_ = nullptr;
  StateId state_{};
  std::uint32_t keyGroups_ = 0;
  KeyGroupRange own_;
  bool mayHold_ = false;
  std::uint64_t keys_ = 0;
  std::string keyBytes_;
  KeySet<K> gone_[2];  // erased in this generation, and in the one before or since
  Settling settling_;

  HeapPerEntry heapPerEntry_;
  std::size_t next_ = 0;  // where letGo() goes on
  // It had found all there was when so much was settled; so many came since that may go at once.
  bool hasFoundAll_ = false;
  std::uint64_t foundAllAt_ = 0;
  std::size_t unchanged_ = 0;

  std::optional<Place> walked_;
  std::string behind_;
};

}  // namespace millrace
