// SPDX-License-Identifier: MIT
// Windows through checkpoints: whatever was written at a barrier, in whatever pieces, brings
// windows back that tell the same from there on.
#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <millrace/window/global_windows.hpp>
#include <millrace/window/session_windows.hpp>
#include <millrace/window/sliced_windows.hpp>

#include "unit/state/replayed_changes.hpp"
#include "unit/window/window_scenario.hpp"

namespace millrace::test {
namespace {

// What a state directory would hold.
class Store {
 public:
  void apply(const StateChanges& changes) {
    StateChangesReader in(changes);
    for (auto change = in.next(); change.ok() && change->has_value(); change = in.next()) {
      apply(**change);
    }
  }
  const std::map<std::string, std::string>& entries() const { return entries_; }

 private:
  void apply(const StateChange& change) {
    switch (change.kind) {
      case StateChange::Kind::kPut:
        entries_[std::string(change.key)] = change.value;
        return;
      case StateChange::Kind::kErase:
        entries_.erase(std::string(change.key));
        return;
      case StateChange::Kind::kDropThrough:
        std::erase_if(entries_, [&](const auto& entry) {
          ByteReader key(entry.first);
          Timestamp time = 0;
          return readTimePrefix(key, time) && time <= change.time;
        });
    }
  }

  std::map<std::string, std::string> entries_;
};

// Windows that are replaced, now and then, by others made from what a checkpoint has kept and from
// what has happened since.
template <typename Windows>
class Restarted {
 public:
  using Make = std::function<std::unique_ptr<Windows>()>;
  explicit Restarted(Make make) : make_(std::move(make)) {
    windows_ = make_();
    windows_->keepChanges(StateId{3}, 8, KeyGroupRange{0, 8});
  }

  // Does `action` to the windows now, and again to those that take their place.
  void act(std::function<void(Windows&)> action) {
    action(*windows_);
    if (isWriting_) since_.push_back(std::move(action));
  }

  void barrier() {
    if (isWriting_) return;
    isWriting_ = true;
    since_.clear();
    position_.clear();
    watermark_ = windowsWatermark_;
    ByteWriter out(position_);
    windows_->writePosition(out);
    windows_->freeze();
  }

  // Writes a piece; when that was the last one and it is `restarts`, goes on from the checkpoint.
  void write(std::size_t limit, bool restarts) {
    if (!isWriting_) return;
    const bool isMore = windows_->writeFrozen(changes_, limit);
    if (isMore) return;
    isWriting_ = false;
    store_.apply(changes_);
    changes_.clear();
    if (restarts) restart();
  }

  void setWatermark(Timestamp watermark) { windowsWatermark_ = watermark; }
  Windows& windows() { return *windows_; }

 private:
  void restart() {
    windows_ = make_();
    windows_->keepChanges(StateId{3}, 8, KeyGroupRange{0, 8});
    ByteReader position(position_);
    RC_ASSERT(windows_->readPosition(position, true));
    if (watermark_ != kMinTimestamp) windows_->restoreWatermark(watermark_);
    for (const auto& [key, value] : store_.entries()) RC_ASSERT(windows_->restore(key, value));
    // The old windows' changes since the barrier were never committed; these make them anew.
    for (const auto& action : since_) action(*windows_);
  }

