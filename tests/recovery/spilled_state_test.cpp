// SPDX-License-Identifier: MIT
// Jobs whose state is larger than the memory they may use.
#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include <millrace/base/random.hpp>
#include <millrace/connectors/file/line_sink.hpp>
#include <millrace/millrace.hpp>

#include "recovery/badge.hpp"
#include "recovery/part_files.hpp"
#include "recovery/spilling_job.hpp"

using namespace std::chrono_literals;

namespace millrace::test {
namespace {

constexpr std::uint64_t kVisits = 12'000;
constexpr std::uint64_t kGuests = 4'000;
constexpr Duration kDisorder{500};
constexpr Timestamp kPeriod = 20'000;
constexpr Timestamp kEnd = 1'000'000'000;  // behind the last visit
// The tables may take half of it: an eighth of what the state comes to at least.
constexpr std::size_t kMemory = 256 << 10;

struct Visit {
  std::uint64_t guest = 0;
  std::int64_t spent = 0;
  Timestamp time = 0;
};

Visit visitAt(std::uint64_t i) {
  Random random(i);
  Visit visit;
  visit.guest = random.below(kGuests);
  visit.spent = random.between(0, 1000);
  visit.time = static_cast<Timestamp>(i) * 10 - random.between(0, kDisorder.count());
  return visit;
}

// Every other guest is a member, who is remembered for ever; the others for a period.
bool isMember(std::uint64_t guest) { return guest % 2 == 0; }
std::string nameOf(std::uint64_t guest) { return std::string(100, 'n') + std::to_string(guest); }
Timestamp periodOf(Timestamp time) { return (time + kPeriod) / kPeriod * kPeriod; }

std::string periodLine(std::uint64_t guest, Timestamp end, std::int64_t spent) {
  return std::to_string(guest) + " spent " + std::to_string(spent) + " until " +
         std::to_string(end);
}
std::string memberLine(std::uint64_t guest, std::int64_t visits) {
  return std::to_string(guest) + " came " + std::to_string(visits) + " times";
}

// What each guest spends in a period, and how often each member comes.
struct Hotel {
  std::shared_ptr<std::atomic<int>> failures =
      std::make_shared<std::atomic<int>>(0);  // still to come
  std::shared_ptr<std::atomic<std::uint64_t>> seen =
      std::make_shared<std::atomic<std::uint64_t>>(0);
  ValueState<std::int64_t> visits{};
  ValueState<std::string> name{};
  MapState<Timestamp, std::int64_t> spent{};

  void open(StateContext& states) {
    visits = states.value<std::int64_t>("visits");
    name = states.value<std::string>("name");
    spent = states.map<Timestamp, std::int64_t>("spent");
  }

  void process(const Visit& visit, ProcessContext<std::uint64_t, std::string>& context) {
    if (seen->fetch_add(1) % 4'000 == 3'999 && failures->fetch_sub(1) > 0)
      throw std::runtime_error("it happens");
    const Timestamp end = periodOf(visit.time);
    spent.edit(end) += visit.spent;
    context.registerEventTimer(end);
    if (!isMember(visit.guest)) return;
    visits.update([](std::int64_t& n) { ++n; });
    if (name.isEmpty()) name.set(nameOf(visit.guest));
    context.registerEventTimer(kEnd);
  }

  void onTimer(Timestamp time, ProcessContext<std::uint64_t, std::string>& context) {
    const std::uint64_t guest = context.key();
    if (time == kEnd) {
      if (name.valueOr("nobody") != nameOf(guest))
        throw std::runtime_error("a name is not what it was");
      return context.emit(memberLine(guest, visits.valueOr(0)));
    }
    const std::int64_t* sum = spent.get(time);
    context.emit(periodLine(guest, time, sum == nullptr ? -1 : *sum));
    spent.remove(time);
  }
};

struct Expected {
  Expected() {
    std::map<std::pair<std::uint64_t, Timestamp>, std::int64_t> spent;
    for (std::uint64_t i = 0; i < kVisits; ++i) {
      const Visit visit = visitAt(i);
      spent[{visit.guest, periodOf(visit.time)}] += visit.spent;
      if (isMember(visit.guest)) ++visits[visit.guest];
    }
    for (const auto& [period, sum] : spent)
      lines.push_back(periodLine(period.first, period.second, sum));
    for (const auto& [guest, count] : visits) lines.push_back(memberLine(guest, count));
    std::sort(lines.begin(), lines.end());
  }

