// SPDX-License-Identifier: MIT
#pragma once

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/base/hash.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/epoch_changes.hpp>
#include <millrace/state/group_times.hpp>
#include <millrace/state/heap_bytes.hpp>
#include <millrace/state/state_below.hpp>
#include <millrace/state/timer_queue.hpp>
#include <millrace/time/timestamp.hpp>
#include <millrace/window/aggregates.hpp>
#include <millrace/window/slice_table.hpp>
#include <millrace/window/table_below.hpp>
#include <millrace/window/windows.hpp>

namespace millrace {

/// The state of one task of a session aggregation. A record opens `[t, t + gap)` and is merged
/// with the sessions of its key which that touches or overlaps; accumulators merge with them.
/// Rules as in Flink's MergingWindowSet and WindowOperator:
///
///  - A session is there until `maxTimestamp + allowedLateness <= watermark`; until then any record
///    that touches it joins it, so that a record at exactly last + gap extends it. After that such
///    a record opens a session of its own.
///  - A record is late when the session it would be part of is closed already.
///  - A session extended beyond the watermark fires again when that reaches its new end; one that
///    a record joined without that fires again at once.
///
/// Use, thread safety and invariants as SlicedWindows; panes are told in the order of session ends.
/// The common record, which extends its key's only session, costs one look-up: no allocation, and
/// no timer (a key's timer is put right when it goes off).
template <typename K, typename In, typename Agg>
requires Aggregate<Agg, In> && Mergeable<Agg> && StablyHashable<K>
class MergingSessions {
 public:
  using Key = K;
  using Accumulator = AccumulatorOf<Agg>;
  using Result = WindowResult<K, AggregateResult<Agg>>;

  /// REQUIRES: windows.validate() and options.validate() are ok.
  MergingSessions(SessionWindows windows, Agg aggregate, WindowOptions options = {})
      : gap_(windows.gap.count()),
        aggregate_(std::move(aggregate)),
        options_(options),
        tracksKeys_(options.early.kind == EarlyFiring::Kind::kEventTime ||
                    options.early.kind == EarlyFiring::Kind::kProcessingTime),
        hasEarly_(options.early.kind != EarlyFiring::Kind::kNone) {}

  /// Offers a record; `key` as in SlicedWindows::add.
  template <typename Q>
  AddResult add(const Q& key, const In& in, Timestamp t) {
    const Timestamp start = std::min(t, kMaxTimestamp - 1);
    const Timestamp end = saturatingAdd(start, gap_);
    auto it = keys_.find(key);
    if (it == keys_.end()) {
      if (below_.mayHold()) [[unlikely]]
        it = fetch(key);
      if (it == keys_.end()) return open(key, in, start, end);
    }
    touch(it);
    Session& newest = it->second.sessions.back();
    if (start >= newest.start && start <= newest.end && !newest.hasFired && !hasEarly_) [[likely]] {
      aggregate_.add(newest.accumulator, in);
      ++newest.records;
      ++held_;
      newest.end = std::max(newest.end, end);  // its timer goes off too early, and is set anew then
      return {};
    }
    return join(it, in, start, end);
  }

  /// See SlicedWindows::addBatch.
  template <typename KeyAt, typename InAt, typename TimeAt, typename OnOther>
  void addBatch(std::size_t n, KeyAt&& keyAt, InAt&& inAt, TimeAt&& timeAt, OnOther&& onOther) {
    const bool prefetches = keys_.size() * sizeof(typename Keys::value_type) > kCached;
    for (std::size_t i = 0; i < n; ++i) {
      if (prefetches) {
        if (i + kPlaceAhead < n) keys_.prefetch(stableHashOf(keyAt(i + kPlaceAhead)));
        if (i + kElementAhead < n) keys_.prefetchElement(stableHashOf(keyAt(i + kElementAhead)));
      }
      const AddResult result = add(keyAt(i), inAt(i), timeAt(i));
      if (result != AddResult{}) [[unlikely]]
        onOther(i, result);
    }
  }

  /// Tells the pane that the last add has called for. emit(Result&&).
  /// REQUIRES: the last add was of `key` and answered `due`.
  template <typename Q, typename Emit>
  void emitDue(const Q& key, Emit&& emit) {
    const auto it = keys_.find(key);
    touch(it);
    Session& session = it->second.sessions[due_];
    tell(it->first, session, session.hasFired ? Pane::kLate : Pane::kEarly, emit);
  }

