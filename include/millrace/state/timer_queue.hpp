// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <millrace/base/check.hpp>
#include <millrace/base/hash.hpp>
#include <millrace/base/status.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/hash_index.hpp>
#include <millrace/state/heap_bytes.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/settling.hpp>
#include <millrace/state/state_below.hpp>
#include <millrace/state/state_changes.hpp>
#include <millrace/state/state_declaration.hpp>
#include <millrace/state/timers_below.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {
namespace detail {

// One time domain's timers: every timer is a node; a hash index of nodes tells
// whether (key, time) is there, a heap of (time, node) tells which is next.
//
// Deleting only takes the timer out of the index; its node dies in the heap and is
// dropped when it surfaces, or with all the dead ones when they outnumber the living.
//
// Where changes are tracked, a node is tagged with the epoch it was made in, epochs taking
// turns with two tags, until it is written; so a timer that comes and goes within an
// epoch is never written. A node with the other epoch's tag is frozen: new in the epoch
// before and not yet written. It is before it goes. Nodes that are not in use keep their
// tag, and with it their place in a list.
//
// Over a base timers that are settled and far ahead are let go of, and come back before they are
// due: see TimersBelow. What is asked of them meanwhile is looked up there.
template <typename K>
class TimerQueue {
 public:
  bool add(const K& key, Timestamp time) {
    const std::uint64_t hash = hashOf(key, time);
    if (find(key, time, hash) != HashIndex::kNone) return false;
    if (!below_.isWhole() && fetch(key, time)) [[unlikely]]
      return false;
    noteNew(insert(key, time, hash));
    return true;
  }

  bool remove(const K& key, Timestamp time) {
    const std::uint64_t hash = hashOf(key, time);
    const std::uint32_t id = find(key, time, hash);
    if (id == HashIndex::kNone) return !below_.isWhole() && removeBelow(key, time);
    if (logRemoval(nodes_[id]) && below_.isOn()) below_.noteRemoval(key, time);
    nodes_[id].isLive = false;
    index_.erase(hash, id);
    ++dead_;
    dropDeadTop();
    if (dead_ > kFewDead && dead_ > index_.size()) compact();
    return true;
  }

  bool contains(const K& key, Timestamp time) const {
    if (find(key, time, hashOf(key, time)) != HashIndex::kNone) return true;
    return !below_.isWhole() && below_.holds(state_, groupOf(key), key, time);
  }

  std::optional<Timer<K>> popDue(Timestamp upTo) {
    if (!below_.isWhole()) [[unlikely]]
      loadThrough(upTo);
    if (heap_.empty() || heap_.front().time > upTo) return std::nullopt;
    const HeapEntry top = popTop();
    Node& node = nodes_[top.id];
    logRemoval(node);
    below_.notePopped(top.time);
    index_.erase(hashOf(node.key, top.time), top.id);
    std::optional<Timer<K>> due(Timer<K>{std::move(node.key), top.time});
    freeNode(top.id);
    dropDeadTop();
    return due;
  }

  std::optional<Timestamp> next() {
    while (!below_.isWhole() && (heap_.empty() || heap_.front().time > below_.earliestCut())) {
      loadNext();
    }
    return notBefore();
  }

  // No timer is due before, and at that time there may be one; nothing when there is no timer.
  std::optional<Timestamp> notBefore() const {
    const std::optional<Timestamp> cut = below_.earliestCut();
    if (heap_.empty()) return cut;
    return cut ? std::min(*cut, heap_.front().time) : heap_.front().time;
  }

  std::size_t size() const noexcept { return index_.size() + below_.away(); }

  // Those in memory.
  template <typename F>
  void forEach(F&& visit) const {
    for (const Node& node : nodes_) {
      if (node.isLive) visit(node.key, node.time);
    }
  }

  std::size_t memoryBytes() const noexcept {
    return nodes_.capacity() * sizeof(Node) + free_.capacity() * sizeof(std::uint32_t) +
           heap_.capacity() * sizeof(HeapEntry) + index_.memoryBytes() +
           (newNodes_.capacity() + frozenNodes_.capacity()) * sizeof(std::uint32_t) +
           changes_.size() + frozenChanges_.size() + below_.memoryBytes();
  }

  void setStateId(StateId id, std::uint32_t keyGroups) {
    state_ = id;
    keyGroups_ = keyGroups;
  }
  StateId stateId() const noexcept { return state_; }

  void trackChanges() noexcept { tag_ = kFirstTag; }