  const Make make_;
  std::unique_ptr<Windows> windows_;
  std::vector<std::function<void(Windows&)>> since_;
  bool isWriting_ = false;
  Timestamp windowsWatermark_ = kMinTimestamp;
  Timestamp watermark_ = kMinTimestamp;
  std::string position_;
  StateChanges changes_;
  Store store_;
};

template <typename Windows, typename Naive>
void compareThroughRestarts(typename Restarted<Windows>::Make make, Naive& naive,
                            const WindowOptions& options, const std::vector<Step>& steps) {
  Restarted<Windows> it(std::move(make));
  Timestamp clock = -300;
  std::uint64_t accepted = 0;
  // Actions are done again after a restart: what they write to outlives the step.
  std::vector<Row> told;
  AddResult result;
  const auto fire = [&](Timestamp watermark, bool endOfInput) {
    told.clear();
    it.act([&told, watermark, endOfInput](Windows& windows) {
      windows.advance(watermark, endOfInput);
      while (windows.fire([&](auto&& r) { told.push_back(textOf(windows.aggregate())(r)); }, 3)) {
      }
    });
    it.setWatermark(watermark);
    RC_ASSERT(sorted(told) == sorted(naive.advance(watermark, endOfInput)));
  };
  for (const Step& step : steps) {
    switch (step.kind) {
      case Step::Kind::kAdd: {
        told.clear();
        const std::string key = "k" + std::to_string(step.key);
        const Timestamp time = clock + step.time;
        it.act([&told, &result, key, value = step.value, time](Windows& windows) {
          result = windows.add(std::string_view(key), Rec{value}, time);
          if (!result.due) return;
          windows.emitDue(std::string_view(key),
                          [&](auto&& r) { told.push_back(textOf(windows.aggregate())(r)); });
        });
        std::vector<Row> expected;
        RC_ASSERT(result.placement == naive.add(key, step.value, time, expected));
        RC_ASSERT(sorted(told) == sorted(expected));
        accepted +=
            result.placement == Placement::kAccepted || result.placement == Placement::kLatePartial
                ? 1
                : 0;
        break;
      }
      case Step::Kind::kAdvance:
        fire(clock += step.time, false);
        break;
      case Step::Kind::kFireEarly:
        if (options.early.kind != EarlyFiring::Kind::kProcessingTime) break;
        told.clear();
        it.act([&told](Windows& windows) {
          while (windows.fireEarly(
              [&](auto&& r) { told.push_back(textOf(windows.aggregate())(r)); }, 2)) {
          }
        });
        RC_ASSERT(sorted(told) == sorted(naive.fireEarly()));
        break;
    }
    // A piece after most steps, so that many entries change while they are being written.
    if (step.value % 5 == 0) it.barrier();
    if (step.value % 3 != 0)
      it.write(static_cast<std::size_t>(1 + (step.value & 31)), step.value % 2 == 0);
    RC_ASSERT(it.windows().acceptedRecords() == accepted);
  }
  fire(kMaxTimestamp, true);
  RC_ASSERT(it.windows().heldRecords() == 0u);
}

template <typename Kind>
bool slicedMatch(const std::string& what) {
  return rc::check(what, [] {
    using Windows = SlicedWindows<std::string, Rec, decltype(Kind::make())>;
    const WindowSpec spec = drawSpec();
    const WindowLayout layout = *WindowLayout::compile(spec);
    const WindowOptions options = drawOptions();
    NaiveWindows<Kind> naive(spec, options);
    compareThroughRestarts<Windows>(
        [&] { return std::make_unique<Windows>(layout, Kind::make(), options); }, naive, options,
        drawSteps());
  });
}

template <typename Kind>
bool sessionsMatch(const std::string& what) {
  return rc::check(what, [] {
    using Windows = MergingSessions<std::string, Rec, decltype(Kind::make())>;
    const Duration gap(*drawIn(1, 40).as("gap"));
    const WindowOptions options = drawOptions();
    NaiveSessions<Kind> naive(gap, options);
    compareThroughRestarts<Windows>(
        [&] { return std::make_unique<Windows>(session(gap), Kind::make(), options); }, naive,
        options, drawSteps());
  });
}

TEST_CASE("windows of slices that go on from checkpoints tell what others do") {
  CHECK(slicedMatch<CountAndSum>("counted and summed"));
  CHECK(slicedMatch<Greatest>("their greatest"));
  CHECK(slicedMatch<Elements>("all their elements"));
}

TEST_CASE("sessions that go on from checkpoints tell what others do") {
  CHECK(sessionsMatch<CountAndSum>("counted and summed"));
  CHECK(sessionsMatch<Greatest>("their greatest"));
  CHECK(sessionsMatch<Elements>("all their elements"));
}

TEST_CASE("windows of a count that go on from checkpoints tell what others do, and write little") {
  CHECK(rc::check("every third record of a key", [] {
    using Windows = GlobalWindows<std::string, Rec, decltype(CountAndSum::make())>;
    const auto make = [] { return std::make_unique<Windows>(global(3), CountAndSum::make()); };
    Restarted<Windows> it(make);
    const std::unique_ptr<Windows> plain = make();
    std::vector<Row> told;
    for (const Step& step : drawSteps()) {
      const std::string key = "k" + std::to_string(step.key);
      const auto add = [key, value = step.value](Windows& windows, std::vector<Row>& rows) {
        if (!windows.add(std::string_view(key), Rec{value}, 0).due) return;
        windows.emitDue(std::string_view(key),
                        [&](auto&& r) { rows.push_back(textOf(windows.aggregate())(r)); });
      };
      told.clear();
      std::vector<Row> expected;
      it.act([&told, add](Windows& windows) { add(windows, told); });
      add(*plain, expected);
      RC_ASSERT(told == expected);
      if (step.value % 5 == 0) it.barrier();
      if (step.value % 3 != 0)
        it.write(static_cast<std::size_t>(1 + (step.value & 31)), step.value % 2 == 0);
      RC_ASSERT(it.windows().heldRecords() == plain->heldRecords());
    }
  }));
  GlobalWindows<std::string, Rec, decltype(CountAndSum::make())> windows(global(1),
                                                                         CountAndSum::make());
  windows.keepChanges(StateId{0}, 1, KeyGroupRange{0, 1});
  for (int i = 0; i < 1000; ++i) {
    windows.add(std::string_view("k"), Rec{i}, 0);
    windows.emitDue(std::string_view("k"), [](auto&&) {});
  }
  windows.freeze();
  StateChanges changes;
  while (windows.writeFrozen(changes, 1)) {
  }
  CHECK(changes.count() == 1);
  CHECK(windows.heldKeys() == 0);
}

constexpr std::uint32_t kGroups = 8;
constexpr KeyGroupRange kAll{0, 8};
constexpr KeyGroupRange kAhead{0, 4};
constexpr KeyGroupRange kBehind{4, 8};

std::string keyIn(KeyGroupRange groups) {
  for (int i = 0;; ++i) {
    std::string key = "k" + std::to_string(i);
    if (groups.contains(keyGroupOf(millraceHash(key), kGroups))) return key;
  }
}

// Counting windows of some key groups, which say what they are told.
template <typename Windows>
class Part {
 public:
  template <typename Cut>
  Part(KeyGroupRange own, const Cut& cut, Duration lateness)
      : own_(own), windows_(cut, CountAndSum::make(), WindowOptions{lateness, {}, false}) {
    windows_.keepChanges(StateId{3}, kGroups, own);
  }

