// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/operator.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/keyed_rows.hpp>
#include <millrace/state/state_below.hpp>
#include <millrace/state/state_context.hpp>
#include <millrace/state/timers.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

/// Names a side output of a process function. Copies name the same output.
template <typename X>
class OutputTag {
 public:
  explicit OutputTag(std::string name)
      : name_(std::make_shared<const std::string>(std::move(name))) {}
  const std::string& name() const { return *name_; }
  const void* id() const { return name_.get(); }

 private:
  std::shared_ptr<const std::string> name_;
};

/// What a process function may use while it handles a record or a timer.
///
/// **Thread safety**: none; valid during the call.
template <typename K, typename Out>
class ProcessContext {
 public:
  const K& key() const { return rows_.currentKey(); }
  /// The record's event time; in onTimer() the timer's time.
  Timestamp timestamp() const { return time_; }
  Timestamp watermark() const { return watermark_; }
  Timestamp processingTime() const { return context_.processingTime(); }

  /// Emits with the event time timestamp().
  void emit(Out value) { out_.append(time_) = std::move(value); }

  /// Emits to a side output. REQUIRES: the tag was given to the verb.
  template <typename X>
  void emit(const OutputTag<X>& tag, X value) {
    for (std::size_t i = 0; i < tags_.size(); ++i) {
      if (tags_[i] != tag.id()) continue;
      Emitter<X> side(context_.output(i + 1));
      if (side.isConnected()) side.append(time_) = std::move(value);
      return;
    }
    throw JobError("side output '" + tag.name() +
                   "' is not declared (give its tag to .process(name, function, tags...))");
  }

  /// onTimer() will be called for the current key once the watermark has reached `time`; with the
  /// next watermark when it has already. One timer a key and time: registering it again does
  /// nothing.
  void registerEventTimer(Timestamp time) { timers_.registerEventTimer(key(), time); }
  void registerProcessingTimer(Timestamp time) { timers_.registerProcessingTimer(key(), time); }
  /// Deleting a timer that is not there does nothing.
  void deleteEventTimer(Timestamp time) { timers_.deleteEventTimer(key(), time); }
  void deleteProcessingTimer(Timestamp time) { timers_.deleteProcessingTimer(key(), time); }

 private:
  template <typename, typename, typename, typename, typename>
  friend class ProcessOperator;

  ProcessContext(OperatorContext& context, KeyedRows<K>& rows, Timers<K>& timers, Emitter<Out>& out,
                 const std::vector<const void*>& tags)
      : context_(context), rows_(rows), timers_(timers), out_(out), tags_(tags) {}

  OperatorContext& context_;
  KeyedRows<K>& rows_;
  Timers<K>& timers_;
  Emitter<Out>& out_;
  const std::vector<const void*>& tags_;
  Timestamp time_ = 0;
  Timestamp watermark_ = kMinTimestamp;
};

/// The names that a process function's timers have as states, besides the user's own.
inline constexpr std::string_view kEventTimersState = "event timers by time";
inline constexpr std::string_view kProcessingTimersState = "processing timers by time";
/// Those that they had while they were stored as Serde<K>, then the time (i64). Such timers move
/// over with the first checkpoint.
inline constexpr std::string_view kUnorderedEventTimersState = "event timers";
inline constexpr std::string_view kUnorderedProcessingTimersState = "processing timers";

/// Calls the user's function for each record with its key's state and timers.
/// Output 0: what it emits. Output i + 1: its i-th side output.
///
/// State: what the function declares, each under its name, and the timers. Position: the
/// watermark (i64), and the numbers of keys with state, of event timers and of processing timers
/// (u64 each), which count for those that stay below.
template <typename T, typename K, typename KeyOf, typename Out, typename F>
class ProcessOperator final : public Operator {
 public:
  using Context = ProcessContext<K, Out>;