  /// See SlicedWindows::advance.
  void advance(Timestamp watermark, bool endOfInput = false) {
    if (watermark <= watermark_) return;
    watermark_ = watermark;
    // The end of the input says nothing of time: in another run there may be more of it.
    if (watermark != kMaxTimestamp) groupTimes_.pass(watermark);
    firingPane_ = endOfInput && watermark == kMaxTimestamp ? Pane::kEndOfInput : Pane::kOnTime;
  }

  /// See SlicedWindows::fire. Over a base the end of the input tells sessions in the order in which
  /// that has their keys, for there may be many.
  template <typename Emit>
  bool fire(Emit&& emit, std::size_t limit) {
    std::size_t budget = limit;
    if constexpr (kCanBeKept) {
      if (below_.isOn()) [[unlikely]] {
        return watermark_ == kMaxTimestamp ? fireRest(emit, budget) : fireOverBase(emit, budget);
      }
    }
    while (!timers_.empty() && timers_.front().time <= watermark_) {
      if (budget == 0) return true;
      prefetchNextTimers();
      const Timer due = timers_.front();
      const auto it = keys_.findHashed(
          due.hash, [&](const auto& entry) { return entry.second.timer == due.time; });
      if (it == keys_.end())
        dropFirstTimer();
      else
        onTimer(it, emit, budget);
    }
    return false;
  }

  /// See SlicedWindows::fireEarly.
  template <typename Emit>
  bool fireEarly(Emit&& emit, std::size_t limit) {
    std::size_t budget = limit;
    for (; !dirty_.empty(); dirty_.pop_back()) {
      if (budget == 0) return true;
      lookAfterMemory();
      const auto it = findOrFetch(dirty_.back());
      if (it == keys_.end()) continue;
      touch(it);
      it->second.isDirty = false;
      for (Session& session : it->second.sessions) {
        if (session.hasFired || session.told == session.records) continue;
        tell(it->first, session, Pane::kEarly, emit);
        if (budget != 0) --budget;
      }
    }
    return false;
  }

  Timestamp watermark() const { return watermark_; }
  const Agg& aggregate() const { return aggregate_; }

  /// As SlicedWindows; a record is released with its session.
  std::uint64_t acceptedRecords() const { return held_ + released_; }
  /// Over a base those of all instances together that count, modulo 2^64: after a change of workers
  /// one of them counts what is below for all.
  std::uint64_t heldRecords() const { return held_; }
  std::uint64_t releasedRecords() const { return released_; }
  std::uint64_t heldKeys() const { return keys_.size() + below_.keys(); }

  // --- checkpoints; see Operator::beginSnapshot() and what follows it

  /// Without a Serde of key and accumulator nothing can be kept, and none of the following is
  /// there.
  static constexpr bool kCanBeKept = Serialisable<K> && Serialisable<Accumulator>;

  std::string stateKind() const { return "sessions with a gap of " + std::to_string(gap_) + " ms"; }

  /// Notes from here on what changes.
  void keepChanges(StateId state, std::uint32_t keyGroups, KeyGroupRange own) requires kCanBeKept {
    changes_.turnOn(state, keyGroups);
    own_ = own;
  }
  /// The state that the timers have, which are kept over a base alone. `holdsTimers`: there are
  /// some. REQUIRES: after keepChanges().
  void setTimersState(StateId timers, bool holdsTimers) requires kCanBeKept {
    timersState_ = timers;
    holdsTimers_ = holdsTimers;
  }

  /// Lets settled sessions go when memory is short; `holdsEntries`: there are some below.
  /// REQUIRES: keepChanges(), setTimersState(), no sessions yet; `below` outlives this.
  void setBelow(StateBelow& below, bool holdsEntries) requires kCanBeKept {
    below_.set(below, changes_.state(), changes_.keyGroups(), own_, holdsEntries);
    changes_.setGeneration(below_.generation());
    setTimersBelow(holdsTimers_);
  }

  /// False: new records should wait.
  bool keepWithinMemory() requires kCanBeKept {
    if (!below_.isOn()) return true;
    MemoryUse table = below_.memoryInUse(keys_, changes_, &heapBytesOf);
    table.bytes += dirty_.size() * sizeof(K);
    const MemoryUse timers = timersBelow_.memoryInUse();
    const MemoryUse all = table + timers;
    if (const std::size_t excess = below_.base().use(all.bytes, all.changedBytes); excess > 0) {
      const std::size_t wanted = atLeastAnEighth(excess, all.bytes);
      if (!isEnding_) below_.letGo(keys_, shareOf(wanted, table.bytes, all.bytes));
      timersBelow_.letGo(shareOf(wanted, timers.bytes, all.bytes));
    }
    return below_.base().hasRoom();
  }

