// SPDX-License-Identifier: MIT
// Windows over a base against windows that hold everything.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <millrace/base/random.hpp>
#include <millrace/window/sliced_windows.hpp>

#include "unit/state/stored_below.hpp"
#include "unit/window/window_scenario.hpp"

namespace millrace::test {
namespace {

constexpr std::uint32_t kGroups = 8;
constexpr StateId kState{3};
constexpr std::size_t kNoLimit = std::size_t{1} << 30;

// What happened in all cases of a property: that the clever part has been at work.
struct Seen {
  std::size_t evicted = 0;
  std::size_t fetched = 0;
  std::size_t shown = 0;
  std::size_t restarts = 0;
};

// Windows that hold everything beside any number of instances over a base. They are told the same;
// now and then the latter are replaced, by another number, from what was written and what has
// happened since.
template <typename Windows>
class Twins {
 public:
  using Make = std::function<std::unique_ptr<Windows>()>;
  using Action = std::function<void(Windows&)>;

  Twins(Make make, std::uint64_t seed, Seen& seen)
      : make_(std::move(make)), random_(seed), seen_(seen) {
    plain_ = make_();
    plain_->keepChanges(kState, kGroups, {0, kGroups});
    start(false);
  }
  ~Twins() {
    seen_.fetched += below_.found - below_.shown;
    seen_.shown += below_.shown;
  }

  std::vector<Row> add(const std::string& key, int value, Timestamp time) {
    std::vector<Row> expected;
    std::vector<Row> told;
    const AddResult result = addTo(*plain_, key, value, time, expected);
    const KeyGroup group = keyGroupOf(millraceHash(key), kGroups);
    AddResult found;
    act(group, [&](Windows& windows) { found = addTo(windows, key, value, time, told); });
    note(group, [=](Windows& windows) {
      std::vector<Row> again;
      addTo(windows, key, value, time, again);
    });
    require(found == result, "a record went elsewhere");
    compare(told, expected);
    return told;
  }

  std::vector<Row> fire(Timestamp watermark, bool endOfInput = false) {
    watermark_ = std::max(watermark_, watermark);
    const std::size_t limit = 1 + random_.below(5);
    return everywhere([=](Windows& windows, std::vector<Row>& rows) {
      windows.advance(watermark, endOfInput);
      while (
          windows.fire([&](auto&& r) { rows.push_back(textOf(windows.aggregate())(r)); }, limit)) {
      }
    });
  }

  std::vector<Row> fireEarly() {
    const std::size_t limit = 1 + random_.below(3);
    return everywhere([=](Windows& windows, std::vector<Row>& rows) {
      if constexpr (kRefires) {
        while (windows.fireEarly([&](auto&& r) { rows.push_back(textOf(windows.aggregate())(r)); },
                                 limit)) {
        }
      }
    });
  }

  // What time brings besides records.
  void liveOn() {
    if (random_.chance(0.15)) barrier();
    if (random_.chance(0.6)) writePiece(random_.below(60));
    if (random_.chance(0.3)) below_.moveDown();
    if (random_.chance(0.3)) below_.settle();
    if (random_.chance(0.6)) keepWithinMemory();
    if (random_.chance(0.02)) restart();
    compareCounts();
  }

  void barrier() {
    while (writePiece(kNoLimit)) {
    }
    ++below_.last;
    plain_->freeze();
    StateChanges all;
    while (plain_->writeFrozen(all, kNoLimit)) {
    }
    expected_.apply(all);
    since_.clear();
    barrierWatermark_ = watermark_;
    positions_.clear();
    for (const auto& instance : instances_) {
      ByteWriter out(positions_.emplace_back());
      instance->writePosition(out);
      instance->freeze();
    }
    writing_ = 0;
  }

