// SPDX-License-Identifier: MIT
// Sessions and global windows over a base against such that hold everything.
#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <millrace/base/random.hpp>
#include <millrace/window/global_windows.hpp>
#include <millrace/window/session_windows.hpp>

#include "unit/state/stored_below.hpp"
#include "unit/window/window_scenario.hpp"

namespace millrace::test {
namespace {

constexpr std::uint32_t kGroups = 8;
constexpr StateId kWindows{3};
constexpr StateId kTimers{4};
constexpr std::size_t kAll = std::size_t{1} << 40;

// What all cases together have seen.
struct Seen {
  std::size_t fetched = 0;
  std::size_t walked = 0;
  std::size_t restarts = 0;
  std::size_t ontoMemory = 0;
};

class Below final : public StoredBelow {
 public:
  explicit Below(Seen& seen) : seen_(seen) {}

  StatusOr<bool> read(StateId state, KeyGroup group, std::string_view key,
                      std::string& value) override {
    const auto change = changed_.find({state, std::string(key)});
    if (state == kWindows && change != changed_.end()) {
      RC_ASSERT(change->second <= settled);  // else it is not this entry that is asked for
    }
    MILLRACE_ASSIGN_OR_RETURN(const bool isThere, StoredBelow::read(state, group, key, value));
    if (isThere && state == kWindows) ++seen_.fetched;
    return isThere;
  }
  Status readFrom(StateId state, KeyGroup group, std::string_view from,
                  const Walker& walk) override {
    return StoredBelow::readFrom(state, group, from,
                                 [&](std::string_view key, std::string_view value) {
                                   if (state == kWindows) ++seen_.walked;
                                   return walk(key, value);
                                 });
  }

  void send(StateChanges epoch) {
    StateChangesReader in(epoch);
    for (auto change = in.next().value(); change; change = in.next().value()) {
      changed_[{change->state, std::string(change->key)}] = last;
    }
    StoredBelow::send(std::move(epoch));
  }
  void restart() {
    StoredBelow::restart();
    changed_.clear();
  }

 private:
  Seen& seen_;
  std::map<ReplayedChanges::Key, std::uint64_t> changed_;
};

// All instances of one operator, of which each has some of the keys. They lie over a base, or hold
// everything; now and then others go on from the last checkpoint.
template <typename Windows>
class Fleet {
 public:
  using Make = std::function<std::unique_ptr<Windows>()>;
  using Action = std::function<void(Windows&)>;

  Fleet(Make make, std::uint64_t seed, Seen& seen)
      : make_(std::move(make)), random_(seed), seen_(seen), below_(seen) {
    begin();
  }

  // To the instance that has the key; to all. They are told so again when they have gone back.
  void tell(const std::string& key, Action action) { act({key, std::move(action)}); }
  void tellAll(Action action) { act({std::nullopt, std::move(action)}); }
  void setWatermark(Timestamp watermark) { watermark_ = watermark; }

  // What goes on besides the records.
  void live() {
    if (!isWriting_ && random_.chance(0.3)) barrier();
    if (random_.chance(0.6)) write(1 + random_.below(100));
    if (random_.chance(0.5)) below_.moveDown();
    if (random_.chance(0.5)) below_.settle();
    if (random_.chance(0.7)) keepWithinMemory();
  }

  template <typename F>
  std::uint64_t sum(F&& count) const {
    std::uint64_t all = 0;
    for (const auto& windows : instances_) all += count(*windows);
    return all;
  }

  // What is stored in the end.
  const ReplayedChanges& finish() {
    while (isWriting_) write(kAll, false);
    barrier();
    while (isWriting_) write(kAll, false);
    below_.moveAllDown();
    return below_.held;
  }

  Below& below() { return below_; }

 private:
  using Told = std::pair<std::optional<std::string>, Action>;

  std::size_t ownerOfKey(const std::string& key) const {
    const KeyGroup group = keyGroupOf(millraceHash(key), kGroups);
    return ownerOf(group, static_cast<std::uint32_t>(instances_.size()), kGroups);
  }

  void act(Told told) {
    run(told);
    if (isWriting_) since_.push_back(std::move(told));
  }
  void run(const Told& told) {
    if (told.first) return told.second(*instances_[ownerOfKey(*told.first)]);
    for (const auto& windows : instances_) told.second(*windows);
  }

  void begin() {
    instances_.clear();
    const std::uint32_t count = 1 + static_cast<std::uint32_t>(random_.below(3));
    isOverBase_ = random_.chance(0.8);
    if (!isOverBase_) ++seen_.ontoMemory;
    below_.restart();
    for (std::uint32_t i = 0; i < count; ++i) {
      instances_.push_back(make_());
      Windows& windows = *instances_.back();
      windows.keepChanges(kWindows, kGroups, keyGroupsOf(i, count, kGroups));
      if constexpr (kHasTimers) windows.setTimersState(kTimers, isSaved_);
      if (isOverBase_) windows.setBelow(below_, isSaved_);
    }
  }

