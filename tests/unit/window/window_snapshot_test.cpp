// SPDX-License-Identifier: MIT
// Windows through checkpoints: whatever was written at a barrier, in whatever pieces, brings windows
// back that tell the same from there on.
#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <millrace/window/global_windows.hpp>
#include <millrace/window/session_windows.hpp>
#include <millrace/window/sliced_windows.hpp>

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
        accepted += result.placement == Placement::kAccepted || result.placement == Placement::kLatePartial ? 1 : 0;
        break;
      }
      case Step::Kind::kAdvance:
        fire(clock += step.time, false);
        break;
      case Step::Kind::kFireEarly:
        if (options.early.kind != EarlyFiring::Kind::kProcessingTime) break;
        told.clear();
        it.act([&told](Windows& windows) {
          while (windows.fireEarly([&](auto&& r) { told.push_back(textOf(windows.aggregate())(r)); }, 2)) {
          }
        });
        RC_ASSERT(sorted(told) == sorted(naive.fireEarly()));
        break;
    }
    // A piece after most steps, so that many entries change while they are being written.
    if (step.value % 5 == 0) it.barrier();
    if (step.value % 3 != 0) it.write(static_cast<std::size_t>(1 + (step.value & 31)), step.value % 2 == 0);
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
        [&] { return std::make_unique<Windows>(layout, Kind::make(), options); }, naive, options, drawSteps());
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
        [&] { return std::make_unique<Windows>(session(gap), Kind::make(), options); }, naive, options, drawSteps());
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
      if (step.value % 3 != 0) it.write(static_cast<std::size_t>(1 + (step.value & 31)), step.value % 2 == 0);
      RC_ASSERT(it.windows().heldRecords() == plain->heldRecords());
    }
  }));
  GlobalWindows<std::string, Rec, decltype(CountAndSum::make())> windows(global(1), CountAndSum::make());
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

TEST_CASE("what was kept under one cut of time is not taken for another") {
  using Windows = SlicedWindows<std::string, Rec, decltype(CountAndSum::make())>;
  const auto windowsOf = [](const WindowSpec& spec) {
    return std::make_unique<Windows>(*WindowLayout::compile(spec), CountAndSum::make());
  };
  REQUIRE(windowsOf(tumbling(Duration(10)))->stateKind() != windowsOf(tumbling(Duration(20)))->stateKind());
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