  // True: there is more.
  bool writePiece(std::size_t limit) {
    if (writing_ == instances_.size()) return false;
    if (instances_[writing_]->writeFrozen(epoch_, limit) || ++writing_ < instances_.size())
      return true;
    written_.apply(epoch_);
    require(written_.entries() == expected_.entries(), "the stored state is not the same");
    below_.send(std::move(epoch_));
    epoch_ = StateChanges();
    whole_ = {positions_, barrierWatermark_, since_};
    return false;
  }

  void keepWithinMemory() {
    below_.limit = random_.chance(0.6) ? 0 : random_.below(6000);
    below_.isRoomy = random_.chance(0.5);
    const std::uint64_t before = heldEntries();
    for (const auto& instance : instances_)
      require(instance->keepWithinMemory() == below_.isRoomy,
              "whether to wait is not for windows to say");
    seen_.evicted += before - heldEntries();
  }

  // What was not written as a whole is gone; the rest has come down by the time windows are made.
  void restart() {
    if (below_.last == 0) return;
    below_.restart();
    epoch_ = StateChanges();
    written_ = below_.held;
    since_ = whole_.since;
    start(true);
    // The changes since the barrier were never written; these make them anew.
    for (const auto& [group, action] : since_) act(group, action);
    ++seen_.restarts;
  }

  void compareCounts() {
    std::uint64_t accepted = 0;
    std::uint64_t held = 0;
    for (const auto& instance : instances_) {
      accepted += instance->acceptedRecords();
      held += instance->heldRecords();
    }
    require(accepted == plain_->acceptedRecords(), "other counts of accepted records");
    require(held == plain_->heldRecords(), "other counts of held records");
  }

 private:
  static constexpr bool kRefires = requires(Windows & windows) {
    windows.fireEarly([](auto&&) {}, 1);
  };
  using Noted = std::vector<std::pair<std::optional<KeyGroup>, Action>>;
  struct Whole {
    std::vector<std::string> positions;
    Timestamp watermark = kMinTimestamp;
    Noted since;
  };

  static AddResult addTo(Windows& windows, const std::string& key, int value, Timestamp time,
                         std::vector<Row>& rows) {
    AddResult result;
    windows.addBatch(
        1, [&](std::size_t) -> const std::string& { return key; },
        [&](std::size_t) { return Rec{value}; }, [&](std::size_t) { return time; },
        [&](std::size_t, AddResult answer) {
          result = answer;
          if constexpr (kRefires) {
            if (answer.due)
              windows.emitDue(key,
                              [&](auto&& r) { rows.push_back(textOf(windows.aggregate())(r)); });
          }
        });
    return result;
  }

  void start(bool goesOn) {
    instances_.clear();
    const auto workers = static_cast<std::uint32_t>(1 + random_.below(3));
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
      instances_.push_back(make_());
      Windows& windows = *instances_.back();
      windows.keepChanges(kState, kGroups, keyGroupsOf(worker, workers, kGroups));
      windows.setBelow(below_, goesOn);
      for (const std::string& position : whole_.positions) {
        ByteReader in(position);
        require(windows.readPosition(in, worker == 0), "a position is damaged");
      }
      if (whole_.watermark != kMinTimestamp) windows.restoreWatermark(whole_.watermark);
    }
    writing_ = instances_.size();
  }

  // Of one key's instance, or of all.
  void act(const std::optional<KeyGroup>& group, const Action& action) {
    const auto workers = static_cast<std::uint32_t>(instances_.size());
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
      if (!group || ownerOf(*group, workers, kGroups) == worker) action(*instances_[worker]);
    }
  }
  void note(const std::optional<KeyGroup>& group, Action action) {
    whole_.since.emplace_back(group, action);
    since_.emplace_back(group, std::move(action));
  }

  std::vector<Row> everywhere(std::function<void(Windows&, std::vector<Row>&)> tell) {
    std::vector<Row> expected;
    std::vector<Row> told;
    tell(*plain_, expected);
    act({}, [&](Windows& windows) {
      std::vector<Row> rows;
      tell(windows, rows);
      require(std::is_sorted(rows.begin(), rows.end(),
                             [](const Row& a, const Row& b) { return a.end < b.end; }),
              "windows were not told in order");
      told.insert(told.end(), rows.begin(), rows.end());
    });
    note({}, [tell](Windows& windows) {
      std::vector<Row> again;
      tell(windows, again);
    });
    compare(told, expected);
    return told;
  }