  ProcessOperator(F function, KeyOf keyOf, std::vector<const void*> tags)
      : function_(std::move(function)), keyOf_(std::move(keyOf)), tags_(std::move(tags)) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    out_ = Emitter<Out>(context.output(0));
    rows_ = std::make_unique<KeyedRows<K>>(static_cast<std::uint32_t>(context.keyGroups()));
    userContext_.reset(new Context(context, *rows_, timers_, out_, tags_));
    rows_->setProcessingTime(context.processingTime());
    if constexpr (requires(StateContext & states) { function_.open(states); }) {
      StateContext states(*rows_);
      function_.open(states);
    }
    return declareStates();
  }

  void onBatch(std::size_t, BatchPtr& batch) override {
    auto& in = static_cast<TypedBatch<T>&>(*batch);
    rows_->setProcessingTime(context_->processingTime());
    rows_->expireSome(context_->processingTime(), in.size());
    if (!keepWithinMemory()) return;
    KeysAhead ahead(*rows_, in, keyOf_);
    for (BatchCursor i(in); !i.atEnd() && ready(); ++i) {
      const T& record = in[*i];
      ahead.setCurrentKey(*i);
      userContext_->time_ = in.time(*i);
      call(record);
    }
    if (!in.isConsumed()) return;
    context_->counters().absorbed.add(in.size());
    context_->counters().held.set(rows_->entries());
  }

  Step onWatermark(Timestamp watermark) override {
    userContext_->watermark_ = std::max(userContext_->watermark_, watermark);
    // The end of the input says nothing of time: in another run there may be more of it.
    if (watermark != kMaxTimestamp) lastWatermark_ = std::max(lastWatermark_, watermark);
    rows_->setProcessingTime(context_->processingTime());
    // A timer registered by onTimer() for a time that has been reached fires in the same sweep.
    while (ready()) {
      auto timer = timers_.popDueEvent(watermark);
      if (!timer) return finishSweep();
      callTimer(*timer);
      if (++timersCalled_ % kTimersBetweenLooks == 0) keepWithinMemory();
    }
    return Step::kAgain;
  }

  // Records look after memory; where none come, this is told last.
  Step onQuiet() override {
    keepWithinMemory();
    return Step::kDone;
  }

  // Nothing comes any more: what may go goes.
  Step onEnd(bool) override {
    if (below_ == nullptr) return Step::kDone;
    rows_->letGo(rows_->memoryInUse().bytes);
    timers_.letGo(timers_.memoryInUse().bytes);
    return Step::kDone;
  }

  Timestamp nextDeadline() const override {
    return timers_.processingDeadline().value_or(kMaxTimestamp);
  }

  Step onProcessingTime(Timestamp now) override {
    rows_->setProcessingTime(now);
    while (ready()) {
      auto timer = timers_.popDueProcessing(now);
      if (!timer) return finishSweep();
      callTimer(*timer);
      if (++timersCalled_ % kTimersBetweenLooks == 0) keepWithinMemory();
    }
    return Step::kAgain;
  }

  void beginSnapshot(TaskState& out) override {
    ByteWriter position(out.position);
    position.fixed(lastWatermark_);
    position.fixed(static_cast<std::uint64_t>(rows_->entries()));
    position.fixed(static_cast<std::uint64_t>(timers_.pendingEventTimers()));
    position.fixed(static_cast<std::uint64_t>(timers_.pendingProcessingTimers()));
    rows_->beginSnapshot();
    timers_.beginSnapshot();
    keepWithinMemory();  // nothing has changed by now
  }

  bool writeSnapshot(StateChanges& out, std::size_t limit) override {
    return rows_->writeSnapshot(out, limit) || timers_.writeSnapshot(out, limit);
  }

  // Instances may have been at different points; what one of them has not seen can still come.
  Status restoreTask(std::span<const std::string> positions) override {
    Timestamp earliest = kMaxTimestamp;
    for (const std::string& position : positions) {
      Position at;
      if (!at.read(position)) {
        return absl::DataLossError("the position of a process function is damaged");
      }
      if (rows_->isOverBase() && context_->worker() == 0) {
        rows_->addEntriesBelow(at.entries);
        timers_.addTimersBelow(at.eventTimers, at.processingTimers);
      }
      earliest = std::min(earliest, at.watermark);
    }
    if (!positions.empty()) userContext_->watermark_ = lastWatermark_ = earliest;
    return absl::OkStatus();
  }

  bool fetchesOnDemand(StateId state) const override {
    return rows_->isOverBase() && (timers_.isState(state) || rows_->indexOf(state).has_value());
  }

  Status restoreEntry(StateId state, KeyGroup group, std::string_view key,
                      std::string_view value) override {
    if (timers_.isState(state)) return timers_.restoreEntry(state, key);
    if (state == unorderedEventTimers_)
      return timers_.restoreUnorderedEventEntry(state, group, key);
    if (state == unorderedProcessingTimers_) {
      return timers_.restoreUnorderedProcessingEntry(state, group, key);
    }
    const auto index = rows_->indexOf(state);
    MILLRACE_CHECK(index.has_value(), "an entry of a state that the function does not declare");
    MILLRACE_RETURN_IF_ERROR(rows_->restoreEntry(*index, key, value));
    context_->counters().held.set(rows_->entries());
    return absl::OkStatus();
  }

  void expectEntry(StateId state, std::string_view key) override {
    if (rows_->indexOf(state).has_value()) rows_->expectEntry(key);
  }

  KeyedStateStore* queryableStates() override { return rows_.get(); }

 private:
  // A sweep over many keys' timers fetches their state: memory is looked after meanwhile.
  static constexpr std::size_t kTimersBetweenLooks = 256;

  struct Position {
    Timestamp watermark = kMinTimestamp;
    std::uint64_t entries = 0;
    std::uint64_t eventTimers = 0;
    std::uint64_t processingTimers = 0;

    // Earlier programs left out the counts, or those of the timers.
    bool read(std::string_view bytes) {
      ByteReader in(bytes);
      if (!in.fixed(watermark)) return false;
      if (in.isAtEnd()) return true;
      if (!in.fixed(entries)) return false;
      if (in.isAtEnd()) return true;
      return in.fixed(eventTimers) && in.fixed(processingTimers) && in.isAtEnd();
    }
  };

  // Makes the keys of a batch current one by one. Where taking a key costs next to nothing they are
  // taken ahead as well, so that cache misses overlap.
  class KeysAhead {
   public:
    KeysAhead(KeyedRows<K>& rows, const TypedBatch<T>& batch, KeyOf& keyOf)
        : rows_(rows), batch_(batch), keyOf_(keyOf) {}

    void setCurrentKey(std::size_t i) {
      if constexpr (kCanAskTwice) {
        if (i < known_ || ask(i)) {
          return rows_.setCurrentKey(keyAt(i), hashes_[i % KeyedRows<K>::kAhead]);
        }
      }
      rows_.setCurrentKey(keyAt(i));
    }

   private:
    using Key = std::invoke_result_t<KeyOf&, const T&>;
    static constexpr bool kCanAskTwice =
        std::is_reference_v<Key> || std::is_trivially_copyable_v<Key>;

    decltype(auto) keyAt(std::size_t i) const { return std::invoke(keyOf_, batch_[i]); }

    // In steps of a whole kAhead from 0, so that a batch may be gone on with anywhere. False: a key
    // cannot be taken, which is to be told when its own record comes.
    bool ask(std::size_t i) {
      const std::size_t first = i / KeyedRows<K>::kAhead * KeyedRows<K>::kAhead;
      const std::size_t end = std::min(first + KeyedRows<K>::kAhead, batch_.size());
      try {
        rows_.askAhead(
            end - first, [&](std::size_t at) -> decltype(auto) { return keyAt(first + at); },
            hashes_);
      } catch (...) {
        return false;
      }
      known_ = end;
      return true;
    }

    KeyedRows<K>& rows_;
    const TypedBatch<T>& batch_;
    KeyOf& keyOf_;
    std::size_t known_ = 0;
    std::uint64_t hashes_[KeyedRows<K>::kAhead];
  };

  Status declareStates() {
    std::vector<StateId> ids;
    for (std::size_t state = 0; state < rows_->states().size(); ++state) {
      MILLRACE_ASSIGN_OR_RETURN(ids.emplace_back(),
                                context_->declareState(rows_->declarationOf(state)));
      const StateDeclaration* saved = context_->savedState(ids.back());
      if (saved == nullptr) continue;
      MILLRACE_RETURN_IF_ERROR(rows_->setSavedSchemas(state, saved->schemas));
    }
    rows_->setStateIds(std::move(ids));
    MILLRACE_RETURN_IF_ERROR(declareTimers());
    if (!context_->isCheckpointed()) return absl::OkStatus();
    rows_->trackChanges();
    timers_.trackChanges();
    if (context_->stateBelow() != nullptr) lieOver(*context_->stateBelow());
    return absl::OkStatus();
  }

  void lieOver(StateBelow& below) {
    below_ = &below;
    const KeyGroupRange own =
        keyGroupsOf(static_cast<std::uint32_t>(context_->worker()),
                    static_cast<std::uint32_t>(context_->workers()), rows_->keyGroups());
    rows_->setBelow(below, holdsEntries(), own);
    timers_.setBelow(below, own, context_->savedStateNamed(kEventTimersState) != nullptr,
                     context_->savedStateNamed(kProcessingTimersState) != nullptr);
  }

  bool holdsEntries() const {
    for (std::size_t state = 0; state < rows_->states().size(); ++state) {
      if (context_->savedState(rows_->idOf(state)) != nullptr) return true;
    }
    return false;
  }

  Status declareTimers() {
    const auto declare = [this](std::string_view name, std::string_view kind) {
      return context_->declareState(
          {std::string(name), std::string(kind), fullTypeName<K>(), "timestamp", {}});
    };
    MILLRACE_ASSIGN_OR_RETURN(const StateId event, declare(kEventTimersState, "timers by time"));
    MILLRACE_ASSIGN_OR_RETURN(const StateId processing,
                              declare(kProcessingTimersState, "timers by time"));
    timers_.setStateIds(event, processing, rows_->keyGroups());
    const auto isSaved = [this](std::string_view name) {
      const StateDeclaration* saved = context_->savedStateNamed(name);
      return saved != nullptr && saved->kind == "timers";  // the name may be the user's by now
    };
    if (isSaved(kUnorderedEventTimersState)) {
      MILLRACE_ASSIGN_OR_RETURN(unorderedEventTimers_,
                                declare(kUnorderedEventTimersState, "timers"));
    }
    if (isSaved(kUnorderedProcessingTimersState)) {
      MILLRACE_ASSIGN_OR_RETURN(unorderedProcessingTimers_,
                                declare(kUnorderedProcessingTimersState, "timers"));
    }
    return absl::OkStatus();
  }

  // Over a base: lets rows and timers go if memory is short. Ends the use of the current key if so.
  // False: new records should wait.
  bool keepWithinMemory() {
    if (below_ == nullptr) return true;
    const MemoryUse rows = rows_->memoryInUse();
    const MemoryUse all = rows + timers_.memoryInUse();
    const std::size_t excess = below_->use(all.bytes, all.changedBytes);
    if (excess > 0) {
      const std::size_t part = shareOf(excess, rows.bytes, all.bytes);
      rows_->letGo(part);
      timers_.letGo(excess - part);
    }
    return below_->hasRoom();
  }

  bool ready() {
    bool isReady = out_.ready();
    for (std::size_t i = 0; i < tags_.size(); ++i)
      isReady = context_->output(i + 1).ready() && isReady;
    return isReady;
  }

  Step finishSweep() {
    context_->counters().held.set(rows_->entries());
    return Step::kDone;
  }

  void call(const T& record) {
    if constexpr (requires { function_.process(record, *userContext_); }) {
      function_.process(record, *userContext_);
    } else {
      function_(record, *userContext_);
    }
  }

  void callTimer(const Timer<K>& timer) {
    if constexpr (requires { function_.onTimer(timer.time, *userContext_); }) {
      rows_->setCurrentKey(timer.key);
      userContext_->time_ = timer.time;
      function_.onTimer(timer.time, *userContext_);
    }
  }

  F function_;
  KeyOf keyOf_;
  const std::vector<const void*> tags_;
  OperatorContext* context_ = nullptr;
  Emitter<Out> out_;
  std::unique_ptr<KeyedRows<K>> rows_;
  Timers<K> timers_;
  // Where timers may be stored as they were once.
  std::optional<StateId> unorderedEventTimers_;
  std::optional<StateId> unorderedProcessingTimers_;
  StateBelow* below_ = nullptr;
  std::unique_ptr<Context> userContext_;
  Timestamp lastWatermark_ = kMinTimestamp;
  std::size_t timersCalled_ = 0;
};

}  // namespace millrace