  /// Once the positions are read: else restore() has to be called for each entry. Keys to be told
  /// of early are found by looking at all.
  bool fetchesOnDemand(StateId state) const {
    return below_.isOn() &&
           (state == timersState_ || (haveTimers_.value_or(false) && !tracksKeys_));
  }

  void freeze() requires kCanBeKept {
    changes_.freeze();
    if (!below_.isOn()) return;
    changes_.setGeneration(below_.noteBarrier());
    timersBelow_.beginSnapshot();
  }

  bool writeFrozen(StateChanges& out, std::size_t limit) requires kCanBeKept {
    return changes_.write(out, limit, keys_, &writeSessions) ||
           (below_.isOn() && timersBelow_.writeSnapshot(out, limit));
  }

  /// What the operator has to remember besides its entries: records released, records held, keys
  /// held, whether there are timers among the entries.
  void writePosition(ByteWriter& out) const {
    out.fixed(released_);
    out.fixed(heldRecords());
    out.fixed(heldKeys());
    Serde<bool>::write(below_.isOn(), out);
  }
  /// `takesCounts`: for one of the instances.
  bool readPosition(ByteReader& in, bool takesCounts) {
    if (!readCount(in, takesCounts, released_)) return false;
    bool hasTimers = false;
    if (!in.isAtEnd()) {  // older ones end here
      std::uint64_t keys = 0;
      const bool takes = takesCounts && below_.isOn();
      if (!readCount(in, takes, held_) || !readCount(in, takes, keys)) return false;
      if (!Serde<bool>::read(in, hasTimers)) return false;
      below_.addKeys(keys);
    }
    haveTimers_ = haveTimers_.value_or(true) && hasTimers;
    if (!fetchesOnDemand(changes_.state())) {  // what is put back is counted then
      held_ = 0;
      below_.expectAll();
    }
    return true;
  }

  /// See SlicedWindows.
  void restoreWatermark(Timestamp watermark, GroupTimes groupTimes = GroupTimes()) {
    watermark_ = watermark;
    groupTimes_ = std::move(groupTimes);
    groupTimes_.pass(watermark);
  }
  const GroupTimes& groupTimes() const { return groupTimes_; }

  /// Puts back what writeFrozen() put. False: the bytes are damaged.
  /// REQUIRES: restoreWatermark() has been called.
  bool restore(std::string_view keyBytes, std::string_view value) requires kCanBeKept {
    K key{};
    KeySessions entry;
    if (!fromBytes(keyBytes, key) || !readSessions(value, entry)) return false;
    for (const Session& session : entry.sessions) held_ += session.records;
    if (entry.isDirty) dirty_.push_back(key);
    if (!below_.isOn() || !haveTimers_.value_or(false)) setTimer(key, entry.timer);
    if (!keys_.emplace(std::move(key), std::move(entry)).second) return false;
    if (below_.isOn() && below_.noteRestored()) keepWithinMemory();
    return true;
  }

  /// The same of an entry of the timers' state, which is of no use in memory: they all go.
  void restoreTimer() requires kCanBeKept {
    if (std::exchange(areTimersErased_, true)) return;
    changes_.current().dropThrough(timersState_, own_, kMaxTimestamp);
  }

 private:
  struct Session {
    Timestamp start;
    Timestamp end;  // last + gap
    Accumulator accumulator;
    std::uint64_t records = 0;
    std::uint64_t told = 0;  // of them, in a pane
    bool hasFired = false;   // the watermark has reached this end
  };
  struct KeySessions {
    absl::InlinedVector<Session, 1> sessions;  // by time, never touching; at least one
    Timestamp timer = kMaxTimestamp;           // no later than anything due for the key
    bool isDirty = false;                      // it is in dirty_
    EpochTag tag = 0;
    std::uint8_t generation = 0;  // see Settling
  };
  using Keys = KeyTable<K, KeySessions>;
  // A key has one that counts, with the time of KeySessions::timer; others are left-overs. Of keys
  // with the same hash and time each has its own: the first to go off serves one of them.
  struct Timer {
    Timestamp time;
    std::uint64_t hash;  // of the key
  };
  struct Later {
    bool operator()(const Timer& a, const Timer& b) const { return a.time > b.time; }
  };

