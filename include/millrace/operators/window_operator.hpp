// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/hash.hpp>
#include <millrace/base/type_name.hpp>
#include <millrace/operators/partition.hpp>
#include <millrace/runtime/operator.hpp>
#include <millrace/runtime/source.hpp>
#include <millrace/state/group_times.hpp>
#include <millrace/window/combiner.hpp>
#include <millrace/window/windows.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace {

/// What a combining shuffle carries: what some records of one key and slice make together.
/// Its event time lies in that slice.
template <typename K, typename Acc>
struct Partial {
  K key{};
  Acc accumulator{};
  std::uint64_t records = 0;
};

/// The shape of what a window operator reads: records with a way to their key, or partials.
template <typename T, typename KeyOf>
struct RecordInput {
  using Batched = T;
  static constexpr bool kIsPartial = false;
  KeyOf keyOf;
};
template <typename K, typename Acc>
struct PartialInput {
  using Batched = Partial<K, Acc>;
  static constexpr bool kIsPartial = true;
};

/// Throws a JobError when the records of `batch` have no event times. A source knows them for all
/// its records or for none, so that it looks at one.
inline void requireEventTimes(const Batch& batch) {
  if (!batch.isConsumed() && batch.time(batch.cursor()) == kNoTimestamp) failWithoutEventTime();
}

/// What windows are told of the checkpoints they are kept in.
struct WindowState {
  StateId id{};
  std::uint32_t keyGroups = 0;
  KeyGroupRange own;  ///< of this instance
};

/// Declares the state of a window operator; for open() only. The types' names are functions.
Status declareWindows(OperatorContext& context, std::string kind, std::string (*keyType)(),
                      std::string (*accumulatorType)(), WindowState& declared);

/// Declares a second one, for the timers of windows that are found by key; likewise.
StatusOr<StateId> declareWindowTimers(OperatorContext& context, std::string (*keyType)());

/// Where an instance of a window operator stands, besides its entries.
struct WindowPosition {
  Timestamp watermark = kMinTimestamp;
  Timestamp firstTime = kMaxTimestamp;  ///< of the records before the first watermark
  KeyGroupRange groups{};               ///< the instance's
};
void writeWindowPosition(const WindowPosition& position, ByteWriter& out);
/// Reads what an earlier instance has written. If it had some of `position.groups`, which stay as
/// they are, the times of `position` become the lesser ones of both, and `groupTimes` is told of
/// its watermark. False: damaged.
bool takeWindowPosition(ByteReader& in, WindowPosition& position, GroupTimes& groupTimes);

/// Of a job that takes checkpoints: no Serde of the key or the accumulator.
Status cannotBeKept(std::string (*accumulatorType)());

/// Adds records to the counter that `placement` calls for. Returns how many of them went into no
/// window.
std::uint64_t countPlaced(TaskCounters& counters, Placement placement, std::uint64_t records);

/// `what` is damaged.
Status damagedWindow(const char* what);

/// The half of a window operator that does not depend on what it reads: tells the windows' results
/// as time goes on. `Windows` is SlicedWindows, MergingSessions or GlobalWindows.
template <typename Windows>
class WindowFiring : public Operator {
 public:
  using Result = typename Windows::Result;

