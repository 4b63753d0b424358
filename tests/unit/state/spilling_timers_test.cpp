// SPDX-License-Identifier: MIT
// Timers over a base against a plain set.
#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <millrace/base/random.hpp>
#include <millrace/state/timers.hpp>

#include "unit/state/stored_below.hpp"

namespace millrace {
namespace {

using test::ReplayedChanges;
using test::require;
using Pending = std::set<std::pair<Timestamp, std::string>>;

constexpr std::uint32_t kGroups = 8;
constexpr StateId kEvent{3};
constexpr StateId kProcessing{4};
constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

KeyGroup groupOf(const std::string& key) { return keyGroupOf(millraceHash(key), kGroups); }

// All instances share it.
class Below final : public test::StoredBelow {
 public:
  // What is read is as it was when the reading began. It may fail on its way.
  Status readFrom(StateId state, KeyGroup group, std::string_view from,
                  const Walker& walk) override {
    ReplayedChanges::Entries before;
    if (meanwhile) before = held.entries(), meanwhile();
    const ReplayedChanges::Entries& now = meanwhile ? before : held.entries();
    for (auto entry = now.lower_bound({state, std::string(from)}); entry != now.end(); ++entry) {
      if (entry->first.first != state) break;
      if (entry->second.group != group) continue;
      if (!failure.ok() && walkedBefore_++ % 2 == 1) return failure;
      ++walked;
      MILLRACE_ASSIGN_OR_RETURN(const bool goesOn, walk(entry->first.second, entry->second.value));
      if (!goesOn) return absl::OkStatus();
    }
    return failure;
  }

  std::function<void()> meanwhile;  // what happens while a range is read
  std::size_t walked = 0;

 private:
  std::size_t walkedBefore_ = 0;
};

struct Instance {
  Instance(Below& below, KeyGroupRange ofGroups, bool isRestored, const TimerLimits& limits)
      : groups(ofGroups) {
    timers.setStateIds(kEvent, kProcessing, kGroups);
    timers.trackChanges();
    timers.setBelow(below, groups, isRestored, isRestored, limits);
  }

  std::size_t inMemory() const {
    std::size_t count = 0;
    const auto one = [&](const std::string&, Timestamp) { ++count; };
    timers.forEachEventTimer(one);
    timers.forEachProcessingTimer(one);
    return count;
  }

  KeyGroupRange groups;
  Timers<std::string> timers;
};

// Event and processing timers alike.
struct Domain {
  bool isEvent = true;
  Pending pending;
  Pending atBarrier;  // that is being written
  Pending whole;      // that was written last

  bool add(Timers<std::string>& timers, const std::string& key, Timestamp time) const {
    return isEvent ? timers.registerEventTimer(key, time)
                   : timers.registerProcessingTimer(key, time);
  }
  bool remove(Timers<std::string>& timers, const std::string& key, Timestamp time) const {
    return isEvent ? timers.deleteEventTimer(key, time) : timers.deleteProcessingTimer(key, time);
  }
  bool has(Timers<std::string>& timers, const std::string& key, Timestamp time) const {
    return isEvent ? timers.hasEventTimer(key, time) : timers.hasProcessingTimer(key, time);
  }
  std::optional<Timer<std::string>> pop(Timers<std::string>& timers, Timestamp upTo) const {
    return isEvent ? timers.popDueEvent(upTo) : timers.popDueProcessing(upTo);
  }
  std::optional<Timestamp> next(Timers<std::string>& timers) const {
    return isEvent ? timers.nextEventTime() : timers.nextProcessingTime();
  }
  std::size_t size(Timers<std::string>& timers) const {
    return isEvent ? timers.pendingEventTimers() : timers.pendingProcessingTimers();
  }
  // Of these key groups.
  std::optional<Timestamp> leastOf(KeyGroupRange groups) const {
    for (const auto& [time, key] : pending) {
      if (groups.contains(groupOf(key))) return time;
    }
    return std::nullopt;
  }
};

// Any number of instances and a set, which are told the same.
class Run {
 public:
  Run(std::uint64_t seed, bool fails) : random_(seed), fails_(fails) {
    domains_[1].isEvent = false;
    span_ = static_cast<std::uint64_t>(random_.between(5, 400));
    below.meanwhile = [this] {
      if (random_.chance(0.3)) moveDown();
    };
    start(false);
  }