  static constexpr std::size_t kPlaceAhead = 12;
  static constexpr std::size_t kElementAhead = 6;
  static constexpr std::size_t kCached = std::size_t{256} << 10;
  static constexpr std::size_t kFetchesBetweenLooks = 256;

  void touch(typename Keys::iterator it) {
    if constexpr (kCanBeKept) changes_.touch(it->first, it->second, &writeSessions);
  }

  // Number of sessions, then of each: bounds, records, how many of them are told, whether it has
  // fired, accumulator.
  static void writeSessions(const KeySessions& entry, ByteWriter& out) {
    out.length(entry.sessions.size());
    for (const Session& session : entry.sessions) {
      out.fixed(session.start);
      out.fixed(session.end);
      out.fixed(session.records);
      out.fixed(session.told);
      Serde<bool>::write(session.hasFired, out);
      Serde<Accumulator>::write(session.accumulator, out);
    }
  }

  bool readSessions(std::string_view bytes, KeySessions& entry) const {
    ByteReader in(bytes);
    std::size_t count = 0;
    if (!in.count(1, count) || count == 0) return false;
    for (; count > 0; --count) {
      Session session{0, 0, aggregate_.create()};
      if (!in.fixed(session.start) || !in.fixed(session.end) || !in.fixed(session.records) ||
          !in.fixed(session.told) || !Serde<bool>::read(in, session.hasFired) ||
          !Serde<Accumulator>::read(in, session.accumulator)) {
        return false;
      }
      entry.timer = std::min(entry.timer, nextDue(session));
      const bool isTold = session.hasFired || session.told == session.records;
      entry.isDirty = entry.isDirty || (tracksKeys_ && !isTold);
      entry.sessions.push_back(std::move(session));
    }
    return in.isAtEnd();
  }

  bool isClosed(Timestamp end, Timestamp now) const { return cleanup(end) <= now; }
  Timestamp cleanup(Timestamp end) const {
    return saturatingAdd(end - 1, options_.allowedLateness.count());
  }
  Timestamp nextDue(const Session& session) const {
    return session.hasFired ? cleanup(session.end) : session.end - 1;
  }

  // --- records in

  // Event time as it has come for a key.
  template <typename Q>
  Timestamp timeOf(const Q& key) const {
    if (groupTimes_.isEmpty()) [[likely]]
      return watermark_;
    return std::max(watermark_,
                    groupTimes_.of(keyGroupOf(stableHashOf(key), changes_.keyGroups())));
  }

  // The first session of a key.
  template <typename Q>
  AddResult open(const Q& key, const In& in, Timestamp start, Timestamp end) {
    if (isClosed(end, timeOf(key))) return {Placement::kLate, false};
    const auto it = keys_.findOrDefault(key);
    if constexpr (kCanBeKept) {
      if (below_.isOn()) below_.noteNew(key);
    }
    touch(it);
    it->second.sessions.push_back(Session{start, end, aggregate_.create()});
    return settle(it, 0, in, true);
  }

  AddResult join(typename Keys::iterator it, const In& in, Timestamp start, Timestamp end) {
    auto& sessions = it->second.sessions;
    const auto first = std::partition_point(sessions.begin(), sessions.end(),
                                            [=](const Session& s) { return s.end < start; });
    const auto last = std::partition_point(first, sessions.end(),
                                           [=](const Session& s) { return s.start <= end; });
    const auto index = static_cast<std::size_t>(first - sessions.begin());
    if (first == last) {
      if (isClosed(end, timeOf(it->first))) return {Placement::kLate, false};
      sessions.insert(first, Session{start, end, aggregate_.create()});
    } else {
      for (auto other = std::next(first); other != last; ++other) absorb(*first, *other);
      first->start = std::min(first->start, start);
      first->end = std::max(first->end, end);
      sessions.erase(std::next(first), last);
    }
    return settle(it, index, in, false);
  }

  void absorb(Session& into, const Session& other) const {
    into.end = other.end;
    into.records += other.records;
    into.told += other.told;
    aggregate_.merge(into.accumulator, other.accumulator);
  }