  WindowFiring(std::unique_ptr<Windows> windows, EarlyFiring early)
      : windows_(std::move(windows)), early_(early) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    out_ = Emitter<Result>(context.output(0));
    lastEarly_ = context.processingTime();
    return context.isCheckpointed() ? keepChanges() : absl::OkStatus();
  }

  Step onWatermark(Timestamp watermark) final {
    if (watermark > advancedTo_) {
      // The first watermark comes from the beginning of time, which is no tick of any record's.
      const Timestamp from = advancedTo_ == kMinTimestamp ? firstTime_ : advancedTo_;
      isEarlyDue_ = early_.kind == EarlyFiring::Kind::kEventTime && watermark != kMaxTimestamp &&
                    early_.isDue(from, watermark);
      windows_->advance(watermark, watermark == kMaxTimestamp);
      advancedTo_ = watermark;
      // The end of the input says nothing of time: in another run there may be more of it.
      if (watermark != kMaxTimestamp) lastWatermark_ = watermark;
      isFired_ = false;
    }
    const auto fire = [&](std::size_t room) { return windows_->fire(emitter(), room); };
    if (!isFired_ && inPieces(fire) == Step::kAgain) return Step::kAgain;
    isFired_ = true;
    if (isEarlyDue_ && fireEarly() == Step::kAgain) return Step::kAgain;
    isEarlyDue_ = false;
    context_->counters().held.set(windows_->heldRecords());
    keepWithinMemory();
    return Step::kDone;
  }

  // Records look after memory; where none come, this is told last.
  Step onQuiet() final {
    keepWithinMemory();
    return Step::kDone;
  }

  Timestamp nextDeadline() const final {
    if (early_.kind != EarlyFiring::Kind::kProcessingTime) return kMaxTimestamp;
    const Timestamp interval = early_.interval.count();
    return (floorDivide(lastEarly_, interval) + 1) * interval;
  }

  Step onProcessingTime(Timestamp now) final {
    if (fireEarly() == Step::kAgain) return Step::kAgain;
    lastEarly_ = now;
    return Step::kDone;
  }

  Step onEnd(bool) final {
    context_->counters().held.set(windows_->heldRecords());
    return Step::kDone;
  }

  void beginSnapshot(TaskState& out) final {
    if constexpr (Windows::kCanBeKept) {
      ByteWriter position(out.position);
      writeWindowPosition({lastWatermark_, firstTime_, ownGroups_}, position);
      windows_->writePosition(position);
      if constexpr (requires { windows_->groupTimes(); }) windows_->groupTimes().write(position);
      windows_->freeze();
      keepWithinMemory();  // nothing has changed by now
    }
  }

  bool writeSnapshot(StateChanges& out, std::size_t limit) final {
    if constexpr (Windows::kCanBeKept) return windows_->writeFrozen(out, limit);
    return false;
  }

  // Instances may differ at a barrier, when inputs are idle: this one goes on from those that had
  // its keys. Where it takes over from several, the least of their watermarks drops no record that
  // would have been taken; the windows are told which key groups are ahead of it.
  Status restoreTask(std::span<const std::string> positions) final {
    WindowPosition earlier{kMaxTimestamp, firstTime_, ownGroups_};
    GroupTimes groupTimes(ownGroups_);
    for (const std::string& position : positions) {
      ByteReader in(position);
      if (!takeWindowPosition(in, earlier, groupTimes) ||
          !windows_->readPosition(in, context_->worker() == 0) || !groupTimes.read(in)) {
        return damagedWindow("the position");
      }
    }
    firstTime_ = earlier.firstTime;
    if (earlier.watermark == kMaxTimestamp) return absl::OkStatus();  // none of them had its keys
    lastWatermark_ = advancedTo_ = earlier.watermark;
    windows_->restoreWatermark(earlier.watermark, std::move(groupTimes));
    return absl::OkStatus();
  }

  bool fetchesOnDemand(StateId state) const final {
    if constexpr (requires { windows_->fetchesOnDemand(state); }) {
      return windows_->fetchesOnDemand(state);
    }
    return isOverBase_;
  }

  Status restoreEntry(StateId state, KeyGroup, std::string_view key, std::string_view value) final {
    if constexpr (kHasTimers) {
      if (state == timers_) return windows_->restoreTimer(), absl::OkStatus();
    }
    if constexpr (Windows::kCanBeKept) {
      if (windows_->restore(key, value)) return absl::OkStatus();
    }
    return damagedWindow("an entry");
  }

 protected:
  // Whether the windows can tell anything but what a watermark completes.
  static constexpr bool kRefires = requires(Windows & windows, const typename Windows::Key& key) {
    windows.emitDue(key, [](Result&&) {});
  };

  auto emitter() {
    return [this](Result&& result) { out_.append(result.timestamp()) = std::move(result); };
  }

  // The records of `batch` are about to be added.
  void noteTimes(const Batch& batch) {
    if (early_.kind != EarlyFiring::Kind::kEventTime || advancedTo_ != kMinTimestamp) return;
    for (std::size_t i = 0; i < batch.size(); ++i) firstTime_ = std::min(firstTime_, batch.time(i));
  }

  // Over a base: lets go of what is settled if memory is short. False: records have to wait.
  bool keepWithinMemory() {
    if constexpr (kCanBeBelow) {
      if (isOverBase_) return windows_->keepWithinMemory();
    }
    return true;
  }

  // Returns how many of the records went into no window.
  std::uint64_t account(Placement placement, std::uint64_t records) {
    if (placement == Placement::kAccepted) [[likely]]
      return 0;
    return countPlaced(context_->counters(), placement, records);
  }

  const std::unique_ptr<Windows> windows_;
  OperatorContext* context_ = nullptr;

 private:
  using Key = typename Windows::Key;
  using Accumulator = typename Windows::Accumulator;

  // Whether the windows can let go of entries and fetch them again.
  static constexpr bool kCanBeBelow = requires(Windows & windows, StateBelow& below) {
    windows.setBelow(below, true);
    windows.keepWithinMemory();
  };

  // Whether the windows' timers are a state of their own where they lie over a base.
  static constexpr bool kHasTimers = requires(Windows & windows) { windows.restoreTimer(); };

  Status keepChanges() {
    if constexpr (Windows::kCanBeKept) {
      WindowState state;
      MILLRACE_RETURN_IF_ERROR(declareWindows(*context_, windows_->stateKind(), &typeName<Key>,
                                              &typeName<Accumulator>, state));
      ownGroups_ = state.own;
      windows_->keepChanges(state.id, state.keyGroups, state.own);
      if constexpr (kHasTimers) {
        MILLRACE_ASSIGN_OR_RETURN(timers_, declareWindowTimers(*context_, &typeName<Key>));
        windows_->setTimersState(timers_, context_->savedState(timers_) != nullptr);
      }
      if constexpr (kCanBeBelow) {
        if (StateBelow* below = context_->stateBelow()) {
          windows_->setBelow(*below, context_->savedState(state.id) != nullptr);
          isOverBase_ = true;
        }
      }
      return absl::OkStatus();
    } else {
      return cannotBeKept(&typeName<Accumulator>);
    }
  }

  // Calls `tell(limit)` until it has no more, as far as the output has room.
  template <typename Tell>
  Step inPieces(Tell&& tell) {
    bool isMore = true;
    while (isMore) {
      if (!out_.ready()) return Step::kAgain;
      isMore = tell(context_->batchSize() - out_.open().size());
    }
    return Step::kDone;
  }

  Step fireEarly() {
    if constexpr (requires { windows_->fireEarly([](Result&&) {}, std::size_t{1}); }) {
      return inPieces([&](std::size_t room) { return windows_->fireEarly(emitter(), room); });
    }
    return Step::kDone;
  }

  const EarlyFiring early_;
  Emitter<Result> out_;
  Timestamp advancedTo_ = kMinTimestamp;
  Timestamp lastWatermark_ = kMinTimestamp;  // as advancedTo_, but for the end of input
  KeyGroupRange ownGroups_{};
  StateId timers_{};                     // of windows that have them
  Timestamp firstTime_ = kMaxTimestamp;  // of the records before the first watermark
  bool isOverBase_ = false;
  bool isFired_ = true;
  bool isEarlyDue_ = false;
  Timestamp lastEarly_ = 0;
};