  static void compare(const std::vector<Row>& told, const std::vector<Row>& expected) {
    RC_ASSERT(sorted(told) == sorted(expected));
  }

  std::uint64_t heldEntries() const {
    std::uint64_t entries = 0;
    for (const auto& instance : instances_) entries += instance->heldEntries();
    return entries;
  }

  const Make make_;
  Random random_;
  Seen& seen_;
  StoredBelow below_;
  std::unique_ptr<Windows> plain_;
  std::vector<std::unique_ptr<Windows>> instances_;
  Timestamp watermark_ = kMinTimestamp;

  // The checkpoint being written, then the last one that was, each with what has happened since.
  std::vector<std::string> positions_;
  Timestamp barrierWatermark_ = kMinTimestamp;
  Noted since_;
  std::size_t writing_ = 0;  // the instance
  StateChanges epoch_;
  Whole whole_;

  ReplayedChanges written_;
  ReplayedChanges expected_;  // by the windows that hold everything
};

// `scale`: of times, for days are longer than what is drawn.
template <typename Windows>
void compareTwins(typename Twins<Windows>::Make make, const WindowOptions& options, Timestamp scale,
                  Seen& seen) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>().as("seed");
  Twins<Windows> twins(std::move(make), seed, seen);
  Timestamp clock = -300 * scale;
  for (const Step& step : drawSteps()) {
    switch (step.kind) {
      case Step::Kind::kAdd: {
        const int key = step.key * 3 + std::abs(step.value) % 3;
        twins.add("k" + std::to_string(key), step.value, clock + step.time * scale);
        break;
      }
      case Step::Kind::kAdvance:
        clock += std::min(step.time, 2000) * scale;
        twins.fire(clock);
        break;
      case Step::Kind::kFireEarly:
        if (options.early.kind == EarlyFiring::Kind::kProcessingTime) twins.fireEarly();
        break;
    }
    twins.liveOn();
  }
  twins.fire(kMaxTimestamp, true);
  twins.compareCounts();
}

void checkSeen(const Seen& seen) {
  CHECK(seen.evicted > 200);
  CHECK(seen.fetched > 50);
  CHECK(seen.shown > 100);
  CHECK(seen.restarts > 20);
}

template <typename Kind>
void slicedMatch(const std::string& what) {
  Seen seen;
  CHECK(rc::check(what, [&] {
    using Windows = SlicedWindows<std::string, Rec, decltype(Kind::make())>;
    const WindowLayout layout = *WindowLayout::compile(drawSpec());
    const WindowOptions options = drawOptions();
    compareTwins<Windows>([&] { return std::make_unique<Windows>(layout, Kind::make(), options); },
                          options, 1, seen);
  }));
  checkSeen(seen);
}

TEST_CASE("windows over a base tell what windows that hold everything do") {
  slicedMatch<CountAndSum>("counted and summed");
  slicedMatch<Greatest>("their greatest");
  slicedMatch<Elements>("all their elements");
}

TEST_CASE("so do windows that ask for nothing special") {
  using Windows = SlicedWindows<std::string, Rec, decltype(CountAndSum::make()), false, false>;
  for (const bool isCalendar : {false, true}) {
    Seen seen;
    CHECK(rc::check(isCalendar ? "calendar" : "tumbling", [&] {
      const WindowSpec spec = isCalendar
                                  ? WindowSpec(calendar(CalendarUnit::kDay, "Europe/Berlin"))
                                  : WindowSpec(tumbling(Duration(*drawIn(1, 60).as("size"))));
      const WindowLayout layout = *WindowLayout::compile(spec);
      compareTwins<Windows>([&] { return std::make_unique<Windows>(layout, CountAndSum::make()); },
                            {}, isCalendar ? 1'800'000 : 1, seen);
    }));
    checkSeen(seen);
  }
}

