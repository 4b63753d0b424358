// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <millrace/base/hash.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/state_changes.hpp>

namespace millrace {

/// In which epoch an entry was last changed, as far as it matters to the snapshot under way.
using EpochTag = std::uint8_t;

/// What an operator remembers between two barriers so that a checkpoint costs what has changed.
///
/// Each entry carries a tag, 0 at first. Before an entry is changed its tag is held against tag():
/// if they differ, this is its first change in the epoch, and it is noted. If the tag is that of
/// the frozen epoch, the barrier has been and the entry is not written yet: then it is written
/// first, as it was. So a barrier copies nothing, and a snapshot shows one instant.
///
/// Until turnOn() tag() is 0, no entry ever differs, and nothing is noted.
/// Thread safety: none; a worker's own.
class EpochChanges {
 public:
  /// REQUIRES: no entry yet, or only such as a checkpoint brought back.
  void turnOn(StateId state, std::uint32_t keyGroups) {
    state_ = state;
    keyGroups_ = keyGroups;
    tag_ = 1;
  }
  bool isOn() const noexcept { return tag_ != 0; }
  EpochTag tag() const noexcept { return tag_; }
  /// Of an entry that is not of this epoch.
  static bool isFrozen(EpochTag tag) noexcept { return tag != 0; }

  StateId state() const noexcept { return state_; }
  std::uint32_t keyGroups() const noexcept { return keyGroups_; }

  /// The operations of this epoch, and those of the epoch that is being written down.
  StateChanges& current() noexcept { return current_; }
  StateChanges& frozen() noexcept { return frozen_; }
  const StateChanges& current() const noexcept { return current_; }
  const StateChanges& frozen() const noexcept { return frozen_; }

  /// The barrier. REQUIRES: no entry has the frozen epoch's tag any more.
  void freeze() {
    if (!isOn()) return;
    frozen_ = std::exchange(current_, {});
    tag_ = static_cast<EpochTag>(3 - tag_);
  }

 private:
  StateId state_{};
  std::uint32_t keyGroups_ = 0;
  EpochTag tag_ = 0;
  StateChanges current_;
  StateChanges frozen_;
};

/// Reads a count that an instance had written and adds it to `count` if this instance `takes`
/// counts: of all that go on from it, one does. False: it is not there.
inline bool readCount(ByteReader& in, bool takes, std::uint64_t& count) {
  std::uint64_t earlier = 0;
  if (!in.fixed(earlier)) return false;
  if (takes) count += earlier;
  return true;
}

/// EpochChanges for a table by key: which keys have changed. A table's entry has a member `tag`. It
/// may have `bool isEmpty() const` too: an empty entry is erased from what is stored, and stays in
/// the table until the snapshot has come to it, so that a key that comes and goes costs one
/// operation an epoch. And it may have a member `generation`, where setGeneration() is noted when
/// it changes.
template <typename K>
class KeyChanges {
 public:
  /// Writes everything at once.
  static constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1) / 2;

  void turnOn(StateId state, std::uint32_t keyGroups) { epoch_.turnOn(state, keyGroups); }
  bool isOn() const noexcept { return epoch_.isOn(); }
  EpochTag tag() const noexcept { return epoch_.tag(); }

  StateId state() const noexcept { return epoch_.state(); }
  std::uint32_t keyGroups() const noexcept { return epoch_.keyGroups(); }

  /// From here on; see Settling. REQUIRES: freeze() just before, or no changes yet.
  void setGeneration(std::uint8_t generation) noexcept { generation_ = generation; }

  /// The operations of this epoch that are not the table's entries as they are at its end.
  StateChanges& current() noexcept { return epoch_.current(); }

  /// To be called before `entry`, that of `key`, is changed; `write(const Entry&, ByteWriter&)`.
  template <typename Entry, typename Write>
  void touch(const K& key, Entry& entry, Write&& write) {
    if (entry.tag == epoch_.tag()) [[likely]]
      return;
    note(key, entry, write);
  }

  /// To be called before the entry of `key` goes, after touch().
  void erase(const K& key) {
    if (isOn()) eraseFrom(epoch_.current(), key);
  }

