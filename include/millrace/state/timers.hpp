// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <millrace/base/hash.hpp>
#include <millrace/state/hash_index.hpp>
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
template <typename K>
class TimerQueue {
 public:
  bool add(const K& key, Timestamp time) {
    const std::uint64_t hash = hashOf(key, time);
    if (find(key, time, hash) != HashIndex::kNone) return false;
    const std::uint32_t id = newNode(key, time);
    index_.insert(hash, id);
    push(HeapEntry{time, id});
    return true;
  }

  bool remove(const K& key, Timestamp time) {
    const std::uint64_t hash = hashOf(key, time);
    const std::uint32_t id = find(key, time, hash);
    if (id == HashIndex::kNone) return false;
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
           heap_.capacity() * sizeof(HeapEntry) + index_.memoryBytes();
  }

  void clear() {
    index_.clear();
    heap_.clear();
    nodes_.clear();
    free_.clear();
    dead_ = 0;
  }

 private:
  // Below this many dead timers compacting would cost more than it gives back.
  static constexpr std::size_t kFewDead = 64;

  struct Node {
    K key;
    Timestamp time;
    bool isLive;
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

  std::uint32_t newNode(const K& key, Timestamp time) {
    if (free_.empty()) {
      nodes_.push_back(Node{key, time, true});
      return static_cast<std::uint32_t>(nodes_.size() - 1);
    }
    const std::uint32_t id = free_.back();
    nodes_[id] = Node{key, time, true};
    free_.pop_back();
    return id;
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
///    same for the same sequence of calls.
/// 3. A popped timer is gone: whoever pops it runs it.
/// Thread safety: none; a worker's own. Each operator namespace has its own object.
/// Costs: register and pop O(log n), delete O(1) amortised.
/// REQUIRES: fewer than 2^32 timers a domain at a time.
template <StablyHashable K>
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

  /// Forgets every timer.
  void clear() {
    event_.clear();
    processing_.clear();
  }

 private:
  detail::TimerQueue<K> event_;
  detail::TimerQueue<K> processing_;
};

}  // namespace millrace