  void step() {
    switch (random_.below(26)) {
      case 0:
      case 1:
        return barrier();
      case 2:
      case 3:
        return static_cast<void>(writePiece(random_.below(200)));
      case 4:
      case 5:
        return moveDown();
      case 6:
        return below.settle();
      case 7:
      case 8:
      case 9:
        return letGo();
      case 10:
        return sweep();
      case 11:
        return random_.chance(0.04) ? restart() : compare();
      case 12:
        now_ += static_cast<Timestamp>(random_.below(6));
        return;
      default:
        return change();
    }
  }

  void change() {
    Domain& domain = anyDomain();
    const std::string key = anyKey();
    const Timestamp time = anyTime();
    Timers<std::string>& timers = instanceOf(key).timers;
    switch (random_.below(8)) {
      case 0:
      case 1: {
        const bool wasThere = domain.pending.erase({time, key}) == 1;
        return require(ask([&] { return domain.remove(timers, key, time); }) == wasThere,
                       "remove() says something else");
      }
      case 2:
        return require(ask([&] { return domain.has(timers, key, time); }) ==
                           domain.pending.contains({time, key}),
                       "contains() says something else");
      case 3:
        return removeOneThatIsThere(domain);
      default:
        require(ask([&] { return domain.add(timers, key, time); }) ==
                    domain.pending.emplace(time, key).second,
                "add() says something else");
    }
  }

  void removeOneThatIsThere(Domain& domain) {
    auto timer = domain.pending.lower_bound({anyTime(), ""});
    if (timer == domain.pending.end()) return;
    const auto [time, key] = *timer;
    domain.pending.erase(timer);
    require(ask([&] { return domain.remove(instanceOf(key).timers, key, time); }),
            "a timer is not there");
    if (random_.chance(0.3)) {
      domain.pending.emplace(time, key);
      require(ask([&] { return domain.add(instanceOf(key).timers, key, time); }),
              "a removed timer is there");
    }
  }

  // Pops what is due, or some of it.
  void sweep() {
    Domain& domain = anyDomain();
    Instance& instance = *instances_[random_.below(instances_.size())];
    for (std::size_t most = random_.below(40); most > 0; --most) {
      const std::optional<Timestamp> least = domain.leastOf(instance.groups);
      const auto due = ask([&] { return domain.pop(instance.timers, now_); });
      require(due.has_value() == (least.has_value() && *least <= now_),
              "another number of timers is due");
      if (!due) {
        const auto deadline = instance.timers.processingDeadline();
        require(domain.isEvent || !deadline || *deadline > now_, "the deadline stands still");
        return;
      }
      require(due->time == *least, "timers are not in order");
      require(domain.pending.erase(std::pair(due->time, due->key)) == 1,
              "a timer came that was not there, or twice");
      if (random_.chance(0.1)) letGo();
    }
  }

  void compare() {
    for (Domain& domain : domains_) {
      std::size_t count = 0;
      for (const auto& instance : instances_) {
        count += domain.size(instance->timers);
        const std::optional<Timestamp> least = domain.leastOf(instance->groups);
        if (!domain.isEvent)
          require(instance->timers.processingDeadline() <= least || !least,
                  "the deadline is too late");
        if (random_.chance(0.3))
          require(ask([&] { return domain.next(instance->timers); }) == least,
                  "another timer is next");
      }
      require(count == domain.pending.size(), "there are " + std::to_string(count) +
                                                  " timers instead of " +
                                                  std::to_string(domain.pending.size()));
    }
  }

  void letGo() {
    Instance& instance = *instances_[random_.below(instances_.size())];
    const std::size_t before = instance.inMemory();
    const MemoryUse use = instance.timers.memoryInUse();
    require(use.changedBytes <= use.bytes, "more has changed than there is");
    instance.timers.letGo(random_.chance(0.5) ? use.bytes : random_.below(500));
    evicted += before - instance.inMemory();
  }

  // Ends the epoch, when the one before is written.
  void barrier() {
    while (writePiece(kNoLimit)) {
    }
    ++below.last;
    counts_ = {0, 0};
    for (const auto& instance : instances_) {
      counts_.first += instance->timers.pendingEventTimers();
      counts_.second += instance->timers.pendingProcessingTimers();
      instance->timers.beginSnapshot();
    }
    for (Domain& domain : domains_) domain.atBarrier = domain.pending;
    writing_ = instances_.size();
  }

  // True: there is more.
  bool writePiece(std::size_t limit) {
    if (writing_ == 0) return false;
    if (!instances_[writing_ - 1]->timers.writeSnapshot(epoch_, limit)) --writing_;
    if (writing_ > 0) return true;
    written_.apply(epoch_);
    below.send(std::exchange(epoch_, {}));
    wholeCounts_ = counts_;
    for (Domain& domain : domains_) domain.whole = domain.atBarrier;
    require(written_.entries() == entriesOf(), "the stored timers are not the same");
    return false;
  }

