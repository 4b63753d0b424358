// SPDX-License-Identifier: MIT
// Window operators whose instances stand at different event times, restored in any number: each key
// is told what windows of its own would tell, for which event time never goes back.
#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <millrace/base/clock.hpp>
#include <millrace/base/file_system.hpp>
#include <millrace/base/random.hpp>
#include <millrace/operators/window_operator.hpp>
#include <millrace/runtime/batch_pool.hpp>
#include <millrace/runtime/channel.hpp>
#include <millrace/window/global_windows.hpp>
#include <millrace/window/session_windows.hpp>
#include <millrace/window/sliced_windows.hpp>

#include "unit/state/stored_below.hpp"
#include "unit/window/window_scenario.hpp"

namespace millrace::test {
namespace {

constexpr std::uint32_t kGroups = 8;
constexpr std::uint32_t kMostWorkers = 4;
constexpr int kKeys = 12;

struct Event : Rec {
  std::string key;
};

KeyGroup groupOf(const std::string& key) { return keyGroupOf(millraceHash(key), kGroups); }

template <typename Result>
class Surroundings final : public OperatorContext {
 public:
  Surroundings(std::size_t worker, std::size_t workers, StateBelow* below, bool goesOn)
      : worker_(worker), workers_(workers), below_(below), goesOn_(goesOn) {
    results_.configure(&resultPool_, 16, &counters_);
    results_.connect(&channel_);
    late_.configure(&latePool_, 16, &counters_);
  }

  const std::string& jobName() const override { return name_; }
  const std::string& operatorName() const override { return name_; }
  std::size_t worker() const override { return worker_; }
  std::size_t workers() const override { return workers_; }
  std::size_t batchSize() const override { return 16; }
  std::size_t keyGroups() const override { return kGroups; }
  std::uint64_t seed() const override { return 0; }
  OutputPort& output(std::size_t port) override { return port == 0 ? results_ : late_; }
  TaskCounters& counters() override { return counters_; }
  FileSystem& fileSystem() override { return posixFileSystem(); }
  const Clock& clock() const override { return systemClock(); }
  Waker& waker() override { return waker_; }
  Timestamp processingTime() const override { return 0; }
  bool isCheckpointed() const override { return true; }
  StatusOr<StateId> declareState(const StateDeclaration& declaration) override {
    return StateId{static_cast<std::uint16_t>(declaration.name == "windows" ? 1 : 2)};
  }
  const StateDeclaration* savedState(StateId) const override { return goesOn_ ? &saved_ : nullptr; }
  StateBelow* stateBelow() override { return below_; }

  void collect(std::vector<Row>& rows) {
    do {
      results_.flush();
      while (channel_.front() != nullptr) {
        const Item item = channel_.pop();
        const auto& batch = static_cast<const TypedBatch<Result>&>(*item.batch);
        for (std::size_t i = 0; i < batch.size(); ++i) {
          const Result& result = batch[i];
          rows.push_back(
              {result.key, text(result.value), result.windowStart, result.windowEnd, result.pane});
        }
      }
    } while (!results_.flush());
  }

 private:
  const std::string name_ = "windows";
  const std::size_t worker_;
  const std::size_t workers_;
  StateBelow* const below_;
  const bool goesOn_;
  const StateDeclaration saved_;
  BatchPool resultPool_{[]() -> Batch* { return new TypedBatch<Result>(); }};
  BatchPool latePool_{[]() -> Batch* { return new TypedBatch<Event>(); }};
  TaskCounters counters_;
  Waker waker_;
  Channel channel_{64, nullptr, nullptr};
  OutputPort results_;
  OutputPort late_;
};

// One instance of the operator and what surrounds it.
template <typename Windows>
class Instance {
 public:
  using KeyOf = std::string Event::*;

  Instance(std::unique_ptr<Windows> windows, EarlyFiring early, std::size_t worker,
           std::size_t workers, StateBelow* below, bool goesOn)
      : surroundings_(worker, workers, below, goesOn),
        operator_(std::move(windows), {&Event::key}, early) {
    REQUIRE(operator_.open(surroundings_).ok());
  }

  std::vector<Row> add(const Event& event, Timestamp time) {
    auto batch = BatchPtr(new TypedBatch<Event>());
    static_cast<TypedBatch<Event>&>(*batch).append(time) = event;
    REQUIRE(surroundings_.output(0).ready());  // as the engine sees to it
    operator_.onBatch(0, batch);
    std::vector<Row> rows;
    surroundings_.collect(rows);
    return rows;
  }
  std::vector<Row> advance(Timestamp watermark) {
    std::vector<Row> rows;
    while (operator_.onWatermark(watermark) == millrace::Step::kAgain) surroundings_.collect(rows);
    surroundings_.collect(rows);
    return rows;
  }
  std::vector<Row> fireEarly() {
    std::vector<Row> rows;
    while (operator_.onProcessingTime(0) == millrace::Step::kAgain) surroundings_.collect(rows);
    surroundings_.collect(rows);
    return rows;
  }
  std::uint64_t late() { return surroundings_.counters().late.value(); }
  std::uint64_t latePartial() { return surroundings_.counters().latePartial.value(); }
  Operator& op() { return operator_; }

