// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/base/check.hpp>
#include <millrace/base/hash.hpp>
#include <millrace/base/status.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/hash_index.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/state_changes.hpp>
#include <millrace/state/state_declaration.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {

/// A timer that is due.
template <typename K>
struct Timer {
  K key;
  Timestamp time;
  friend bool operator==(const Timer&, const Timer&) = default;
};

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
template <typename K>
class TimerQueue {
 public:
  bool add(const K& key, Timestamp time) { return insert(key, time, true); }

  bool remove(const K& key, Timestamp time) {
    const std::uint64_t hash = hashOf(key, time);
    const std::uint32_t id = find(key, time, hash);
    if (id == HashIndex::kNone) return false;
    noteRemoval(nodes_[id]);
    nodes_[id].isLive = false;
    index_.erase(hash, id);
    ++dead_;
    dropDeadTop();
    if (dead_ > kFewDead && dead_ > index_.size()) compact();
    return true;
  }

  bool contains(const K& key, Timestamp time) const {
    return find(key, time, hashOf(key, time)) != HashIndex::kNone;
  }

  std::optional<Timer<K>> popDue(Timestamp upTo) {
    if (heap_.empty() || heap_.front().time > upTo) return std::nullopt;
    const HeapEntry top = popTop();
    Node& node = nodes_[top.id];
    noteRemoval(node);
    index_.erase(hashOf(node.key, top.time), top.id);
    std::optional<Timer<K>> due(Timer<K>{std::move(node.key), top.time});
    freeNode(top.id);
    dropDeadTop();
    return due;
  }

  std::optional<Timestamp> next() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front().time;
  }

  std::size_t size() const noexcept { return index_.size(); }

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
           changes_.size() + frozenChanges_.size();
  }

  void setStateId(StateId id, std::uint32_t keyGroups) {
    state_ = id;
    keyGroups_ = keyGroups;
  }
  StateId stateId() const noexcept { return state_; }

  void trackChanges() noexcept { tag_ = kFirstTag; }

  void beginSnapshot() {
    MILLRACE_CHECK(tag_ != 0 && frozenNodes_.empty() && frozenChanges_.isEmpty(),
                   "a snapshot of timers begins before the last one is written");
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

  Status restoreEntry(std::string_view bytes) {
    ByteReader in(bytes);
    K key{};
    Timestamp time = 0;
    if (Serde<K>::read(in, key) && in.fixed(time) && in.isAtEnd() && insert(key, time, false)) {
      return absl::OkStatus();
    }
    return absl::DataLossError("a timer is damaged, or stored twice");
  }

 private:
  // Below this many dead timers compacting would cost more than it gives back.
  static constexpr std::size_t kFewDead = 64;
  // What looking at a node costs, in bytes of a snapshot's limit.
  static constexpr std::size_t kNodeCost = 16;

  static constexpr std::uint8_t kFirstTag = 1;
  static constexpr std::uint8_t kTags = 3;

  struct Node {
    K key;
    Timestamp time;
    bool isLive;
    std::uint8_t tag;  // 0: what is stored of the timer is as it is
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
    return combineHashes(millraceHash(key), static_cast<std::uint64_t>(time));
  }

  std::uint32_t find(const K& key, Timestamp time, std::uint64_t hash) const {
    return index_.find(
        hash, [&](std::uint32_t id) { return nodes_[id].time == time && nodes_[id].key == key; });
  }

  bool insert(const K& key, Timestamp time, bool isNew) {
    const std::uint64_t hash = hashOf(key, time);
    if (find(key, time, hash) != HashIndex::kNone) return false;
    const std::uint32_t id = newNode(key, time);
    if (tag_ != 0 && isNew) noteNew(id);
    index_.insert(hash, id);
    push(HeapEntry{time, id});
    return true;
  }

  std::uint32_t newNode(const K& key, Timestamp time) {
    if (free_.empty()) {
      nodes_.push_back(Node{key, time, true, 0});
      return static_cast<std::uint32_t>(nodes_.size() - 1);
    }
    const std::uint32_t id = free_.back();
    nodes_[id] = Node{key, time, true, nodes_[id].tag};
    free_.pop_back();
    return id;
  }

  bool isFrozen(const Node& node) const noexcept { return node.tag != 0 && node.tag != tag_; }

  void noteNew(std::uint32_t id) {
    if (nodes_[id].tag != tag_) newNodes_.push_back(id);
    nodes_[id].tag = tag_;
  }

  void noteRemoval(Node& node) {
    if (tag_ == node.tag) return;  // nothing is stored of it, or nothing is tracked
    if (isFrozen(node)) logPut(node, frozenChanges_);
    node.tag = 0;
    changes_.erase(state_, groupOf(node), [&](ByteWriter& out) { writeEntry(node, out); });
  }

  void logPut(const Node& node, StateChanges& out) const {
    out.put(
        state_, groupOf(node), [&](ByteWriter& to) { writeEntry(node, to); }, [](ByteWriter&) {});
  }

  static void writeEntry(const Node& node, ByteWriter& out) {
    Serde<K>::write(node.key, out);
    out.fixed(node.time);
  }

  KeyGroup groupOf(const Node& node) const {
    return keyGroupOf(millraceHash(node.key), keyGroups_);
  }

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
};

}  // namespace detail