  // REQUIRES: tracked, no timers yet.
  void setBelow(StateBelow& below, KeyGroupRange groups, bool holdsTimers,
                const TimerLimits& limits) {
    MILLRACE_CHECK(tag_ != 0, "timers that lie over a base have to be tracked");
    below_.set(below, groups, holdsTimers, limits);
  }
  void addAway(std::size_t timers) noexcept { below_.addAway(timers); }

  // What StateBelow::use() is to be told; letGo() can do something about it.
  MemoryUse memoryInUse() {
    below_.forgetSettled(kNoLimit);
    const std::size_t each = sizeof(Node) + sizeof(HeapEntry) + keyHeapBytes();
    const std::size_t all = memoryBytes() + nodes_.size() * keyHeapBytes();
    return {all, std::min(all, newNodes_.size() * each + changes_.size())};
  }

  // Lets go of about so many bytes, if so much is settled; of the timers furthest ahead first, and
  // if of any then of half of what may go, so that it is not looked for over and over.
  void letGo(std::size_t bytes) {
    if (!mayLetGo()) return;
    std::vector<Timestamp> times;
    for (Node& node : nodes_) {
      if (!mayGo(node)) continue;
      node.generation = 0;  // settled for good: its number comes round again
      times.push_back(node.time);
    }
    const std::size_t each = sizeof(Node) + sizeof(HeapEntry) + keyHeapBytes();
    const std::size_t spare = index_.size() - std::min(index_.size(), below_.limits().fewest);
    const std::size_t wanted = std::max(bytes / each + 1, times.size() / 2);
    const std::size_t count = std::min({wanted, spare, times.size()});
    if (count > 0) {
      const auto first = times.end() - static_cast<std::ptrdiff_t>(count);
      std::nth_element(times.begin(), first, times.end());
      below_.cutAll(*first);
    }
    const std::size_t before = index_.size();
    if (isHollow() || (!below_.isWhole() && !times.empty())) letGoBehindCuts();
    const std::size_t gone = before - index_.size();
    looked_ = {below_.base().settledBarrier(), gone >= std::min(spare, times.size())};
    loaded_ = 0;
  }

  void beginSnapshot() {
    MILLRACE_CHECK(tag_ != 0 && frozenNodes_.empty() && frozenChanges_.isEmpty(),
                   "a snapshot of timers begins before the last one is written");
    if (below_.isOn()) settling_.begin(below_.base());
    std::swap(newNodes_, frozenNodes_);
    std::swap(changes_, frozenChanges_);
    tag_ ^= kTags;
  }

  bool writeSnapshot(StateChanges& out, std::size_t limit) {
    const std::size_t before = out.size();
    out.append(std::move(frozenChanges_));
    for (std::size_t nodes = 0; nextFrozen_ < frozenNodes_.size(); ++nodes) {
      if (nodes > 0 && out.size() - before + nodes * kNodeCost >= limit) return true;
      Node& node = nodes_[frozenNodes_[nextFrozen_++]];
      if (!isFrozen(node)) continue;
      node.tag = 0;
      if (node.isLive) logPut(node, out);
    }
    frozenNodes_.clear();
    nextFrozen_ = 0;
    return false;
  }

  void writeAll(StateChanges& out) const {
    for (const Node& node : nodes_) {
      if (node.isLive) logPut(node, out);
    }
  }

  // An entry of this state.
  Status restoreEntry(std::string_view bytes) {
    K key{};
    Timestamp time = 0;
    const bool isRead = readTimer(bytes, key, time);
    return restore(isRead, key, time).status();
  }

  // An entry of the state that held the timers before they were stored in order of time: Serde<K>,
  // then the time. It goes, and the timer is new in this one.
  Status restoreUnorderedEntry(StateId from, KeyGroup group, std::string_view bytes) {
    ByteReader in(bytes);
    K key{};
    Timestamp time = 0;
    const bool isRead = Serde<K>::read(in, key) && in.fixed(time) && in.isAtEnd();
    MILLRACE_ASSIGN_OR_RETURN(const std::uint32_t id, restore(isRead, key, time));
    noteNew(id);
    if (tag_ != 0) changes_.erase(from, group, [&](ByteWriter& out) { out.bytes(bytes); });
    return absl::OkStatus();
  }

 private:
  // Below this many dead timers compacting would cost more than it gives back.
  static constexpr std::size_t kFewDead = 64;
  // What looking at a node costs, in bytes of a snapshot's limit.
  static constexpr std::size_t kNodeCost = 16;
  static constexpr std::size_t kSampledKeys = 64;
  static constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

  static constexpr std::uint8_t kFirstTag = 1;
  static constexpr std::uint8_t kTags = 3;