  // The session at `index` has its bounds; now the record goes in.
  AddResult settle(typename Keys::iterator it, std::size_t index, const In& in, bool isNewKey) {
    KeySessions& entry = it->second;
    Session& session = entry.sessions[index];
    aggregate_.add(session.accumulator, in);
    ++session.records;
    ++held_;
    session.hasFired = session.end - 1 <= timeOf(it->first);
    if (const Timestamp due = nextDue(session); due < entry.timer || isNewKey) {
      entry.timer = due;
      setTimer(it->first, entry.timer);
    }
    if (tracksKeys_ && !entry.isDirty) {
      entry.isDirty = true;
      dirty_.push_back(it->first);
    }
    due_ = index;
    const bool isEarly = options_.early.kind == EarlyFiring::Kind::kRecords &&
                         session.records - session.told >= options_.early.records;
    return {Placement::kAccepted, session.hasFired || isEarly};
  }

  // --- results out

  template <typename Emit>
  void tell(const K& key, Session& session, Pane pane, Emit&& emit) {
    emit(Result{key, aggregate_.result(session.accumulator), session.start, session.end, pane});
    session.told = session.records;
    if (options_.discarding) session.accumulator = aggregate_.create();
  }

  // Tells what is due for a key at `time` and lets go of what is closed. Returns when to look
  // again.
  template <typename Emit>
  Timestamp tellDue(typename Keys::iterator it, Timestamp time, Emit&& emit, std::size_t& budget) {
    auto& sessions = it->second.sessions;
    Timestamp next = kMaxTimestamp;
    for (auto session = sessions.begin(); session != sessions.end();) {
      if (!session->hasFired && session->end - 1 <= time) {
        touch(it);
        session->hasFired = true;
        if (!options_.discarding || session->told != session->records) {
          tell(it->first, *session, firingPane_, emit);
          --budget;
        }
      }
      if (session->hasFired && isClosed(session->end, watermark_)) {
        touch(it);
        release(*session);
        session = sessions.erase(session);
      } else {
        next = std::min(next, nextDue(*session));
        ++session;
      }
    }
    return next;
  }

  template <typename Emit>
  void onTimer(typename Keys::iterator it, Emit&& emit, std::size_t& budget) {
    const Timestamp next = tellDue(it, it->second.timer, emit, budget);
    if (it->second.sessions.empty()) {
      if constexpr (kCanBeKept) changes_.erase(it->first);
      keys_.erase(it);
      dropFirstTimer();
    } else {
      it->second.timer = next;
      moveFirstTimer(next);
    }
  }

  void release(const Session& session) {
    held_ -= session.records;
    released_ += session.records;
  }

  void setTimer(const K& key, Timestamp time) {
    if constexpr (kCanBeKept) {
      if (below_.isOn()) return static_cast<void>(timersBelow_.add(key, time));
    }
    timers_.push_back({time, stableHashOf(key)});
    std::push_heap(timers_.begin(), timers_.end(), Later{});
  }
  void dropFirstTimer() {
    std::pop_heap(timers_.begin(), timers_.end(), Later{});
    timers_.pop_back();
  }
  // The next one is a child of the first in the heap, those after it are theirs.
  void prefetchNextTimers() const {
    if (keys_.size() * sizeof(typename Keys::value_type) <= kCached) return;
    for (std::size_t i = 3; i < std::min<std::size_t>(7, timers_.size()); ++i)
      keys_.prefetch(timers_[i].hash);
    for (std::size_t i = 1; i < std::min<std::size_t>(3, timers_.size()); ++i)
      keys_.prefetchElement(timers_[i].hash);
  }
  void moveFirstTimer(Timestamp time) {
    std::pop_heap(timers_.begin(), timers_.end(), Later{});
    timers_.back().time = time;
    std::push_heap(timers_.begin(), timers_.end(), Later{});
  }

  // --- over a base

  // end() when there is none.
  template <typename Q>
  [[gnu::noinline]] typename Keys::iterator fetch(const Q& key) {
    if constexpr (kCanBeKept) {
      if (below_.read(key, fetched_)) {
        KeySessions entry;
        if (!readSessions(fetched_, entry)) below_.failDamaged();
        below_.noteFetched();
        return keys_.emplace(K(plainKey(key)), std::move(entry)).first;
      }
    }
    return keys_.end();
  }

  typename Keys::iterator findOrFetch(const K& key) {
    const auto it = keys_.find(key);
    return it == keys_.end() && below_.mayHold() ? fetch(key) : it;
  }