using Counted = SlicedWindows<std::string, Rec, decltype(CountAndSum::make())>;

std::unique_ptr<Counted> over(StoredBelow& below, const WindowSpec& spec,
                              bool holdsEntries = false) {
  auto windows = std::make_unique<Counted>(*WindowLayout::compile(spec), CountAndSum::make());
  windows->keepChanges(kState, kGroups, {0, kGroups});
  windows->setBelow(below, holdsEntries);
  return windows;
}

std::string keyAt(std::size_t i) {
  return "a key of more than a few letters: " + std::to_string(i);
}

// Ends an epoch and settles it.
void settle(Counted& windows, StoredBelow& below) {
  StateChanges changes;
  ++below.last;
  windows.freeze();
  while (windows.writeFrozen(changes, 1000)) {
  }
  below.settle(std::move(changes));
}

// Two more epochs pass, so that all that was settled is known to be.
void letGoOfAll(Counted& windows, StoredBelow& below) {
  below.limit = 0;
  for (int i = 0; i < 2; ++i) {
    settle(windows, below);
    windows.keepWithinMemory();
  }
  below.limit = kNoLimit;
}

std::vector<Row> fireAll(Counted& windows, Timestamp watermark) {
  std::vector<Row> rows;
  windows.advance(watermark);
  while (windows.fire([&](auto&& r) { rows.push_back(textOf(windows.aggregate())(r)); }, 100)) {
  }
  return sorted(rows);
}

TEST_CASE("entries that are settled go when memory is short, and come back with their keys") {
  constexpr std::size_t kKeys = 3000;
  StoredBelow below;
  const auto windows = over(below, tumbling(Duration(10)));
  for (std::size_t i = 0; i < kKeys; ++i) windows->add(keyAt(i), Rec{1}, 5);
  windows->keepWithinMemory();
  const std::size_t whole = below.used;
  CHECK(whole > kKeys * keyAt(0).size());
  letGoOfAll(*windows, below);
  windows->keepWithinMemory();
  CHECK(below.used < whole / 8);
  CHECK(windows->heldEntries() == 0);
  CHECK(below.asked == 0);
  for (std::size_t i = 0; i < kKeys / 2; ++i) windows->add(keyAt(i), Rec{2}, 5);
  CHECK(below.found == kKeys / 2);
  for (std::size_t i = 0; i < kKeys / 2; ++i) windows->add(keyAt(i), Rec{3}, 5);
  CHECK(below.asked == kKeys / 2);
  CHECK(windows->heldEntries() == kKeys / 2);

  std::vector<Row> expected;
  for (std::size_t i = 0; i < kKeys; ++i)
    expected.push_back({keyAt(i), i < kKeys / 2 ? "3/6" : "1/1", 0, 10, Pane::kOnTime});
  CHECK(fireAll(*windows, 9) == sorted(expected));
  CHECK(windows->heldRecords() == 0);
}

TEST_CASE("a window of slices with entries below tells them and keeps none of them") {
  StoredBelow below;
  const auto windows = over(below, sliding(Duration(30), Duration(10)));
  for (std::size_t i = 0; i < 100; ++i) windows->add(keyAt(i), Rec{1}, 5);
  letGoOfAll(*windows, below);
  for (std::size_t i = 50; i < 150; ++i) windows->add(keyAt(i), Rec{1}, 15);
  CHECK(fireAll(*windows, 9).size() == 100);
  CHECK(windows->heldEntries() == 100);
  const std::vector<Row> rows = fireAll(*windows, 19);
  CHECK(rows.size() == 150);
  for (const Row& row : rows) {
    const auto i = static_cast<std::size_t>(std::stoi(row.key.substr(row.key.find(':') + 1)));
    CHECK(row.value == (50 <= i && i < 100 ? "2/2" : "1/1"));
  }
  CHECK(windows->heldEntries() == 100);
  CHECK(fireAll(*windows, 39).size() == 150 + 100);
}