  std::map<std::uint64_t, std::int64_t> visits;  // of members
  std::vector<std::string> lines;
};

const Expected& expected() {
  static const Expected all;
  return all;
}

struct Season {
  explicit Season(double rate = 0, std::uint64_t count = kVisits) {
    GeneratorOptions generated;
    generated.count = count;
    if (rate > 0) generated.rate = rate;
    pipeline
        .source("visits", generator<Visit>(visitAt, generated),
                boundedOutOfOrderness(kDisorder).timestamps(&Visit::time))
        .keyBy(&Visit::guest)
        .process<std::string>("hotel", hotel)
        .sink("out", toFiles(scratch / "out"));
  }

  Job begin() { return begun(pipeline, options); }

  void runToEnd(bool countsKeys = true) {
    Job job = begin();
    const Status status = job.wait();
    INFO(status);
    REQUIRE(status.ok());
    REQUIRE(job.counts().recordsIn() == kVisits);
    REQUIRE(job.counts().late() == 0);
    for (const OperatorCounts& counts : job.counts().operators) {
      if (counts.name == "hotel" && countsKeys) CHECK(counts.held == expected().visits.size());
    }
  }

  std::vector<std::string> written() const { return linesWritten(scratch / "out"); }

  Scratch scratch;  // short of memory a job writes all the time
  Hotel hotel;
  Pipeline pipeline{"season"};
  JobOptions options = spillingOptions(scratch, kMemory);
};

TEST_CASE("a job with more state than memory gives what a plain computation gives", "[rocksdb]") {
  for (const std::size_t workers : {1U, 3U}) {
    Season season;
    season.options.workers = workers;
    season.runToEnd();
    REQUIRE(season.written() == expected().lines);
  }
}

TEST_CASE("a job with more state than memory that is cut off goes on, on any number of workers",
          "[rocksdb]") {
  Season season(40'000);
  Random random(7);
  for (const std::size_t workers : {2U, 1U, 3U, 2U, 3U}) {
    season.options.workers = workers;
    Job job = season.begin();
    const std::uint64_t enough = job.counts().recordsIn() + 500 + random.below(3'000);
    endAfter(std::move(job), enough, random.chance(0.7));
  }
  season.options.workers = 1;
  season.runToEnd();
  REQUIRE(season.written() == expected().lines);
}

TEST_CASE(
    "a job with more state than memory whose function throws starts again in the same process",
    "[rocksdb]") {
  Season season;
  *season.hotel.failures = 2;
  season.runToEnd();
  REQUIRE(season.hotel.failures->load() <= 0);
  REQUIRE(season.written() == expected().lines);
}

TEST_CASE("state that is not in memory is seen by those who ask a running job", "[rocksdb]") {
  Season season(12'000, 1'000'000);
  Job job = season.begin();
  const auto nameOfGuest = [&](std::uint64_t guest, StateView view) {
    auto name = job.stateValue<std::string>("hotel", "name", guest, view);
    INFO(name.status());
    REQUIRE(name.ok());
    return *std::move(name);
  };
  waitFor([&] { return season.hotel.seen->load() > 4'000; });
  std::set<std::uint64_t> members;
  for (std::uint64_t i = 0; members.size() < 200; ++i) {
    if (isMember(visitAt(i).guest)) members.insert(visitAt(i).guest);
  }
  for (const std::uint64_t guest : members) {
    REQUIRE(nameOfGuest(guest, StateView::kLive) == nameOf(guest));
    const auto visits = job.stateValue<std::int64_t>("hotel", "visits", guest);
    INFO(visits.status());
    REQUIRE(visits.ok());
    REQUIRE(visits->value_or(0) > 0);
  }
  const std::uint64_t first = *members.begin();
  waitFor([&] { return nameOfGuest(first, StateView::kLastCheckpoint) == nameOf(first); });
  REQUIRE_FALSE(nameOfGuest(1, StateView::kLive).has_value());  // no member
  REQUIRE_FALSE(nameOfGuest(kGuests + 2, StateView::kLive).has_value());
  job.cancel();
  REQUIRE(job.wait().code() == absl::StatusCode::kCancelled);
}

TEST_CASE("a savepoint carries state from memory into RocksDB, and back", "[rocksdb]") {
  for (const bool toRocksDb : {true, false}) {
    INFO((toRocksDb ? "to" : "from") << " RocksDB");
    Season first(40'000);
    Season second;
    (toRocksDb ? first : second).options.checkpoints.backend = StateBackend::kMemory;
    second.options.workers = 3;
    second.options.checkpoints.fromSavepoint = first.scratch / "savepoint";
    {
      Job job = first.begin();
      waitFor([&] { return job.counts().recordsIn() > 6'000; });
      const Status saved = job.savepoint(first.scratch / "savepoint");
      INFO(saved);
      REQUIRE(saved.ok());
      job.cancel();
      static_cast<void>(job.wait());
    }
    second.runToEnd();
    // What comes after the savepoint, and no others; members are told of at the end.
    const std::vector<std::string> rest = second.written();
    REQUIRE(
        std::includes(expected().lines.begin(), expected().lines.end(), rest.begin(), rest.end()));
    for (const auto& [guest, visits] : expected().visits) {
      REQUIRE(std::binary_search(rest.begin(), rest.end(), memberLine(guest, visits)));
    }
    REQUIRE(rest.size() < expected().lines.size());
  }
}

constexpr std::uint64_t kOrders = 40'000;
constexpr std::uint64_t kBuyers = 30'000;
constexpr Timestamp kSoon = 5'000;

struct Order {
  std::uint64_t buyer = 0;
  Timestamp time = 0;
};

// The first buyers come twice, and every fifth of them wants no reminder then.
Order orderAt(std::uint64_t i) { return {i % kBuyers, static_cast<Timestamp>(i) * 10}; }
bool isRepeated(std::uint64_t i) { return i >= kBuyers; }
bool declines(std::uint64_t buyer) { return buyer % 5 == 0; }
Timestamp reminderOf(std::uint64_t buyer) { return kEnd + static_cast<Timestamp>(buyer / 100); }
std::string timerLine(std::uint64_t buyer, Timestamp time) {
  return std::to_string(buyer) + " at " + std::to_string(time);
}

// Timers and nothing else: one soon after each order, one in the far future for each buyer.
struct Reminders {
  void process(const Order& order, ProcessContext<std::uint64_t, std::string>& context) {
    context.registerEventTimer(order.time + kSoon);
    if (order.time >= orderAt(kBuyers).time && declines(order.buyer)) {
      context.deleteEventTimer(reminderOf(order.buyer));
    } else {
      context.registerEventTimer(reminderOf(order.buyer));
    }
  }
  void onTimer(Timestamp time, ProcessContext<std::uint64_t, std::string>& context) {
    context.emit(timerLine(context.key(), time));
  }
};

std::vector<std::string> expectedTimers() {
  std::set<std::uint64_t> declined;
  std::vector<std::string> lines;
  for (std::uint64_t i = 0; i < kOrders; ++i) {
    const Order order = orderAt(i);
    lines.push_back(timerLine(order.buyer, order.time + kSoon));
    if (isRepeated(i) && declines(order.buyer)) declined.insert(order.buyer);
  }
  for (std::uint64_t buyer = 0; buyer < kBuyers; ++buyer) {
    if (!declined.contains(buyer)) lines.push_back(timerLine(buyer, reminderOf(buyer)));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST_CASE("timers that do not fit into memory fire once each, on any number of workers",
          "[rocksdb]") {
  Scratch scratch;
  const auto begin = [&](std::size_t workers, double rate) {
    GeneratorOptions generated;
    generated.count = kOrders;
    if (rate > 0) generated.rate = rate;
    Pipeline pipeline("shop");
    pipeline
        .source("orders", generator<Order>(orderAt, generated),
                boundedOutOfOrderness(0ms).timestamps(&Order::time))
        .keyBy(&Order::buyer)
        .process<std::string>("reminders", Reminders{})
        .sink("out", toFiles(scratch / "out"));
    JobOptions options = spillingOptions(scratch, 1 << 20);
    options.workers = workers;
    return begun(pipeline, options);
  };
  Random random(11);
  for (const std::size_t workers : {2U, 1U, 3U}) {
    Job job = begin(workers, 60'000);
    const std::uint64_t enough = job.counts().recordsIn() + 6'000 + random.below(4'000);
    endAfter(std::move(job), enough, random.chance(0.7));
  }
  Job job = begin(2, 0);
  const Status status = job.wait();
  INFO(status);
  REQUIRE(status.ok());
  REQUIRE(linesWritten(scratch / "out") == expectedTimers());
}

// A value that knows how many of its kind are in memory at once.
struct Portrait {
  static constexpr std::size_t kBytes = 2000;
  static inline std::atomic<std::int64_t> now{0};
  static inline std::atomic<std::int64_t> most{0};

  Portrait() { count(); }
  Portrait(const Portrait& other) : paint(other.paint) { count(); }
  Portrait& operator=(const Portrait& other) = default;
  ~Portrait() { --now; }
  static void count() {
    const std::int64_t all = ++now;
    std::int64_t before = most.load();
    while (before < all && !most.compare_exchange_weak(before, all)) {
    }
  }

  std::string paint = std::string(kBytes, 'p');

  friend void millraceWrite(const Portrait& portrait, ByteWriter& out) {
    writeAll(out, portrait.paint);
  }
  friend bool millraceRead(ByteReader& in, Portrait& portrait) {
    return readAll(in, portrait.paint);
  }
  friend std::size_t millraceHeapBytes(const Portrait& portrait) {
    return heapBytes(portrait.paint);
  }
};

struct Gallery {
  ValueState<Portrait> portrait{};

  void open(StateContext& states) { portrait = states.value<Portrait>("portrait"); }
  void process(const Visit&, ProcessContext<std::uint64_t, std::string>&) {
    if (portrait.isEmpty()) portrait.set(Portrait());
    portrait.update([](Portrait& it) { ++it.paint.front(); });
  }
};

// Every commit takes its time, as with a slow disk.
class SlowSink final : public SinkConnector<std::string> {
 public:
  std::unique_ptr<SinkWriter<std::string>> makeWriter(std::shared_ptr<void>&) const override {
    return std::make_unique<Writer>();
  }
  std::string describe() const override { return "slow()"; }
  Status persist(FileSystem&, std::string_view) const override {
    std::this_thread::sleep_for(300ms);
    return absl::OkStatus();
  }

 private:
  struct Writer final : SinkWriter<std::string> {
    Status write(const TypedBatch<std::string>&) override { return absl::OkStatus(); }
    Status prepare(ByteWriter& out) override {
      out.bytes("something");
      return absl::OkStatus();
    }
  };
};

TEST_CASE("records do not outrun the writing down of what they change, however slow the disk is",
          "[rocksdb]") {
  constexpr std::size_t kWhole = 8 << 20;
  constexpr std::uint64_t kPortraits = 20'000;
  Scratch scratch;
  GeneratorOptions generated;
  generated.count = kPortraits;
  generated.rate = 50'000;  // nearly all of them while one commit takes its time
  Pipeline pipeline("museum");
  pipeline
      .source("visits",
              generator<Visit>(
                  [](std::uint64_t i) {
                    return Visit{i, 0, static_cast<Timestamp>(i)};
                  },
                  generated),
              boundedOutOfOrderness(kDisorder).timestamps(&Visit::time))
      .keyBy(&Visit::guest)
      .process<std::string>("gallery", Gallery())
      .sink("out", SlowSink());
  JobOptions options;
  options.checkpoints.directory = scratch / "state";
  options.checkpoints.backend = StateBackend::kRocksDb;
  options.checkpoints.memoryBytes = kWhole;
  options.workers = 1;
  options.batchSize = 128;
  const std::int64_t before = Portrait::now;
  Portrait::most = before;
  const Status status = run(pipeline, options);
  INFO(status);
  REQUIRE(status.ok());
  // What comes until a barrier that was asked for is there is on top; without waiting nearly all of
  // them would be in memory.
  REQUIRE((Portrait::most - before) * static_cast<std::int64_t>(Portrait::kBytes) <
          3 * static_cast<std::int64_t>(kWhole));
}

// Visits by day and guest, of many guests who come once or twice.
constexpr std::uint64_t kDayVisits = 40'000;
constexpr std::uint64_t kDayGuests = 30'000;
constexpr Timestamp kDay = 250'000;  // before the last of them

Visit dayVisitAt(std::uint64_t i) {
  Visit visit = visitAt(i);
  visit.guest = Random(i).below(kDayGuests);
  return visit;
}

struct Days {
  template <typename Windows>
  Days(const Windows& windows, double rate) {
    GeneratorOptions generated;
    generated.count = kDayVisits;
    generated.rate = rate;
    pipeline
        .source("visits", generator<Visit>(dayVisitAt, generated),
                boundedOutOfOrderness(kDisorder).timestamps(&Visit::time))
        .keyBy([](const Visit& visit) { return Badge(visit.guest); })
        .window(windows)
        .aggregate("days", count())
        .map([](const WindowResult<Badge, std::int64_t>& result) {
          return visitsLine(result.key.id, result.windowEnd, result.value);
        })
        .sink("out", toFiles(scratch / "out"));
  }

  void runUntil(std::uint64_t enough, bool isCutOff) {
    endAfter(begun(pipeline, options), enough, isCutOff);
  }

  Scratch scratch;
  Pipeline pipeline{"days"};
  JobOptions options = spillingOptions(scratch, 1 << 20);
};

std::vector<std::string> expectedDays(Timestamp size, Timestamp slide) {
  std::map<std::pair<std::uint64_t, Timestamp>, std::int64_t> visits;
  for (std::uint64_t i = 0; i < kDayVisits; ++i) {
    const Visit visit = dayVisitAt(i);
    const Timestamp first = floorDivide(visit.time, slide) * slide;
    for (Timestamp start = first; start > visit.time - size; start -= slide)
      ++visits[{visit.guest, start + size}];
  }
  std::vector<std::string> lines;
  for (const auto& [window, count] : visits)
    lines.push_back(visitsLine(window.first, window.second, count));
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST_CASE(
    "windows of more keys than memory, cut off and going on, give what a plain computation gives",
    "[rocksdb]") {
  for (const Timestamp slide : {kDay, kDay / 5}) {
    INFO("every " << slide);
    auto days = slide == kDay
                    ? std::make_unique<Days>(tumbling(Duration(kDay)), 40'000)
                    : std::make_unique<Days>(sliding(Duration(kDay), Duration(slide)), 40'000);
    std::uint64_t enough = 5'000;
    for (const std::size_t workers : {2U, 1U, 3U}) {
      days->options.workers = workers;
      days->runUntil(enough, enough != 15'000);
      enough += 10'000;
    }
    days->options.workers = 2;
    const Status status = run(days->pipeline, days->options);
    INFO(status);
    REQUIRE(status.ok());
    REQUIRE(linesWritten(days->scratch / "out") == expectedDays(kDay, slide));
  }
}

TEST_CASE(
    "a window's keys are not all in memory, neither when a job goes on nor when they are told",
    "[rocksdb]") {
  const Timestamp size = 2 * kDay;  // ends behind the last visit
  Days days(tumbling(Duration(size)), 100'000);
  days.options.workers = 2;
  days.runUntil(kDayVisits * 9 / 10, false);
  Badge::most = Badge::now.load();
  const std::int64_t before = Badge::now;
  const Status status = run(days.pipeline, days.options);
  INFO(status);
  REQUIRE(status.ok());
  REQUIRE(linesWritten(days.scratch / "out") == expectedDays(size, size));
  const auto lines = static_cast<std::int64_t>(expectedDays(size, size).size());
  REQUIRE(lines > 20'000);
  REQUIRE(Badge::most - before < lines * 2 / 3);
}

TEST_CASE("RocksDB without a state directory is refused", "[rocksdb]") {
  Season season;
  season.options.checkpoints.directory.clear();
  const Status status = start(season.pipeline, season.options).status();
  REQUIRE(status.code() == absl::StatusCode::kInvalidArgument);
  REQUIRE(std::string(status.message()).find("state directory") != std::string::npos);
}

}  // namespace
}  // namespace millrace::test