  struct Node {
    K key;
    Timestamp time;
    bool isLive;
    std::uint8_t tag;         // 0: what is stored of the timer is as it is
    std::uint8_t generation;  // see Settling
  };
  struct HeapEntry {
    Timestamp time;
    std::uint32_t id;
  };
  struct Later {
    bool operator()(const HeapEntry& a, const HeapEntry& b) const noexcept {
      return a.time > b.time;
    }
  };

  static std::uint64_t hashOf(const K& key, Timestamp time) {
    return TimersBelow<K>::hashOf(key, time);
  }

  std::uint32_t find(const K& key, Timestamp time, std::uint64_t hash) const {
    return index_.find(
        hash, [&](std::uint32_t id) { return nodes_[id].time == time && nodes_[id].key == key; });
  }

  // REQUIRES: it is not there.
  std::uint32_t insert(const K& key, Timestamp time, std::uint64_t hash) {
    const std::uint32_t id = newNode(key, time);
    index_.insert(hash, id);
    push(HeapEntry{time, id});
    return id;
  }

  StatusOr<std::uint32_t> restore(bool isRead, const K& key, Timestamp time) {
    const std::uint64_t hash = isRead ? hashOf(key, time) : 0;
    if (isRead && find(key, time, hash) == HashIndex::kNone) return insert(key, time, hash);
    return absl::DataLossError("a timer is damaged, or stored twice");
  }

  std::uint32_t newNode(const K& key, Timestamp time) {
    if (free_.empty()) {
      nodes_.push_back(Node{key, time, true, 0, 0});
      return static_cast<std::uint32_t>(nodes_.size() - 1);
    }
    const std::uint32_t id = free_.back();
    nodes_[id] = Node{key, time, true, nodes_[id].tag, 0};
    free_.pop_back();
    return id;
  }

  bool isFrozen(const Node& node) const noexcept { return node.tag != 0 && node.tag != tag_; }

  void noteNew(std::uint32_t id) {
    if (tag_ == 0) return;
    Node& node = nodes_[id];
    if (node.tag != tag_) newNodes_.push_back(id);
    node.tag = tag_;
    node.generation = static_cast<std::uint8_t>(settling_.generation());
  }

  // False: nothing is stored of it, or nothing is tracked.
  bool logRemoval(Node& node) {
    if (tag_ == node.tag) return false;
    if (isFrozen(node)) logPut(node, frozenChanges_);
    node.tag = 0;
    logErase(node.key, node.time);
    return true;
  }

  void logErase(const K& key, Timestamp time) {
    changes_.erase(state_, groupOf(key), [&](ByteWriter& out) { writeTimer(key, time, out); });
  }

  void logPut(const Node& node, StateChanges& out) const {
    out.put(
        state_, groupOf(node.key), [&](ByteWriter& to) { writeTimer(node.key, node.time, to); },
        [](ByteWriter&) {});
  }

  KeyGroup groupOf(const K& key) const { return keyGroupOf(millraceHash(key), keyGroups_); }

  void freeNode(std::uint32_t id) {
    nodes_[id].isLive = false;
    free_.push_back(id);
  }