  // The panes, or that it is late.
  std::string add(const std::string& key, Timestamp time) {
    const AddResult result = windows_.add(key, Rec{1}, time);
    if (result.placement == Placement::kLate) return "dropped";
    told_.clear();
    if (result.due) windows_.emitDue(key, tell());
    return told_;
  }
  std::string advance(Timestamp watermark) {
    told_.clear();
    windows_.advance(watermark);
    while (windows_.fire(tell(), 1)) {
    }
    return told_;
  }

  void write(ReplayedChanges& stored) {
    StateChanges changes;
    windows_.freeze();
    while (windows_.writeFrozen(changes, 1)) {
    }
    stored.apply(changes);
  }
  // The groups of kAhead had come to `ahead`.
  void goOn(const ReplayedChanges& stored, Timestamp watermark, Timestamp ahead) {
    GroupTimes times(own_);
    times.raise(kAll, watermark);
    times.raise(kAhead, ahead);
    windows_.restoreWatermark(watermark, times);
    for (const auto& [key, entry] : stored.entries()) {
      if (own_.contains(entry.group)) CHECK(windows_.restore(key.second, entry.value));
    }
  }
  bool isAnyAhead() const { return !windows_.groupTimes().isEmpty(); }

 private:
  auto tell() {
    return [this](auto&& result) {
      if (!told_.empty()) told_ += " ";
      told_ += result.key + "=" + std::to_string(std::get<0>(result.value)) + "[" +
               std::to_string(result.windowStart) + "," + std::to_string(result.windowEnd) + ")";
      if (result.pane != Pane::kOnTime) told_ += paneName(result.pane);
    };
  }