 private:
  Surroundings<typename Windows::Result> surroundings_;
  WindowOperator<Windows, RecordInput<Event, KeyOf>> operator_;
};

// What happened in all cases of a property.
struct Seen {
  int apart = 0;   // instances that took over from others that stood at different times
  int nested = 0;  // of them, from others that had done so themselves and had not caught up
  int behind = 0;  // panes told for a key that was ahead of its instance
  std::size_t fetched = 0;  // entries from below
};

// The operator in any number of instances, each with a watermark of its own, beside naive windows
// for each key group, which have the watermarks of whoever has the group.
template <typename Windows, typename Naive>
class Rescaled {
 public:
  using Make = std::function<std::unique_ptr<Windows>()>;

  Rescaled(Make make, const Naive& naive, EarlyFiring early, bool isOverBase, std::uint64_t seed,
           Seen& seen)
      : make_(std::move(make)),
        early_(early),
        isOverBase_(isOverBase),
        random_(seed),
        seen_(seen),
        naive_(kGroups, naive),
        reached_(kGroups, kStart) {
    below_.limit = 0;
    start(1 + static_cast<std::uint32_t>(random_.below(kMostWorkers)), false);
    clocks_.assign(instances_.size(), kStart);
  }

  void play(const Step& step) {
    switch (step.kind) {
      case Step::Kind::kAdd:
        add("k" + std::to_string((step.key * 3 + (step.value & 3)) % kKeys), step.value, step.time);
        break;
      case Step::Kind::kAdvance: {
        const std::size_t worker = random_.below(instances_.size());
        advance(worker, clocks_[worker] + step.time);
        break;
      }
      case Step::Kind::kFireEarly:
        if (early_.kind == EarlyFiring::Kind::kProcessingTime) fireEarly();
        break;
    }
    if (random_.chance(0.1)) barrier();
    if (random_.chance(0.06)) restart();
  }

  void end() {
    for (std::size_t worker = 0; worker < instances_.size(); ++worker)
      advance(worker, kMaxTimestamp);
    seen_.fetched += below_.found;
  }

 private:
  static constexpr Timestamp kStart = -300;

  void add(const std::string& key, int value, int after) {
    const KeyGroup group = groupOf(key);
    const std::size_t worker = ownerOf(group, workers(), kGroups);
    const Timestamp time = clocks_[worker] + after;
    Event event;
    event.key = key;
    event.value = value;
    const std::uint64_t late = instances_[worker]->late();
    const std::uint64_t latePartial = instances_[worker]->latePartial();
    std::vector<Row> expected;
    const Placement placement = naive_[group.value].add(key, value, time, expected);
    const std::vector<Row> told = instances_[worker]->add(event, time);
    RC_ASSERT(sorted(told) == sorted(expected));
    RC_ASSERT(instances_[worker]->late() - late == (placement == Placement::kLate ? 1U : 0U));
    RC_ASSERT(instances_[worker]->latePartial() - latePartial ==
              (placement == Placement::kLatePartial ? 1U : 0U));
    if (!told.empty() && reached_[group.value] > clocks_[worker]) ++seen_.behind;
  }

  void advance(std::size_t worker, Timestamp watermark) {
    clocks_[worker] = watermark;
    const KeyGroupRange own = keyGroupsOf(static_cast<std::uint32_t>(worker), workers(), kGroups);
    std::vector<Row> expected;
    for (std::uint32_t group = own.first; group < own.end; ++group) {
      append(expected, naive_[group].advance(watermark, watermark == kMaxTimestamp));
      reached_[group] = std::max(reached_[group], watermark);
    }
    RC_ASSERT(sorted(instances_[worker]->advance(watermark)) == sorted(expected));
  }

  void fireEarly() {
    std::vector<Row> expected;
    std::vector<Row> told;
    for (Naive& naive : naive_) append(expected, naive.fireEarly());
    for (const auto& instance : instances_) append(told, instance->fireEarly());
    RC_ASSERT(sorted(told) == sorted(expected));
  }

  void barrier() {
    ++below_.last;
    positions_.clear();
    StateChanges changes;
    for (const auto& instance : instances_) {
      TaskState state;
      instance->op().beginSnapshot(state);
      positions_.push_back(state.position);
      while (instance->op().writeSnapshot(changes, 1 + random_.below(50))) {
      }
    }
    below_.settle(std::move(changes));
  }