  void moveDown() {
    if (below.moveDown() && random_.chance(0.5)) below.settle();
  }

  // What was not written as a whole is gone; the rest has come down by the time timers are made.
  void restart() {
    below.restart();
    epoch_ = StateChanges();
    writing_ = 0;
    for (Domain& domain : domains_) domain.pending = domain.whole;
    start(true);
    instances_[0]->timers.addTimersBelow(wholeCounts_.first, wholeCounts_.second);
    for (const auto& instance : instances_)
      require(instance->inMemory() == 0, "timers were loaded whole");
    compare();
  }

  // Everything fires.
  void finish() {
    compare();
    barrier();
    while (writePiece(random_.below(100))) {
    }
    restart();
    below.meanwhile = nullptr;
    now_ = kMaxTimestamp;
    for (Domain& domain : domains_) {
      for (const auto& instance : instances_) {
        while (const auto due = ask([&] { return domain.pop(instance->timers, now_); })) {
          require(due->time == domain.leastOf(instance->groups), "timers are not in order");
          require(domain.pending.erase(std::pair(due->time, due->key)) == 1,
                  "a timer came that was not there, or twice");
          if (random_.chance(0.02)) instance->timers.letGo(kNoLimit / 2);
        }
      }
      require(domain.pending.empty(), "timers are left");
    }
    compare();
    barrier();
    while (writePiece(random_.below(100))) {
    }
    require(written_.entries().empty(), "timers are left in what is stored");
  }

  Below below;
  std::size_t evicted = 0;
  std::size_t failures = 0;

 private:
  // Calls again what failed: nothing has happened then.
  template <typename F>
  std::invoke_result_t<F&> ask(F&& call) {
    if (fails_ && random_.chance(0.1)) below.failure = absl::UnavailableError("the disk is away");
    try {
      auto answer = call();
      below.failure = absl::OkStatus();
      return answer;
    } catch (const JobError& error) {
      require(std::string(error.what()).find("the disk is away") != std::string::npos,
              error.what());
      ++failures;
      below.failure = absl::OkStatus();
      return call();
    }
  }

  void start(bool isRestored) {
    const auto workers = static_cast<std::uint32_t>(1 + random_.below(3));
    const TimerLimits limits{1 + random_.below(60), random_.below(6)};
    instances_.clear();
    for (std::uint32_t i = 0; i < workers; ++i) {
      instances_.push_back(
          std::make_unique<Instance>(below, keyGroupsOf(i, workers, kGroups), isRestored, limits));
    }
  }

  ReplayedChanges::Entries entriesOf() const {
    ReplayedChanges::Entries entries;
    for (const Domain& domain : domains_) {
      for (const auto& [time, key] : domain.whole) {
        std::string bytes;
        ByteWriter out(bytes);
        writeTimePrefix(time, out);
        Serde<std::string>::write(key, out);
        entries[{domain.isEvent ? kEvent : kProcessing, bytes}] = {groupOf(key), ""};
      }
    }
    return entries;
  }

  Instance& instanceOf(const std::string& key) {
    const auto workers = static_cast<std::uint32_t>(instances_.size());
    return *instances_[ownerOf(groupOf(key), workers, kGroups)];
  }
  Domain& anyDomain() { return domains_[random_.below(2)]; }
  std::string anyKey() {
    return std::string(random_.chance(0.5) ? 1 : 30, 'k') + std::to_string(random_.below(12));
  }
  // Late ones too, and often the same.
  Timestamp anyTime() {
    if (random_.chance(0.1))
      return random_.chance(0.8) ? 1'000'000 : random_.chance(0.5) ? kMaxTimestamp : kMinTimestamp;
    return now_ - 3 + static_cast<Timestamp>(random_.below(span_));
  }

