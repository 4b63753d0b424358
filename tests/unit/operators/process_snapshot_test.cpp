// SPDX-License-Identifier: MIT
// A process function whose instances are lost and restored again and again says what an undisturbed
// one does.
#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <millrace/base/clock.hpp>
#include <millrace/base/file_system.hpp>
#include <millrace/operators/process_operator.hpp>
#include <millrace/runtime/batch_pool.hpp>
#include <millrace/runtime/channel.hpp>

#include "unit/state/replayed_changes.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using Context = ProcessContext<std::string, std::string>;
using test::ReplayedChanges;

constexpr std::size_t kGroups = 16;

struct Event {
  std::string key;
  int value = 0;
};

/// Ids by name, as a job gives them out.
using Catalog = std::map<std::string, StateId>;

class Surroundings final : public OperatorContext {
 public:
  explicit Surroundings(Catalog& catalog) : catalog_(catalog), saved_(catalog) {
    output_.configure(&pool_, 1024, &counters_);
    output_.connect(&channel_);
  }

  const std::string& jobName() const override { return name_; }
  const std::string& operatorName() const override { return name_; }
  std::size_t worker() const override { return 0; }
  std::size_t workers() const override { return 1; }
  std::size_t batchSize() const override { return 1024; }
  std::size_t keyGroups() const override { return kGroups; }
  std::uint64_t seed() const override { return 0; }
  OutputPort& output(std::size_t) override { return output_; }
  TaskCounters& counters() override { return counters_; }
  FileSystem& fileSystem() override { return posixFileSystem(); }
  const Clock& clock() const override { return systemClock(); }
  Waker& waker() override { return waker_; }
  Timestamp processingTime() const override { return now; }
  bool isCheckpointed() const override { return true; }
  StatusOr<StateId> declareState(const StateDeclaration& declaration) override {
    const auto next = StateId{static_cast<std::uint16_t>(catalog_.size() + 1)};
    return catalog_.emplace(declaration.name, next).first->second;
  }
  const StateDeclaration* savedStateNamed(std::string_view name) const override {
    static const StateDeclaration timers{"", "timers", "string", "timestamp", {}};
    return saved_.contains(std::string(name)) ? &timers : nullptr;
  }

  void collect(std::vector<std::string>& texts) {
    REQUIRE(output_.flush());
    while (channel_.front() != nullptr) {
      const Item item = channel_.pop();
      const auto& batch = static_cast<const TypedBatch<std::string>&>(*item.batch);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        texts.push_back(batch[i] + "@" + std::to_string(batch.time(i)));
      }
    }
  }

  Timestamp now = 0;

 private:
  const std::string name_ = "process";
  Catalog& catalog_;
  const Catalog saved_;
  BatchPool pool_{[]() -> Batch* { return new TypedBatch<std::string>(); }};
  TaskCounters counters_;
  Waker waker_;
  Channel channel_{64, nullptr, nullptr};
  OutputPort output_;
};

/// Uses all there is: each kind of state, with and without time to live, and both kinds of timers.
struct Busy {
  struct Add {
    int operator()(int a, int b) const { return a + b; }
  };
  ValueState<int> count;
  ListState<int> recent;
  MapState<int, int> seen;
  ReducingState<int, Add> sum;

  void open(StateContext& states) {
    count = states.value<int>("count");
    recent = states.list<int>("recent", StateTtl{10ms});
    seen = states.map<int, int>("seen", StateTtl{15ms, TtlRefresh::kOnReadAndWrite});
    sum = states.reducing<int>("sum", Add{});
  }

  void process(const Event& event, Context& context) {
    switch (event.value % 8) {
      case 0:
        count.clear();
        sum.clear();
        break;
      case 1:
        context.registerEventTimer(context.timestamp() + event.value);
        break;
      case 2:
        context.registerProcessingTimer(context.processingTime() + event.value);
        break;
      case 3:
        context.deleteEventTimer(context.timestamp());
        break;
      case 4:
        context.deleteProcessingTimer(context.processingTime() + 1);
        break;
      case 5:
        seen.remove(event.value / 8);
        break;
      default:
        seen.edit(event.value / 8) += event.value;
    }
    count.update([](int& n) { ++n; });
    sum.add(event.value);
    recent.add(event.value);
    say("record", context);
  }

  void onTimer(Timestamp time, Context& context) {
    say("timer " + std::to_string(time), context);
    sum.clear();
    if (time % 3 == 0) count.clear();
  }

  void say(const std::string& why, Context& context) {
    std::string text = context.key() + " " + why + " wm " + std::to_string(context.watermark());
    if (count.get()) text += " count " + std::to_string(*count.get());
    if (sum.get()) text += " sum " + std::to_string(*sum.get());
    for (const int each : recent.view()) text += " " + std::to_string(each);
    std::map<int, int> sorted;
    for (const auto& [key, value] : seen.entries()) sorted[key] = value;
    for (const auto& [key, value] : sorted)
      text += " " + std::to_string(key) + ":" + std::to_string(value);
    context.emit(text);
  }
};