  void barrier() {
    isWriting_ = true;
    since_.clear();
    positions_.clear();
    watermarkThen_ = watermark_;
    ++below_.last;
    for (const auto& windows : instances_) {
      ByteWriter out(positions_.emplace_back());
      windows->writePosition(out);
      windows->freeze();
    }
    writing_ = 0;
  }

  void write(std::size_t limit, bool mayRestart = true) {
    if (!isWriting_) return;
    if (instances_[writing_]->writeFrozen(epoch_, limit) || ++writing_ < instances_.size()) return;
    isWriting_ = false;
    below_.send(std::move(epoch_));
    epoch_ = StateChanges();
    if (mayRestart && random_.chance(0.15)) restart();
  }

  void keepWithinMemory() {
    below_.limit = random_.chance(0.6) ? 0 : random_.below(4000);
    below_.isRoomy = random_.chance(0.5);
    for (const auto& windows : instances_)
      RC_ASSERT(windows->keepWithinMemory() == (below_.isRoomy || !isOverBase_));
  }

  // All that was written has come down by the time an operator is made.
  void restart() {
    ++seen_.restarts;
    isSaved_ = true;
    begin();
    for (std::size_t i = 0; i < instances_.size(); ++i) {
      for (const std::string& bytes : positions_) {
        ByteReader position(bytes);
        RC_ASSERT(instances_[i]->readPosition(position, i == 0));
        RC_ASSERT(position.isAtEnd());
      }
      if (watermarkThen_ != kMinTimestamp) instances_[i]->restoreWatermark(watermarkThen_);
    }
    for (const auto& [id, entry] : below_.held.entries()) restore(id.first, id.second, entry);
    for (const Told& told : since_) run(told);
  }

  void restore(StateId state, const std::string& key, const ReplayedChanges::Entry& entry) {
    Windows& windows =
        *instances_[ownerOf(entry.group, static_cast<std::uint32_t>(instances_.size()), kGroups)];
    if (windows.fetchesOnDemand(state)) return;
    if constexpr (kHasTimers) {
      if (state == kTimers) return windows.restoreTimer();
    }
    RC_ASSERT(windows.restore(key, entry.value));
  }

  static constexpr bool kHasTimers = requires(Windows & windows) { windows.restoreTimer(); };

  const Make make_;
  Random random_;
  Seen& seen_;
  Below below_;
  std::vector<std::unique_ptr<Windows>> instances_;
  bool isOverBase_ = false;
  bool isSaved_ = false;
  bool isWriting_ = false;
  std::size_t writing_ = 0;  // the instance
  StateChanges epoch_;
  std::vector<std::string> positions_;
  std::vector<Told> since_;  // the barrier
  Timestamp watermark_ = kMinTimestamp;
  Timestamp watermarkThen_ = kMinTimestamp;
};

template <typename Windows>
class Twins {
 public:
  Twins(typename Fleet<Windows>::Make make, Seen& seen)
      : fleet_(make, *rc::gen::arbitrary<std::uint64_t>().as("seed"), seen), plain_(make()) {}

  void play(const Step& step, const WindowOptions& options) {
    switch (step.kind) {
      case Step::Kind::kAdd:
        return add("k" + std::to_string(step.key + 4 * (step.value & 7)), step.value,
                   clock_ + step.time);
      case Step::Kind::kAdvance:
        return advance(clock_ += step.time, false);
      case Step::Kind::kFireEarly:
        if (options.early.kind == EarlyFiring::Kind::kProcessingTime) fireEarly();
    }
  }

  void add(const std::string& key, int value, Timestamp time) {
    const auto run = [key, value, time](Windows& windows, std::vector<Row>& told,
                                        AddResult& result) {
      result = windows.add(std::string_view(key), Rec{value}, time);
      if (!result.due) return;
      windows.emitDue(std::string_view(key),
                      [&](auto&& r) { told.push_back(textOf(windows.aggregate())(r)); });
    };
    told_.clear();
    expected_.clear();
    AddResult expected;
    fleet_.tell(key, [this, run](Windows& windows) { run(windows, told_, result_); });
    run(*plain_, expected_, expected);
    RC_ASSERT(result_ == expected);
    compare();
  }

  void advance(Timestamp watermark, bool isEnd) {
    fleet_.setWatermark(watermark);
    tellBoth([watermark, isEnd](Windows& windows, std::vector<Row>& told) {
      windows.advance(watermark, isEnd);
      while (windows.fire([&](auto&& r) { told.push_back(textOf(windows.aggregate())(r)); }, 3)) {
      }
    });
  }

  void fireEarly() {
    if constexpr (requires { plain_->fireEarly([](auto&&) {}, std::size_t{1}); }) {
      tellBoth([](Windows& windows, std::vector<Row>& told) {
        while (windows.fireEarly([&](auto&& r) { told.push_back(textOf(windows.aggregate())(r)); },
                                 2)) {
        }
      });
    }
  }