/// Puts records into windows. Output 0: WindowResults. Output 1: late records, as they came.
template <typename Windows, typename Input>
class WindowOperator final : public WindowFiring<Windows> {
 public:
  using T = typename Input::Batched;

  WindowOperator(std::unique_ptr<Windows> windows, Input input, EarlyFiring early)
      : WindowFiring<Windows>(std::move(windows), early), input_(std::move(input)) {}

  Status open(OperatorContext& context) override {
    if constexpr (!Input::kIsPartial) late_ = Emitter<T>(context.output(1));
    return WindowFiring<Windows>::open(context);
  }

  void onBatch(std::size_t, BatchPtr& batch) override {
    if (!keepWithinMemory()) return;
    auto& in = static_cast<TypedBatch<T>&>(*batch);
    if constexpr (Input::kIsPartial) {
      addPartials(in);
    } else {
      addRecords(in);
    }
    in.setCursor(in.size());
  }

 private:
  using WindowFiring<Windows>::account;
  using WindowFiring<Windows>::context_;
  using WindowFiring<Windows>::emitter;
  using WindowFiring<Windows>::keepWithinMemory;
  using WindowFiring<Windows>::kRefires;
  using WindowFiring<Windows>::noteTimes;
  using WindowFiring<Windows>::windows_;

  void addRecords(TypedBatch<T>& in) {
    if constexpr (!requires { Windows::kIgnoresEventTime; }) requireEventTimes(in);
    noteTimes(in);
    std::uint64_t dropped = 0;
    // A throwing aggregate is told which record it was; a local, so that it costs no store a
    // record.
    struct Place {
      TypedBatch<T>& batch;
      std::size_t index;
      ~Place() { batch.setCursor(index); }
    } place{in, 0};
    windows_->addBatch(
        in.size(),
        [&](std::size_t i) -> decltype(auto) {
          // Keys are asked for ahead of their records.
          try {
            return std::invoke(input_.keyOf, std::as_const(in[i]));
          } catch (...) {
            place.index = i;
            throw;
          }
        },
        [&](std::size_t i) -> const T& {
          place.index = i;
          return in[i];
        },
        [&](std::size_t i) { return in.time(i); },
        [&](std::size_t i, AddResult result) {
          dropped += account(result.placement, 1);
          if (result.placement == Placement::kLate && late_.isConnected()) {
            late_.append(in.time(i)) = in[i];
          }
          if constexpr (kRefires) {
            if (result.due) {
              windows_->emitDue(std::invoke(input_.keyOf, std::as_const(in[i])), emitter());
            }
          }
        });
    context_->counters().absorbed.add(in.size() - dropped);
  }