/// One instance of the operator and what surrounds it.
class Instance {
 public:
  using KeyOf = std::string Event::*;
  using Process = ProcessOperator<Event, std::string, KeyOf, std::string, Busy>;

  Instance(Catalog& catalog, Timestamp now)
      : surroundings_(catalog), process_(Busy{}, &Event::key, {}) {
    surroundings_.now = now;
    REQUIRE(process_.open(surroundings_).ok());
  }

  void record(const Event& event, Timestamp time) {
    auto batch = BatchPtr(new TypedBatch<Event>());
    static_cast<TypedBatch<Event>&>(*batch).append(time) = event;
    process_.onBatch(0, batch);
  }
  void watermark(Timestamp time) { REQUIRE(process_.onWatermark(time) == Step::kDone); }
  void clock(Timestamp now) {
    surroundings_.now = now;
    if (process_.nextDeadline() <= now) REQUIRE(process_.onProcessingTime(now) == Step::kDone);
  }

  Process& process() { return process_; }
  void collect(std::vector<std::string>& texts) { surroundings_.collect(texts); }

 private:
  Surroundings surroundings_;
  Process process_;
};

struct Input {
  enum class Kind { kRecord, kWatermark, kClock } kind = Kind::kRecord;
  Event event;
  Timestamp time = 0;
};

Input markAt(Input::Kind kind, Timestamp time) {
  Input input;
  input.kind = kind;
  input.time = time;
  return input;
}

std::vector<Input> anySteps() {
  std::vector<Input> steps;
  Timestamp watermark = 0;
  Timestamp now = 0;
  for (int i = *rc::gen::inRange(0, 120); i > 0; --i) {
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
        steps.push_back(markAt(Input::Kind::kWatermark, watermark += *rc::gen::inRange(1, 8)));
        break;
      case 1:
        steps.push_back(markAt(Input::Kind::kClock, now += *rc::gen::inRange(1, 8)));
        break;
      default: {
        const std::string key(1, static_cast<char>('a' + *rc::gen::inRange(0, 5)));
        const int value = *rc::gen::inRange(0, 30);
        steps.push_back({Input::Kind::kRecord, {key, value}, watermark + *rc::gen::inRange(0, 10)});
      }
    }
  }
  return steps;
}

/// The operator, in any number of instances, and its last checkpoint.
class Job {
 public:
  explicit Job(std::size_t workers) { start(workers); }

  void play(const Input& step) {
    for (std::size_t i = 0; i < instances_.size(); ++i) {
      Instance& instance = *instances_[i];
      if (step.kind == Input::Kind::kWatermark) instance.watermark(step.time);
      if (step.kind == Input::Kind::kClock) instance.clock(step.time);
      if (step.kind == Input::Kind::kRecord && ownerOf(step.event.key) == i) {
        instance.record(step.event, step.time);
      }
    }
    if (step.kind == Input::Kind::kClock) now_ = step.time;
    std::vector<std::string> said;
    for (const auto& instance : instances_) instance->collect(said);
    std::sort(said.begin(), said.end());  // there is no order across keys
    output.push_back(std::move(said));
  }

  // REQUIRES: !isWriting().
  void barrier() {
    pending_ = saved_;
    pending_.steps = output.size();
    pending_.now = now_;
    pending_.positions.clear();
    for (const auto& instance : instances_) {
      TaskState state;
      instance->process().beginSnapshot(state);
      pending_.positions.push_back(state.position);
      writing_.push_back(instance.get());
    }
  }

  bool isWriting() const { return !writing_.empty(); }

  void writePiece(std::size_t limit) {
    if (writing_.empty()) return;
    StateChanges piece;
    const bool hasMore = writing_.back()->process().writeSnapshot(piece, limit);
    pending_.entries.apply(piece);
    if (!hasMore) writing_.pop_back();
    if (writing_.empty()) saved_ = pending_;
  }

  /// Loses everything since the last checkpoint that was written; where its input goes on.
  std::size_t restart(std::size_t workers) {
    writing_.clear();
    now_ = saved_.now;
    output.resize(saved_.steps);
    start(workers);
    for (std::size_t i = 0; i < workers; ++i) restore(i);
    return saved_.steps;
  }

  std::vector<std::vector<std::string>> output;  // by step

 private:
  struct Checkpoint {
    std::size_t steps = 0;
    Timestamp now = 0;
    std::vector<std::string> positions;
    ReplayedChanges entries;
  };

  void start(std::size_t workers) {
    instances_.clear();
    for (std::size_t i = 0; i < workers; ++i) {
      instances_.push_back(std::make_unique<Instance>(catalog_, now_));
    }
  }