  void live() {
    fleet_.live();
    compareCounts();
  }

  void compareCounts() {
    RC_ASSERT(fleet_.sum([](const Windows& w) { return w.acceptedRecords(); }) ==
              plain_->acceptedRecords());
    RC_ASSERT(fleet_.sum([](const Windows& w) { return w.heldRecords(); }) ==
              plain_->heldRecords());
    RC_ASSERT(fleet_.sum([](const Windows& w) { return w.heldKeys(); }) == plain_->heldKeys());
  }

  Fleet<Windows>& fleet() { return fleet_; }

 private:
  template <typename Run>
  void tellBoth(Run run) {
    told_.clear();
    expected_.clear();
    fleet_.tellAll([this, run](Windows& windows) { run(windows, told_); });
    run(*plain_, expected_);
    compare();
  }

  void compare() const { RC_ASSERT(sorted(told_) == sorted(expected_)); }

  Fleet<Windows> fleet_;
  const std::unique_ptr<Windows> plain_;
  Timestamp clock_ = -300;
  std::vector<Row> told_;
  std::vector<Row> expected_;
  AddResult result_;
};

template <typename Windows>
void playToTheEnd(typename Fleet<Windows>::Make make, const WindowOptions& options, Seen& seen) {
  Twins<Windows> twins(std::move(make), seen);
  for (const Step& step : drawSteps()) {
    twins.play(step, options);
    twins.live();
  }
  twins.advance(kMaxTimestamp, true);
  twins.compareCounts();
}

void requireSeen(const Seen& seen) {
  CHECK(seen.fetched > 300);
  CHECK(seen.walked > 100);
  CHECK(seen.restarts > 50);
  CHECK(seen.ontoMemory > 10);
}

template <typename Kind>
void sessionsMatch(const std::string& what) {
  Seen seen;
  CHECK(rc::check(what, [&seen] {
    using Windows = MergingSessions<std::string, Rec, decltype(Kind::make())>;
    const Duration gap(*drawIn(1, 40).as("gap"));
    const WindowOptions options = drawOptions();
    playToTheEnd<Windows>(
        [=] { return std::make_unique<Windows>(session(gap), Kind::make(), options); }, options,
        seen);
  }));
  requireSeen(seen);
}

TEST_CASE(
    "sessions over a base tell what others do, through changes of workers and of what they lie "
    "over") {
  sessionsMatch<CountAndSum>("counted and summed");
  sessionsMatch<Elements>("all their elements");
}

TEST_CASE("global windows over a base tell what others do") {
  for (const std::uint64_t count : {0U, 1U, 3U}) {
    Seen seen;
    CHECK(rc::check("every " + std::to_string(count) + " records, or all", [&seen, count] {
      using Windows = GlobalWindows<std::string, Rec, decltype(Elements::make())>;
      playToTheEnd<Windows>(
          [=] { return std::make_unique<Windows>(global(count), Elements::make()); }, {}, seen);
    }));
    if (count == 0) requireSeen(seen);
    if (count == 3) CHECK(seen.fetched > 300);
  }
}

// Windows over a base that has one entry, of key "k".
template <typename Windows>
StatusCode codeOfFetching(Windows windows, const Status& failure, const std::string& value) {
  Seen seen;
  Below below(seen);
  below.failure = failure;
  const std::string key = "k";
  below.held.put({kWindows, toBytes(key)}, {keyGroupOf(millraceHash(key), kGroups), value});
  windows.keepChanges(kWindows, kGroups, {0, kGroups});
  if constexpr (requires { windows.restoreTimer(); }) windows.setTimersState(kTimers, false);
  windows.setBelow(below, true);
  try {
    windows.add(key, Rec{1}, 0);
  } catch (const JobError& error) {
    CHECK(std::string(error.what()).find("state 'windows'") != std::string::npos);
    return error.code();
  }
  return StatusCode::kOk;
}

TEST_CASE(
    "an entry below that is damaged, or cannot be read, fails the job with the state's name") {
  using Agg = decltype(CountAndSum::make());
  const auto sessions = [] {
    return MergingSessions<std::string, Rec, Agg>(session(Duration(10)), CountAndSum::make());
  };
  const auto totals = [] {
    return GlobalWindows<std::string, Rec, Agg>(global(), CountAndSum::make());
  };
  for (const std::string& damaged : {std::string(), std::string("\1\2\3", 3)}) {
    CHECK(codeOfFetching(sessions(), absl::OkStatus(), damaged) == StatusCode::kDataLoss);
    CHECK(codeOfFetching(totals(), absl::OkStatus(), damaged) == StatusCode::kDataLoss);
  }
  CHECK(codeOfFetching(sessions(), absl::UnavailableError("gone"), "") == StatusCode::kUnavailable);
  CHECK(codeOfFetching(totals(), absl::UnavailableError("gone"), "") == StatusCode::kUnavailable);
}

}  // namespace
}  // namespace millrace::test