  void restart() {
    barrier();
    below_.restart();
    const std::uint32_t before = workers();
    const std::vector<Timestamp> clocksBefore = std::exchange(clocks_, {});
    start(1 + static_cast<std::uint32_t>(random_.below(kMostWorkers)), true);
    for (std::uint32_t worker = 0; worker < workers(); ++worker) {
      const KeyGroupRange own = keyGroupsOf(worker, workers(), kGroups);
      Timestamp earliest = kMaxTimestamp;
      Timestamp latest = kMinTimestamp;
      bool wasAhead = false;
      for (std::uint32_t group = own.first; group < own.end; ++group) {
        const Timestamp clock =
            clocksBefore[ownerOf({static_cast<std::uint16_t>(group)}, before, kGroups)];
        earliest = std::min(earliest, clock);
        latest = std::max(latest, clock);
        wasAhead = wasAhead || reached_[group] > clock;
      }
      clocks_.push_back(earliest);
      if (earliest != latest) ++seen_.apart;
      if (earliest != latest && wasAhead) ++seen_.nested;
      restore(instances_[worker]->op(), own);
    }
  }

  void restore(Operator& op, KeyGroupRange own) {
    REQUIRE(op.restoreTask(positions_).ok());
    for (const auto& [key, entry] : below_.held.entries()) {
      if (!own.contains(entry.group) || op.fetchesOnDemand(key.first)) continue;
      REQUIRE(op.restoreEntry(key.first, entry.group, key.second, entry.value).ok());
    }
  }

  void start(std::uint32_t workers, bool goesOn) {
    instances_.clear();
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
      instances_.push_back(std::make_unique<Instance<Windows>>(
          make_(), early_, worker, workers, isOverBase_ ? &below_ : nullptr, goesOn));
    }
  }

  std::uint32_t workers() const { return static_cast<std::uint32_t>(instances_.size()); }
  static void append(std::vector<Row>& to, const std::vector<Row>& from) {
    to.insert(to.end(), from.begin(), from.end());
  }

  const Make make_;
  const EarlyFiring early_;
  const bool isOverBase_;
  Random random_;
  Seen& seen_;
  StoredBelow below_;  // of all instances, for their entries have nothing in common
  std::vector<std::unique_ptr<Instance<Windows>>> instances_;
  std::vector<Timestamp> clocks_;  // the instances' event times
  std::vector<std::string> positions_;
  std::vector<Naive> naive_;        // by key group
  std::vector<Timestamp> reached_;  // likewise
};

template <typename Windows, typename Naive>
void compareRescaled(typename Rescaled<Windows, Naive>::Make make, const Naive& naive,
                     EarlyFiring early, bool isOverBase, Seen& seen) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>().as("seed");
  Rescaled<Windows, Naive> rescaled(std::move(make), naive, early, isOverBase, seed, seen);
  for (const Step& step : drawSteps()) rescaled.play(step);
  rescaled.end();
}

void checkSeen(const Seen& seen) {
  CHECK(seen.apart > 100);
  CHECK(seen.nested > 20);
  CHECK(seen.behind > 20);
}

template <typename Kind>
void slicedMatch(const std::string& what, bool isOverBase) {
  Seen seen;
  CHECK(rc::check(what, [&] {
    using Windows = SlicedWindows<std::string, Event, decltype(Kind::make())>;
    const WindowSpec spec = drawSpec();
    const WindowLayout layout = *WindowLayout::compile(spec);
    const WindowOptions options = drawOptions();
    compareRescaled<Windows>(
        [&] { return std::make_unique<Windows>(layout, Kind::make(), options); },
        NaiveWindows<Kind>(spec, options), options.early, isOverBase, seen);
  }));
  checkSeen(seen);
  CHECK((seen.fetched > 100) == isOverBase);
}

TEST_CASE(
    "windows of slices that go on in any number tell each key what windows of its own would") {
  slicedMatch<CountAndSum>("counted and summed", false);
  slicedMatch<Elements>("all their elements", false);
}

TEST_CASE("so they do over a base") {
  slicedMatch<CountAndSum>("counted and summed", true);
  slicedMatch<Elements>("all their elements", true);
}

TEST_CASE("so do windows that ask for nothing special") {
  Seen seen;
  CHECK(rc::check("tumbling", [&] {
    using Windows = SlicedWindows<std::string, Event, decltype(Elements::make()), false, false>;
    const WindowSpec spec = tumbling(Duration(*drawIn(1, 60).as("size")));
    const WindowLayout layout = *WindowLayout::compile(spec);
    const bool isOverBase = *rc::gen::arbitrary<bool>().as("over a base");
    compareRescaled<Windows>([&] { return std::make_unique<Windows>(layout, Elements::make()); },
                             NaiveWindows<Elements>(spec, {}), EarlyFiring::none(), isOverBase,
                             seen);
  }));
  CHECK(seen.apart > 100);
  CHECK(seen.nested > 20);
}