  void freeze() {
    epoch_.freeze();
    frozenKeys_.swap(currentKeys_);
    currentKeys_.clear();
    next_ = 0;
  }

  /// Appends about `limit` bytes of what is frozen of `table`, a map from K to entries, and takes
  /// the empty entries out of it, each after `onErased(key)`. True: there is more.
  template <typename Table, typename Write, typename OnErased>
  bool write(StateChanges& out, std::size_t limit, Table& table, Write&& write,
             OnErased&& onErased) {
    // What was erased comes first: a key that came back has its value behind that.
    out.append(std::move(epoch_.frozen()));
    const std::size_t end = out.size() + limit;
    for (; next_ < frozenKeys_.size(); ++next_) {
      if (out.size() >= end) return true;
      const K& key = frozenKeys_[next_];
      const auto it = table.find(key);
      if (it == table.end() || it->second.tag == 0 || it->second.tag == epoch_.tag()) continue;
      put(out, key, it->second, write);
      it->second.tag = 0;
      if (!isEmpty(it->second)) continue;
      onErased(key);
      table.erase(it);
    }
    frozenKeys_.clear();
    next_ = 0;
    return false;
  }
  template <typename Table, typename Write>
  bool write(StateChanges& out, std::size_t limit, Table& table, Write&& write) {
    return this->write(out, limit, table, write, [](const K&) {});
  }

  /// Before all entries of `table` go at once, and with them whatever is stored of the state in
  /// `groups`. They need no touch() any more, from here on until the table is empty.
  /// REQUIRES: isOn(), and no barrier before the table is empty.
  template <typename Table, typename Write>
  void eraseAll(Table& table, KeyGroupRange groups, Write&& write) {
    StateChanges frozen;
    this->write(frozen, kNoLimit, table, write);
    epoch_.frozen() = std::move(frozen);
    currentKeys_.clear();
    epoch_.current().clear();
    epoch_.current().dropThrough(epoch_.state(), groups, kMaxTimestamp);
  }

  /// Appends operations to what is frozen, to be written with it.
  void appendFrozen(StateChanges&& more) { epoch_.frozen().append(std::move(more)); }

  /// Entries that have changed since the barrier, some of which may be gone.
  std::size_t changedKeys() const noexcept { return currentKeys_.size(); }
  /// Memory held, without what the keys hold on the heap; and of that, for what has changed since
  /// the barrier.
  std::size_t memoryBytes() const noexcept {
    return currentBytes() + frozenKeys_.size() * sizeof(K) + epoch_.frozen().size();
  }
  std::size_t currentBytes() const noexcept {
    return currentKeys_.size() * sizeof(K) + epoch_.current().size();
  }

 private:
  KeyGroup groupOf(const K& key) const { return keyGroupOf(millraceHash(key), epoch_.keyGroups()); }

  void eraseFrom(StateChanges& out, const K& key) const {
    out.erase(epoch_.state(), groupOf(key), [&](ByteWriter& to) { Serde<K>::write(key, to); });
  }

  template <typename Entry, typename Write>
  [[gnu::noinline]] void note(const K& key, Entry& entry, Write&& write) {
    if (EpochChanges::isFrozen(entry.tag)) put(epoch_.frozen(), key, entry, write);
    entry.tag = epoch_.tag();
    if constexpr (requires { entry.generation; }) entry.generation = generation_;
    currentKeys_.push_back(key);
  }

  template <typename Entry>
  static bool isEmpty(const Entry& entry) {
    if constexpr (requires { entry.isEmpty(); }) return entry.isEmpty();
    return false;
  }

  template <typename Entry, typename Write>
  void put(StateChanges& out, const K& key, const Entry& entry, Write&& write) const {
    if (isEmpty(entry)) return eraseFrom(out, key);
    out.put(
        epoch_.state(), groupOf(key), [&](ByteWriter& to) { Serde<K>::write(key, to); },
        [&](ByteWriter& to) { write(entry, to); });
  }

  EpochChanges epoch_;
  std::uint8_t generation_ = 0;
  std::vector<K> currentKeys_;
  std::vector<K> frozenKeys_;
  std::size_t next_ = 0;  // of frozenKeys_
};

}  // namespace millrace