  const KeyGroupRange own_;
  Windows windows_;
  std::string told_;
};

using CountedSlices = SlicedWindows<std::string, Rec, decltype(CountAndSum::make())>;
using CountedSessions = MergingSessions<std::string, Rec, decltype(CountAndSum::make())>;

TEST_CASE("windows that take over from two tell each key what its own have not told") {
  const WindowLayout layout = *WindowLayout::compile(tumbling(Duration(10)));
  const std::string a = keyIn(kAhead);
  const std::string b = keyIn(kBehind);
  ReplayedChanges stored;
  Part<CountedSlices> ahead(kAhead, layout, Duration(20));
  Part<CountedSlices> behind(kBehind, layout, Duration(20));
  CHECK(ahead.add(a, 15) == "");
  CHECK(behind.add(b, 15) == "");
  CHECK(ahead.advance(29) == a + "=1[10,20)");
  CHECK(behind.advance(9) == "");
  ahead.write(stored);
  behind.write(stored);

  Part<CountedSlices> both(kAll, layout, Duration(20));
  both.goOn(stored, 9, 29);
  CHECK(both.isAnyAhead());
  CHECK(both.add(a, 9) == "dropped");
  CHECK(both.add(b, 9) == b + "=1[0,10)late");
  CHECK(both.add(a, 16) == a + "=2[10,20)late");
  CHECK(both.add(a, 25) == a + "=1[20,30)late");
  CHECK(both.add(b, 16) == "");
  CHECK(both.add(a, 35) == "");
  CHECK(both.advance(19) == b + "=2[10,20)");
  both.write(stored);

  // And those that take over from these, while a is ahead still.
  Part<CountedSlices> first(kAhead, layout, Duration(20));
  Part<CountedSlices> second(kBehind, layout, Duration(20));
  first.goOn(stored, 19, 29);
  second.goOn(stored, 19, 29);
  CHECK(first.isAnyAhead());
  CHECK_FALSE(second.isAnyAhead());
  CHECK(first.add(a, 17) == a + "=3[10,20)late");
  CHECK(second.add(b, 25) == "");
  CHECK(first.advance(29) == "");
  CHECK_FALSE(first.isAnyAhead());
  CHECK(second.advance(29) == b + "=1[20,30)");
  CHECK(first.add(a, 29) == a + "=2[20,30)late");
  CHECK(first.advance(39) == a + "=1[30,40)");
}

TEST_CASE(
    "a sliding window that was told is not told again from the slices that others still need") {
  const WindowLayout layout = *WindowLayout::compile(sliding(Duration(20), Duration(10)));
  const std::string a = keyIn(kAhead);
  const std::string b = keyIn(kBehind);
  ReplayedChanges stored;
  Part<CountedSlices> ahead(kAhead, layout, Duration(0));
  Part<CountedSlices> behind(kBehind, layout, Duration(0));
  ahead.add(a, 5);
  behind.add(b, 5);
  CHECK(ahead.advance(9) == a + "=1[-10,10)");
  ahead.write(stored);
  behind.write(stored);
  Part<CountedSlices> both(kAll, layout, Duration(0));
  both.goOn(stored, 0, 9);
  both.add(a, 6);
  both.add(b, 6);
  CHECK(both.advance(9) == b + "=2[-10,10)");
  both.add(a, 15);
  CHECK(both.add(a, -1) == "dropped");
  const std::string last = both.advance(19);
  CHECK((last == a + "=3[0,20) " + b + "=2[0,20)" || last == b + "=2[0,20) " + a + "=3[0,20)"));
}

TEST_CASE("so it is with sessions") {
  const std::string a = keyIn(kAhead);
  const std::string b = keyIn(kBehind);
  ReplayedChanges stored;
  Part<CountedSessions> ahead(kAhead, session(Duration(10)), Duration(20));
  Part<CountedSessions> behind(kBehind, session(Duration(10)), Duration(20));
  ahead.add(a, 15);
  behind.add(b, 15);
  CHECK(ahead.advance(29) == a + "=1[15,25)");
  behind.advance(9);
  ahead.write(stored);
  behind.write(stored);
  Part<CountedSessions> both(kAll, session(Duration(10)), Duration(20));
  both.goOn(stored, 9, 29);
  CHECK(both.add(a, -1) == "dropped");
  CHECK(both.add(a, 16) == a + "=2[15,26)late");
  CHECK(both.add(b, 16) == "");
  CHECK(both.advance(25) == b + "=2[15,26)");
  CHECK(both.add(a, 22) == "");
  CHECK(both.advance(31) == a + "=3[15,32)");
}

TEST_CASE("what was kept under one cut of time is not taken for another") {
  using Windows = SlicedWindows<std::string, Rec, decltype(CountAndSum::make())>;
  const auto windowsOf = [](const WindowSpec& spec) {
    return std::make_unique<Windows>(*WindowLayout::compile(spec), CountAndSum::make());
  };
  REQUIRE(windowsOf(tumbling(Duration(10)))->stateKind() !=
          windowsOf(tumbling(Duration(20)))->stateKind());
  const auto before = windowsOf(tumbling(Duration(10)));
  before->keepChanges(StateId{0}, 1, KeyGroupRange{0, 1});
  before->add("k", Rec{1}, 5);
  before->freeze();
  StateChanges changes;
  while (before->writeFrozen(changes, 1)) {
  }
  StateChangesReader in(changes);
  const StateChange put = in.next()->value();
  CHECK(windowsOf(tumbling(Duration(10)))->restore(put.key, put.value));
  CHECK_FALSE(windowsOf(tumbling(Duration(7)))->restore(put.key, put.value));
  CHECK_FALSE(windowsOf(tumbling(Duration(10)))->restore(put.key.substr(1), put.value));
  CHECK_FALSE(windowsOf(tumbling(Duration(10)))->restore(put.key, put.value.substr(1)));
}

}  // namespace
}  // namespace millrace::test