TEST_CASE("an entry that changed after the last settled barrier stays, however short memory is") {
  StoredBelow below;
  const auto windows = over(below, tumbling(Duration(10)));
  below.limit = 0;
  for (std::size_t i = 0; i < 10; ++i) windows->add(keyAt(i), Rec{1}, 5);
  StateChanges underway;
  for (int epoch = 0; epoch < 20; ++epoch) {
    ++below.last;
    windows->freeze();
    windows->keepWithinMemory();
    while (windows->writeFrozen(underway, 100)) windows->keepWithinMemory();
    windows->keepWithinMemory();
  }
  CHECK(windows->heldEntries() == 10);
  below.settle(std::move(underway));
  letGoOfAll(*windows, below);
  CHECK(windows->heldEntries() == 0);
  CHECK(fireAll(*windows, 9).size() == 10);
}

TEST_CASE("windows that began empty and let go of nothing never ask below") {
  StoredBelow below;
  const auto windows = over(below, sliding(Duration(30), Duration(10)));
  for (int i = 0; i < 200; ++i) {
    windows->add(keyAt(static_cast<std::size_t>(i) % 17), Rec{1}, i);
    windows->keepWithinMemory();
    settle(*windows, below);
    if (i % 10 == 9) fireAll(*windows, i - 20);
  }
  CHECK(below.asked == 0);
}

TEST_CASE("many keys that come once leave no more in memory than the limit") {
  StoredBelow below;
  const auto windows = over(below, tumbling(Duration(1'000'000)));
  constexpr std::size_t kLimit = 100'000;
  std::size_t most = 0;
  for (std::size_t i = 0; i < 50'000; ++i) {
    below.limit = kLimit;
    windows->add(keyAt(i), Rec{1}, static_cast<Timestamp>(i));
    if (i % 100 != 0) continue;
    settle(*windows, below);
    windows->keepWithinMemory();
    most = std::max(most, below.used);
  }
  CHECK(most < kLimit + kLimit / 2);
  CHECK(fireAll(*windows, 1'000'000).size() == 50'000);
}

TEST_CASE("a damaged entry below stops the job with the name of the state") {
  for (const std::string& spoilt : {std::string(), std::string("x"), std::string(100, 'x')}) {
    StoredBelow below;
    const auto windows = over(below, tumbling(Duration(10)));
    windows->add(keyAt(1), Rec{1}, 5);
    letGoOfAll(*windows, below);
    REQUIRE(below.held.entries().size() == 1);
    const auto [key, entry] = *below.held.entries().begin();
    below.held.put(key, {entry.group, spoilt});
    REQUIRE_THROWS_WITH(windows->add(keyAt(1), Rec{1}, 5),
                        Catch::Contains("entry of state 'windows' is damaged"));
    REQUIRE_THROWS_WITH(fireAll(*windows, 9),
                        Catch::Contains("entry of state 'windows' is damaged"));
    try {
      windows->add(keyAt(1), Rec{1}, 5);
    } catch (const JobError& error) {
      CHECK(error.code() == StatusCode::kDataLoss);
    }
  }
}

TEST_CASE("a base that cannot be read stops the job with the name of the state") {
  StoredBelow below;
  const auto windows = over(below, tumbling(Duration(10)));
  windows->add(keyAt(1), Rec{1}, 5);
  letGoOfAll(*windows, below);
  below.failure = absl::UnavailableError("the disk is away");
  REQUIRE_THROWS_WITH(windows->add(keyAt(1), Rec{1}, 5),
                      Catch::Contains("'windows': the disk is away"));
  below.failure = absl::OkStatus();
  windows->add(keyAt(1), Rec{1}, 5);
  CHECK(fireAll(*windows, 9) == std::vector<Row>{{keyAt(1), "2/2", 0, 10, Pane::kOnTime}});
}

}  // namespace
}  // namespace millrace::test