  void restore(std::size_t worker) {
    Operator& fresh = instances_[worker]->process();
    REQUIRE(fresh.restoreTask(saved_.positions).ok());
    for (const auto& [key, entry] : saved_.entries.entries()) {
      if (ownerOf(entry.group) != worker) continue;
      REQUIRE(fresh.restoreEntry(key.first, entry.group, key.second, entry.value).ok());
    }
  }

  std::size_t ownerOf(KeyGroup group) const {
    return millrace::ownerOf(group, static_cast<std::uint32_t>(instances_.size()), kGroups);
  }
  std::size_t ownerOf(const std::string& key) const {
    return ownerOf(keyGroupOf(millraceHash(key), kGroups));
  }

  Catalog catalog_;
  Timestamp now_ = 0;
  std::vector<std::unique_ptr<Instance>> instances_;
  Checkpoint saved_;
  Checkpoint pending_;
  std::vector<Instance*> writing_;
};

TEST_CASE("Instances lost at any step, restored in any number, say what an undisturbed one says") {
  REQUIRE(rc::check("recovery", [] {
    const std::vector<Input> steps = anySteps();
    Job undisturbed(1);
    for (const Input& step : steps) undisturbed.play(step);

    const auto anyWorkers = [] { return *rc::gen::inRange<std::size_t>(1, 5); };
    Job job(anyWorkers());
    std::size_t next = 0;
    for (int moves = *rc::gen::inRange(0, 300); moves > 0; --moves) {
      const int what = *rc::gen::inRange(0, 40);
      if (what == 0) {
        next = job.restart(anyWorkers());
      } else if (what < 4) {
        if (!job.isWriting()) job.barrier();
      } else if (what < 12) {
        job.writePiece(static_cast<std::size_t>(*rc::gen::inRange(0, 100)));
      } else if (next < steps.size()) {
        job.play(steps[next++]);
      }
    }
    while (next < steps.size()) job.play(steps[next++]);
    RC_ASSERT(job.output == undisturbed.output);
  }));
}

TEST_CASE(
    "Processing timers that came due while the job was down fire right after it is restored") {
  Catalog catalog;
  Instance before(catalog, 0);
  before.record(Event{"a", 2}, 5);
  TaskState state;
  before.process().beginSnapshot(state);
  StateChanges changes;
  while (before.process().writeSnapshot(changes, 10)) {
  }
  Instance after(catalog, 1000);
  REQUIRE(after.process().restoreTask(std::vector{state.position}).ok());
  const ReplayedChanges saved(changes);
  for (const auto& [key, entry] : saved.entries()) {
    REQUIRE(after.process().restoreEntry(key.first, entry.group, key.second, entry.value).ok());
  }
  REQUIRE(after.process().nextDeadline() <= 1000);
  after.clock(1000);
  std::vector<std::string> said;
  after.collect(said);
  REQUIRE(said.size() == 1);
  REQUIRE_THAT(said.front(), Catch::StartsWith("a timer 2 "));
}

TEST_CASE(
    "Timers stored with the key before the time are read, and move over with the first "
    "checkpoint") {
  Catalog catalog = {{"event timers", StateId{1}}, {"processing timers", StateId{2}}};
  StateChanges stored;
  for (const std::uint16_t state : {std::uint16_t{1}, std::uint16_t{2}}) {
    for (Timestamp time = 1; time <= 3; ++time) {
      stored.put(
          StateId{state}, keyGroupOf(millraceHash(std::string("a")), kGroups),
          [&](ByteWriter& out) { Serde<std::string>::write("a", out), out.fixed(time); },
          [](ByteWriter&) {});
    }
  }
  ReplayedChanges saved(stored);
  std::string position;
  ByteWriter(position).fixed(Timestamp{0});
  for (int run = 0; run < 2; ++run) {
    Instance instance(catalog, 10);
    REQUIRE(instance.process().restoreTask(std::vector{position}).ok());
    const ReplayedChanges::Entries entries = saved.entries();
    for (const auto& [key, entry] : entries) {
      REQUIRE(
          instance.process().restoreEntry(key.first, entry.group, key.second, entry.value).ok());
    }
    TaskState state;
    instance.process().beginSnapshot(state);
    StateChanges changes;
    while (instance.process().writeSnapshot(changes, 10)) {
    }
    REQUIRE(changes.isEmpty() == (run == 1));
    saved.apply(changes);
    position = state.position;
    REQUIRE(saved.entries().size() == 6);
    for (const auto& [key, entry] : saved.entries()) {
      REQUIRE((key.first == catalog.at("event timers by time") ||
               key.first == catalog.at("processing timers by time")));
    }
    instance.watermark(2);
    instance.clock(20);
    std::vector<std::string> said;
    instance.collect(said);
    REQUIRE(said.size() == 2 + 3);
  }
}

TEST_CASE("A damaged position is refused") {
  Catalog catalog;
  Instance instance(catalog, 0);
  REQUIRE(absl::IsDataLoss(instance.process().restoreTask(std::vector<std::string>{"abc"})));
}

}  // namespace
}  // namespace millrace