  // Timers of a key that has none, or another by now, do no harm: all that counts is that each key
  // has one that is no later than what is due for it.
  template <typename Emit>
  bool fireOverBase(Emit&& emit, std::size_t& budget) {
    while (budget > 0) {
      lookAfterMemory();
      const auto due = timersBelow_.popDue(watermark_);
      if (!due) return false;
      const auto it = findOrFetch(due->key);
      if (it == keys_.end()) continue;
      const Timestamp next = tellDue(it, due->time, emit, budget);
      if (it->second.sessions.empty()) {
        changes_.erase(it->first);
        below_.noteErased(it->first);
        keys_.erase(it);
      } else {
        it->second.timer = next;
        timersBelow_.add(due->key, next);
      }
    }
    return true;
  }

  // Everything is told and goes. One key after the other as the base has them, for fetching each by
  // its timer, and noting that it goes, would take long and much memory.
  template <typename Emit>
  bool fireRest(Emit&& emit, std::size_t& budget) {
    if (!isEnding_) {
      isEnding_ = true;
      changes_.eraseAll(keys_, own_, &writeSessions);
    }
    if (budget == 0) return true;
    const auto show = [&](const K& key, std::string_view value) {
      KeySessions entry;
      if (!readSessions(value, entry)) below_.failDamaged();
      tellRest(key, entry, emit, budget);
      return budget > 0;
    };
    if (below_.mayHold() && below_.walk(keys_, show)) return true;
    for (; !keys_.empty(); keys_.erase(keys_.end() - 1)) {
      if (budget == 0) return true;
      tellRest(keys_.end()[-1].first, keys_.end()[-1].second, emit, budget);
    }
    below_.noteAllErased();
    dirty_.clear();
    eraseTimers();
    isEnding_ = false;
    return false;
  }

  template <typename Emit>
  void tellRest(const K& key, KeySessions& entry, Emit&& emit, std::size_t& budget) {
    for (Session& session : entry.sessions) {
      if (!session.hasFired && !(options_.discarding && session.told == session.records)) {
        tell(key, session, firingPane_, emit);
        if (budget > 0) --budget;
      }
      release(session);
    }
  }

  void eraseTimers() {
    StateChanges frozen;
    timersBelow_.writeSnapshot(frozen, KeyChanges<K>::kNoLimit);
    changes_.appendFrozen(std::move(frozen));
    changes_.current().dropThrough(timersState_, own_, kMaxTimestamp);
    timersBelow_ = {};
    setTimersBelow(false);
  }

  void setTimersBelow(bool holdsTimers) {
    timersBelow_.setStateId(timersState_, changes_.keyGroups());
    timersBelow_.trackChanges();
    timersBelow_.setBelow(below_.base(), own_, holdsTimers, {});
  }

  // While many keys are fetched at a time.
  void lookAfterMemory() {
    if constexpr (kCanBeKept) {
      if (below_.isOn() && ++fetches_ % kFetchesBetweenLooks == 0) keepWithinMemory();
    }
  }

  static std::size_t heapBytesOf(const K& key, const KeySessions& entry) {
    const auto& sessions = entry.sessions;
    std::size_t bytes = heapBytes(key);
    if (sessions.capacity() > 1) bytes += sessions.capacity() * sizeof(Session);
    for (const Session& session : sessions) bytes += heapBytes(session.accumulator);
    return bytes;
  }

  // Constant.
  const std::int64_t gap_;
  const Agg aggregate_;
  const WindowOptions options_;
  const bool tracksKeys_;
  const bool hasEarly_;

  Keys keys_;
  std::vector<Timer> timers_;  // a heap, the earliest at the front
  std::vector<K> dirty_;       // keys to be told by the next early firing
  std::size_t due_ = 0;        // the session that the last add calls to tell
  Timestamp watermark_ = kMinTimestamp;
  GroupTimes groupTimes_;
  Pane firingPane_ = Pane::kOnTime;
  std::uint64_t held_ = 0;
  std::uint64_t released_ = 0;
  KeyChanges<K> changes_;

  // Over a base.
  StateId timersState_{};
  bool holdsTimers_ = false;        // there are entries in it
  std::optional<bool> haveTimers_;  // the positions that were read: they count too
  bool areTimersErased_ = false;    // those that are of no use
  bool isEnding_ = false;           // everything is being told
  KeyGroupRange own_{};
  TableBelow<K, KeySessions> below_;
  detail::TimerQueue<K> timersBelow_;  // instead of timers_
  std::string fetched_;
  std::size_t fetches_ = 0;
};

}  // namespace millrace