  Random random_;
  const bool fails_;
  std::uint64_t span_ = 0;
  Timestamp now_ = 0;
  Domain domains_[2];
  std::vector<std::unique_ptr<Instance>> instances_;
  ReplayedChanges written_;
  StateChanges epoch_;       // what has been written of it
  std::size_t writing_ = 0;  // instances that are not done
  std::pair<std::size_t, std::size_t> counts_{};
  std::pair<std::size_t, std::size_t> wholeCounts_{};
};

void compareForSeeds(std::uint64_t seeds, bool fails) {
  std::size_t evicted = 0;
  std::size_t walked = 0;
  std::size_t reads = 0;
  std::size_t failures = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    Run run(seed, fails);
    for (int i = 0; i < 1200; ++i) run.step();
    run.finish();
    evicted += run.evicted;
    walked += run.below.walked;
    reads += run.below.asked;
    failures += run.failures;
  }
  REQUIRE(evicted > 20 * seeds);
  REQUIRE(walked > 20 * seeds);
  REQUIRE(reads > 20 * seeds);
  REQUIRE((failures > seeds) == fails);
}

TEST_CASE("Timers over a base behave as a set, in any number of instances") {
  compareForSeeds(60, false);
}

TEST_CASE("Timers whose base cannot be read for a while are as they were") {
  compareForSeeds(20, true);
}

// Ends an epoch and settles it.
void settle(Instance& instance, Below& below) {
  StateChanges changes;
  ++below.last;
  instance.timers.beginSnapshot();
  while (instance.timers.writeSnapshot(changes, 1000)) {
  }
  below.settle(std::move(changes));
}

constexpr KeyGroupRange kAll{0, kGroups};

TEST_CASE("Only timers that are due soon stay in memory, and a chunk at a time comes back") {
  constexpr Timestamp kTimers = 4'000;
  constexpr TimerLimits kLimits{.chunk = 80, .fewest = 100};
  Below below;
  Instance instance(below, kAll, false, kLimits);
  for (Timestamp time = 0; time < kTimers; ++time)
    instance.timers.registerEventTimer("key " + std::to_string(time), time);
  const std::size_t full = instance.timers.memoryBytes();
  instance.timers.letGo(full);
  REQUIRE(instance.inMemory() == kTimers);
  settle(instance, below);
  instance.timers.letGo(full);
  REQUIRE(instance.inMemory() == kLimits.fewest);
  REQUIRE(instance.timers.memoryBytes() < full / 10);
  REQUIRE(instance.timers.pendingEventTimers() == kTimers);
  REQUIRE(instance.timers.nextEventTime() == 0);
  REQUIRE(below.walked == 0);
  for (Timestamp time = 0; time < kTimers; ++time) {
    const auto due = instance.timers.popDueEvent(kMaxTimestamp);
    REQUIRE(due == Timer<std::string>{"key " + std::to_string(time), time});
    if (instance.inMemory() > 400) FAIL("too many came back");
  }
  REQUIRE_FALSE(instance.timers.popDueEvent(kMaxTimestamp));
  REQUIRE(below.walked < 2 * kTimers);
}

TEST_CASE("Timers of one time come back a key group at a time") {
  constexpr std::size_t kTimers = 4'000;
  Below below;
  Instance instance(below, kAll, false, {.chunk = 80, .fewest = 10});
  for (std::size_t i = 0; i < kTimers; ++i)
    instance.timers.registerEventTimer("key " + std::to_string(i), 1'000);
  settle(instance, below);
  settle(instance, below);
  for (int i = 0; i < 3; ++i) instance.timers.letGo(1 << 30);
  REQUIRE(instance.inMemory() == 0);
  std::set<std::string> fired;
  std::size_t most = 0;
  while (const auto due = instance.timers.popDueEvent(1'000)) {
    fired.insert(due->key);
    most = std::max(most, instance.inMemory());
  }
  REQUIRE(fired.size() == kTimers);
  REQUIRE(most < kTimers / 4);
}

TEST_CASE("The memory of timers that have fired is given back") {
  Below below;
  Instance instance(below, kAll, false, {});
  for (Timestamp time = 0; time < 10'000; ++time) instance.timers.registerEventTimer("a", time);
  while (instance.timers.popDueEvent(10'000)) {
  }
  instance.timers.registerEventTimer("a", 20'000);
  const std::size_t before = instance.timers.memoryBytes();
  instance.timers.letGo(before);
  REQUIRE(instance.timers.memoryBytes() < before / 10);
  REQUIRE(instance.timers.popDueEvent(20'000) == Timer<std::string>{"a", 20'000});
}

TEST_CASE("Timers that began empty and let go of nothing never ask below") {
  Below below;
  Instance instance(below, kAll, false, {});
  for (Timestamp time = 0; time < 500; ++time) {
    instance.timers.registerEventTimer("a", time);
    instance.timers.registerEventTimer("a", time + 1'000'000);
    instance.timers.deleteEventTimer("b", time);
    instance.timers.popDueEvent(time - 3);
    if (time % 50 == 0) settle(instance, below);
  }
  REQUIRE(below.asked == 0);
  REQUIRE(below.walked == 0);
}

TEST_CASE("A timer that is registered again and again is looked up once") {
  Below below;
  Instance instance(below, kAll, false, {.chunk = 8, .fewest = 0});
  instance.timers.registerEventTimer("a", 1'000);
  settle(instance, below);
  settle(instance, below);
  instance.timers.letGo(1 << 30);
  REQUIRE(instance.inMemory() == 0);
  for (int i = 0; i < 10; ++i) REQUIRE_FALSE(instance.timers.registerEventTimer("a", 1'000));
  REQUIRE(below.asked == 1);
  REQUIRE(instance.timers.pendingEventTimers() == 1);
}

TEST_CASE(
    "A timer that is removed while it is away does not come back, whenever its removal comes "
    "down") {
  for (int settled = 0; settled < 3; ++settled) {
    INFO(settled << " epochs are settled");
    Below below;
    Instance instance(below, kAll, false, {.chunk = 8, .fewest = 0});
    instance.timers.registerEventTimer("a", 1'000);
    settle(instance, below);
    settle(instance, below);
    instance.timers.letGo(1 << 30);
    REQUIRE(instance.timers.deleteEventTimer("a", 1'000));
    REQUIRE(instance.timers.pendingEventTimers() == 0);
    for (int i = 0; i < settled; ++i) settle(instance, below);
    REQUIRE_FALSE(instance.timers.hasEventTimer("a", 1'000));
    REQUIRE_FALSE(instance.timers.deleteEventTimer("a", 1'000));
    REQUIRE_FALSE(instance.timers.popDueEvent(2'000));
    REQUIRE(instance.timers.pendingEventTimers() == 0);
  }
}

TEST_CASE("Removals are forgotten when they are settled") {
  Below below;
  Instance instance(below, kAll, false, {});
  for (int round = 0; round < 20; ++round) {
    for (Timestamp time = 0; time < 1'000; ++time)
      instance.timers.registerEventTimer("a", 1'000'000 + time);
    settle(instance, below);
    for (Timestamp time = 0; time < 1'000; ++time)
      instance.timers.deleteEventTimer("a", 1'000'000 + time);
    settle(instance, below);
  }
  static_cast<void>(instance.timers.memoryInUse());
  REQUIRE(instance.timers.memoryBytes() < 256 * 1024);
}

TEST_CASE("A damaged timer below stops the job") {
  for (const std::string& bytes :
       {std::string("short"), std::string("8 bytes."), std::string("eight ..\1ax")}) {
    Below below;
    below.held.put({kEvent, bytes}, {KeyGroup{1}, ""});
    Instance instance(below, kAll, true, {});
    REQUIRE_THROWS_WITH(instance.timers.popDueEvent(0),
                        Catch::Contains("fetching timers") && Catch::Contains("damaged"));
  }
}

TEST_CASE(
    "Timers stored under another state, time behind the key, are new in this one and erased "
    "there") {
  constexpr StateId kOld{1};
  Below below;
  StateChanges old;
  for (Timestamp time = 0; time < 200; ++time) {
    old.put(
        kOld, groupOf("key"),
        [&](ByteWriter& out) { Serde<std::string>::write("key", out), out.fixed(time); },
        [](ByteWriter&) {});
  }
  below.held.apply(old);
  Instance instance(below, kAll, false, {.chunk = 8, .fewest = 0});
  const ReplayedChanges::Entries before = below.held.entries();
  for (const auto& [id, entry] : before) {
    REQUIRE(instance.timers.restoreUnorderedEventEntry(kOld, entry.group, id.second).ok());
    REQUIRE_FALSE(instance.timers.restoreUnorderedEventEntry(kOld, entry.group, id.second).ok());
    REQUIRE_FALSE(
        instance.timers.restoreUnorderedEventEntry(kOld, entry.group, id.second + "x").ok());
  }
  settle(instance, below);
  REQUIRE(below.held.entries().size() == 200);
  for (const auto& [id, entry] : below.held.entries()) REQUIRE(id.first == kEvent);
  settle(instance, below);
  instance.timers.letGo(1 << 30);
  REQUIRE(instance.inMemory() == 0);
  for (Timestamp time = 0; time < 200; ++time) {
    REQUIRE(instance.timers.popDueEvent(500) == Timer<std::string>{"key", time});
  }
  REQUIRE_FALSE(instance.timers.popDueEvent(500));
}

}  // namespace
}  // namespace millrace