TEST_CASE("so do sessions") {
  Seen seen;
  CHECK(rc::check("all their elements", [&] {
    using Windows = MergingSessions<std::string, Event, decltype(Elements::make())>;
    const Duration gap(*drawIn(1, 40).as("gap"));
    const WindowOptions options = drawOptions();
    const bool isOverBase = *rc::gen::arbitrary<bool>().as("over a base");
    compareRescaled<Windows>(
        [&] { return std::make_unique<Windows>(session(gap), Elements::make(), options); },
        NaiveSessions<Elements>(gap, options), options.early, isOverBase, seen);
  }));
  checkSeen(seen);
}

// The position of an instance without slices, as programs wrote it that knew nothing of groups
// ahead.
std::string positionOf(Timestamp watermark, KeyGroupRange groups) {
  std::string bytes;
  ByteWriter out(bytes);
  out.fixed(watermark);
  out.fixed(kMaxTimestamp);  // of the first record before the first watermark
  out.fixed(groups.first);
  out.fixed(groups.end);
  out.fixed(std::uint64_t{0});  // records released
  out.length(0);                // slices
  return bytes;
}

TEST_CASE("a position says which key groups are ahead, and is what it always was where none is") {
  using Windows = SlicedWindows<std::string, Event, decltype(CountAndSum::make())>;
  const WindowLayout layout = *WindowLayout::compile(tumbling(Duration(10)));
  const auto positionAfter = [&](const std::vector<std::string>& positions, Timestamp watermark) {
    Instance<Windows> instance(std::make_unique<Windows>(layout, CountAndSum::make()), {}, 0, 1,
                               nullptr, true);
    REQUIRE(instance.op().restoreTask(positions).ok());
    instance.advance(watermark);
    TaskState state;
    instance.op().beginSnapshot(state);
    return state.position;
  };
  CHECK(positionAfter({positionOf(9, {0, 8})}, 9) == positionOf(9, {0, 8}));
  CHECK(positionAfter({positionOf(9, {0, 4}), positionOf(9, {4, 8})}, 9) == positionOf(9, {0, 8}));

  const std::vector<std::string> apart = {positionOf(9, {0, 4}), positionOf(19, {4, 8})};
  std::string ahead = positionOf(9, {0, 8});
  ByteWriter out(ahead);
  out.length(2);
  for (const auto& [groups, time] :
       {std::pair(KeyGroupRange{0, 4}, Timestamp{9}), {KeyGroupRange{4, 8}, 19}}) {
    out.fixed(groups.first);
    out.fixed(groups.end);
    out.fixed(time);
  }
  CHECK(positionAfter(apart, 9) == ahead);
  CHECK(positionAfter({ahead}, 9) == ahead);
  // The end of the input says nothing of time.
  CHECK(positionAfter(apart, kMaxTimestamp) == ahead);
  CHECK(positionAfter(apart, 19) == positionOf(19, {0, 8}));

  Instance<Windows> instance(std::make_unique<Windows>(layout, CountAndSum::make()), {}, 0, 1,
                             nullptr, true);
  ahead.pop_back();
  CHECK(absl::IsDataLoss(instance.op().restoreTask(std::vector{ahead})));
}

TEST_CASE("keys keep their time beside others whose instance had come to none yet") {
  using Windows = SlicedWindows<std::string, Event, decltype(CountAndSum::make())>;
  const WindowLayout layout = *WindowLayout::compile(tumbling(Duration(10)));
  Instance<Windows> instance(std::make_unique<Windows>(layout, CountAndSum::make()), {}, 0, 1,
                             nullptr, true);
  REQUIRE(instance.op()
              .restoreTask(std::vector{positionOf(kMinTimestamp, {0, 4}), positionOf(19, {4, 8})})
              .ok());
  std::vector<Row> expected;
  for (int i = 0; i < kKeys; ++i) {
    Event event;
    event.key = "k" + std::to_string(i);
    event.value = 1;
    CHECK(instance.add(event, 5).empty());
    if (groupOf(event.key).value < 4) expected.push_back({event.key, "1/1", 0, 10, Pane::kOnTime});
  }
  CHECK(!expected.empty());
  CHECK(instance.late() == kKeys - expected.size());
  CHECK(sorted(instance.advance(9)) == sorted(expected));
}

}  // namespace
}  // namespace millrace::test