  void push(HeapEntry entry) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), Later{});
  }

  HeapEntry popTop() {
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    const HeapEntry top = heap_.back();
    heap_.pop_back();
    return top;
  }

  // Keeps invariant: the top of the heap is a living timer.
  void dropDeadTop() {
    while (!heap_.empty() && !nodes_[heap_.front().id].isLive) {
      freeNode(popTop().id);
      --dead_;
    }
  }

  void compact() {
    const auto isDead = [this](const HeapEntry& entry) {
      if (nodes_[entry.id].isLive) return false;
      freeNode(entry.id);
      return true;
    };
    heap_.erase(std::remove_if(heap_.begin(), heap_.end(), isDead), heap_.end());
    std::make_heap(heap_.begin(), heap_.end(), Later{});
    dead_ = 0;
  }

  // Takes a timer that is below alone into memory, where it is at hand if it is asked for again.
  [[gnu::noinline]] bool fetch(const K& key, Timestamp time) {
    if (!below_.holds(state_, groupOf(key), key, time)) return false;
    takeBack(key, time);
    return true;
  }

  [[gnu::noinline]] bool removeBelow(const K& key, Timestamp time) {
    if (!below_.holds(state_, groupOf(key), key, time)) return false;
    logErase(key, time);
    below_.noteRemoval(key, time);
    below_.cameBack();
    return true;
  }

  void takeBack(const K& key, Timestamp time) {
    const std::uint64_t hash = hashOf(key, time);
    if (find(key, time, hash) != HashIndex::kNone) return;
    // A place that was in use may be in a list of what is to be written; this timer is written.
    nodes_[insert(key, time, hash)].tag = 0;
    below_.cameBack();
    ++loaded_;
  }

  void loadNext() {
    below_.loadNext(state_, [this](const K& key, Timestamp time) { takeBack(key, time); });
  }

  // Until the top of the heap is the next timer, if that is due.
  [[gnu::noinline]] void loadThrough(Timestamp upTo) {
    for (auto cut = below_.earliestCut(); cut && *cut <= upTo; cut = below_.earliestCut()) {
      if (!heap_.empty() && heap_.front().time < *cut) return;
      // Timers of one time come a group at a time, too: there may be many.
      if (!heap_.empty() && heap_.front().time == *cut && !mayBeAway(nodes_[heap_.front().id]))
        return;
      loadNext();
    }
  }

  // Whether the timer is where those need not be in memory that are settled.
  bool mayBeAway(const Node& node) const { return below_.mayHold(groupOf(node.key), node.time); }

  bool mayGo(const Node& node) const {
    return node.isLive && node.tag == 0 && below_.mayBeCutAt(node.time) &&
           settling_.isSettled(node.generation);
  }

  // Places that are not in use would count as memory for ever.
  bool isHollow() const noexcept { return nodes_.capacity() > 4 * index_.size() + kFewDead; }

  // Not before there is something new to let go of: all nodes are looked at.
  bool mayLetGo() const {
    return !looked_.hasAll || isHollow() || looked_.settled != below_.base().settledBarrier() ||
           loaded_ > index_.size() / 4;
  }

  // Makes the tables anew, which gives their memory back.
  void letGoBehindCuts() {
    std::vector<std::uint32_t> places(nodes_.size(), HashIndex::kNone);
    std::vector<Node> kept;
    std::vector<HeapEntry> heap;
    index_.clear();
    for (std::uint32_t id = 0; id < nodes_.size(); ++id) {
      Node& node = nodes_[id];
      if (!node.isLive) continue;
      if (mayGo(node) && mayBeAway(node)) {
        below_.addAway(1);
        continue;
      }
      places[id] = static_cast<std::uint32_t>(kept.size());
      index_.insert(hashOf(node.key, node.time), places[id]);
      heap.push_back(HeapEntry{node.time, places[id]});
      kept.push_back(std::move(node));
    }
    std::make_heap(heap.begin(), heap.end(), Later{});
    nodes_ = std::move(kept);
    heap_ = std::move(heap);
    free_ = {};
    dead_ = 0;
    frozenNodes_.erase(frozenNodes_.begin(),
                       frozenNodes_.begin() + static_cast<std::ptrdiff_t>(nextFrozen_));
    nextFrozen_ = 0;
    renumber(newNodes_, places);
    renumber(frozenNodes_, places);
  }

  static void renumber(std::vector<std::uint32_t>& ids, const std::vector<std::uint32_t>& places) {
    std::size_t kept = 0;
    for (const std::uint32_t id : ids) {
      if (places[id] != HashIndex::kNone) ids[kept++] = places[id];
    }
    ids.resize(kept);
    ids.shrink_to_fit();
  }

  std::size_t keyHeapBytes() {
    if constexpr (std::is_trivially_copyable_v<K>) return 0;
    return heapPerKey_.of(nodes_.size(), [this] {
      const std::size_t step = std::max<std::size_t>(nodes_.size() / kSampledKeys, 1);
      std::size_t heap = 0;
      std::size_t sampled = 0;
      for (std::size_t i = 0; i < nodes_.size(); i += step, ++sampled)
        heap += heapBytes(nodes_[i].key);
      return heap / sampled;
    });
  }

  HashIndex index_;
  std::vector<HeapEntry> heap_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> free_;
  std::size_t dead_ = 0;

  StateId state_{};
  std::uint32_t keyGroups_ = kDefaultKeyGroups;
  std::uint8_t tag_ = 0;  // of the current epoch; 0: not tracked
  std::vector<std::uint32_t> newNodes_;
  std::vector<std::uint32_t> frozenNodes_;
  std::size_t nextFrozen_ = 0;
  StateChanges changes_;        // removals of this epoch
  StateChanges frozenChanges_;  // of the one before; nodes that had to be written early too

  // Over a base.
  TimersBelow<K> below_;
  Settling settling_;
  struct {
    std::uint64_t settled = 0;  // the barrier then
    bool hasAll = false;        // that could go
  } looked_;                    // when letGo() looked last
  std::size_t loaded_ = 0;      // since then
  HeapPerEntry heapPerKey_;
};

}  // namespace detail

}  // namespace millrace