  void addPartials(TypedBatch<T>& in) {
    std::uint64_t records = 0;
    std::uint64_t dropped = 0;
    for (std::size_t i = 0; i < in.size(); ++i) {
      in.setCursor(i);
      const T& partial = in[i];
      const AddResult result =
          windows_->addPartial(partial.key, partial.accumulator, partial.records, in.time(i));
      records += partial.records;
      dropped += account(result.placement, partial.records);
    }
    // The engine has counted partials; records is what they stand for.
    context_->counters().in.add(records - in.size());
    context_->counters().absorbed.add(records - dropped);
  }

  [[no_unique_address]] Input input_;
  Emitter<T> late_;
};

/// The sending half of a keyed windowed aggregation: aggregates what its worker has read and sends
/// partial results to the keys' owners, so that few keys do not make one worker the bottleneck
/// and many records do not cross. Where combining does not pay, records pass as partials of one.
template <typename T, typename KeyOf, typename K, typename Agg>
class CombineOperator final : public Operator {
 public:
  using Acc = AccumulatorOf<Agg>;

  CombineOperator(WindowLayout layout, Agg aggregate, KeyOf keyOf, WindowOptions options)
      : aggregate_(aggregate),
        combiner_(std::move(layout), std::move(aggregate), options),
        keyOf_(std::move(keyOf)) {}

  Status open(OperatorContext& context) override {
    outs_.open(context);
    flushLimit_ = context.batchSize();
    return absl::OkStatus();
  }

  void onBatch(std::size_t, BatchPtr& batch) override {
    auto& in = static_cast<TypedBatch<T>&>(*batch);
    requireEventTimes(in);
    const bool combines = isCombining();
    for (BatchCursor i(in); !i.atEnd(); ++i) {
      const T& record = in[*i];
      const auto& key = std::invoke(keyOf_, record);
      if (combines) {
        if ((isFlushing_ || combiner_.isFull()) && flush() == Step::kAgain) return;
        if (combiner_.add(key, record, in.time(*i)) == Answer::kTaken) continue;
      }
      if (!sendAlone(key, record, in.time(*i))) return;
    }
    ++batches_;
  }

  Step onWatermark(Timestamp watermark) override {
    return isFlushing_ || combiner_.mustFlushBefore(watermark) ? flush() : Step::kDone;
  }

  bool forwardsWatermark(Timestamp watermark) override {
    if (!combiner_.isWorthPassingOn(watermark)) return false;
    combiner_.advance(watermark);
    return true;
  }

  Step onQuiet() override { return flush(); }
  Step onBarrier() override { return flush(); }
  Step onEnd(bool) override { return flush(); }

 private:
  using Answer = typename Combiner<K, T, Agg>::Answer;

  /// Batches sent uncombined before combining is tried again.
  static constexpr std::uint64_t kBypassBatches = 255;

  bool isCombining() const {
    return combiner_.isWorthwhile() || !combiner_.isEmpty() || batches_ % (kBypassBatches + 1) == 0;
  }

  Emitter<Partial<K, Acc>> outFor(const auto& key) {
    return Emitter<Partial<K, Acc>>(outs_.of(millraceHash(key)));
  }

  // Once begun, a flush has to be finished before anything is added.
  Step flush() {
    isFlushing_ = true;
    while (outs_.areReady()) {
      const bool isMore = combiner_.flush(
          [this](Timestamp sliceStart, const K& key, Acc&& accumulator, std::uint64_t records) {
            Partial<K, Acc>& partial = outFor(key).append(sliceStart);
            partial.key = key;
            partial.accumulator = std::move(accumulator);
            partial.records = records;
          },
          flushLimit_);
      if (isMore) continue;
      isFlushing_ = false;
      return Step::kDone;
    }
    return Step::kAgain;
  }

  bool sendAlone(const auto& key, const T& record, Timestamp time) {
    Emitter<Partial<K, Acc>> out = outFor(key);
    if (!out.ready()) return false;
    Partial<K, Acc>& partial = out.append(time);
    partial.key = key;
    partial.accumulator = aggregate_.create();
    aggregate_.add(partial.accumulator, record);
    partial.records = 1;
    return true;
  }

  const Agg aggregate_;
  Combiner<K, T, Agg> combiner_;
  KeyOf keyOf_;
  KeyedOutputs outs_;
  std::size_t flushLimit_ = 1;
  bool isFlushing_ = false;
  std::uint64_t batches_ = 0;
};

}  // namespace millrace