/// The timers of one operator instance in one namespace: event-time timers, which
/// the watermark makes due, and processing-time timers, which the clock does.
///
/// Invariants:
/// 1. A timer is unique per (key, time) and domain: registering it again is nothing,
///    deleting one that is not there is nothing.
/// 2. Due timers come out in time order. A timer registered while a sweep goes on,
///    for a time the sweep covers, comes out in the same sweep. [Flink,
///    InternalTimerServiceImpl] Among equal times the order is unspecified, but the
///    same for the same sequence of calls; a checkpoint does not keep it.
/// 3. A popped timer is gone: whoever pops it runs it.
/// 4. The changes of all epochs, one after the other, put into a set give the timers there were
///    at the last barrier. An entry is Serde<K>, then the time (i64); its value is empty.
/// Thread safety: none; a worker's own. Each operator namespace has its own object.
/// Costs: register and pop O(log n), delete O(1) amortised.
/// REQUIRES: fewer than 2^32 timers a domain at a time.
template <typename K>
requires StablyHashable<K> && Serialisable<K>
class Timers {
 public:
  using Key = K;

  /// True when the timer is new.
  bool registerEventTimer(const K& key, Timestamp time) { return event_.add(key, time); }
  bool registerProcessingTimer(const K& key, Timestamp time) { return processing_.add(key, time); }

  /// True when there was one.
  bool deleteEventTimer(const K& key, Timestamp time) { return event_.remove(key, time); }
  bool deleteProcessingTimer(const K& key, Timestamp time) { return processing_.remove(key, time); }

  bool hasEventTimer(const K& key, Timestamp time) const { return event_.contains(key, time); }
  bool hasProcessingTimer(const K& key, Timestamp time) const {
    return processing_.contains(key, time);
  }

  /// Takes out the earliest timer with `time <= watermark`; nothing when none is due.
  /// A sweep is `while (auto timer = popDueEvent(watermark)) ...`, to be broken off
  /// and taken up again at any point.
  std::optional<Timer<K>> popDueEvent(Timestamp watermark) { return event_.popDue(watermark); }
  std::optional<Timer<K>> popDueProcessing(Timestamp now) { return processing_.popDue(now); }

  /// When the next timer is due; nothing when there is no timer.
  std::optional<Timestamp> nextEventTime() const { return event_.next(); }
  std::optional<Timestamp> nextProcessingTime() const { return processing_.next(); }

  /// Timers waiting.
  std::size_t pendingEventTimers() const noexcept { return event_.size(); }
  std::size_t pendingProcessingTimers() const noexcept { return processing_.size(); }

  /// Calls `visit(const K&, Timestamp)` for every timer, in no particular order.
  /// `visit` must not change the timers.
  template <typename F>
  void forEachEventTimer(F&& visit) const {
    event_.forEach(visit);
  }
  template <typename F>
  void forEachProcessingTimer(F&& visit) const {
    processing_.forEach(visit);
  }

  /// Memory held, without what the keys hold on the heap.
  std::size_t memoryBytes() const noexcept {
    return event_.memoryBytes() + processing_.memoryBytes();
  }

  /// Which ids stand for the timers of each domain as states.
  void setStateIds(StateId event, StateId processing, std::uint32_t keyGroups) {
    event_.setStateId(event, keyGroups);
    processing_.setStateId(processing, keyGroups);
  }

  /// Notes from now on what changes. REQUIRES: setStateIds(), no timers yet.
  void trackChanges() noexcept {
    event_.trackChanges();
    processing_.trackChanges();
  }

  /// As KeyedStateStore has them.
  void beginSnapshot() {
    event_.beginSnapshot();
    processing_.beginSnapshot();
  }
  bool writeSnapshot(StateChanges& out, std::size_t limit) {
    return event_.writeSnapshot(out, limit) || processing_.writeSnapshot(out, limit);
  }
  void writeAll(StateChanges& out) const {
    event_.writeAll(out);
    processing_.writeAll(out);
  }

  /// True for the ids of setStateIds().
  bool isState(StateId id) const noexcept {
    return id == event_.stateId() || id == processing_.stateId();
  }
  /// Puts a timer back; it counts as unchanged. REQUIRES: isState(state). kDataLoss: the bytes
  /// are damaged, or the timer is there already.
  Status restoreEntry(StateId state, std::string_view key) {
    return (state == event_.stateId() ? event_ : processing_).restoreEntry(key);
  }

 private:
  detail::TimerQueue<K> event_;
  detail::TimerQueue<K> processing_;
};

}  // namespace millrace
