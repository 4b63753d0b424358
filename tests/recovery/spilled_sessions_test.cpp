// SPDX-License-Identifier: MIT
// Sessions and global windows of more keys than memory.
#include <catch2/catch.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <millrace/base/random.hpp>
#include <millrace/connectors/file/line_sink.hpp>
#include <millrace/millrace.hpp>

#include "recovery/badge.hpp"
#include "recovery/part_files.hpp"
#include "recovery/spilling_job.hpp"

namespace millrace::test {
namespace {

constexpr std::uint64_t kVisits = 40'000;
constexpr std::uint64_t kGuests = 10'000;
constexpr Duration kDisorder{500};
constexpr Duration kGap{60'000};
constexpr Duration kForEver{1'000'000'000};

struct Visit {
  std::uint64_t guest = 0;
  Timestamp time = 0;
};

Visit visitAt(std::uint64_t i) {
  Random random(i);
  return {random.below(kGuests),
          static_cast<Timestamp>(i) * 10 - random.between(0, kDisorder.count())};
}

std::vector<std::string> expectedStays(Duration gap) {
  std::map<std::uint64_t, std::vector<Timestamp>> times;
  for (std::uint64_t i = 0; i < kVisits; ++i) times[visitAt(i).guest].push_back(visitAt(i).time);
  std::vector<std::string> lines;
  for (auto& [guest, visits] : times) {
    std::sort(visits.begin(), visits.end());
    std::int64_t count = 0;
    for (std::size_t i = 0; i < visits.size(); ++i) {
      ++count;
      if (i + 1 < visits.size() && visits[i + 1] <= visits[i] + gap.count()) continue;
      lines.push_back(visitsLine(guest, visits[i] + gap.count(), count));
      count = 0;
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> expectedTotals() {
  std::map<std::uint64_t, std::int64_t> visits;
  for (std::uint64_t i = 0; i < kVisits; ++i) ++visits[visitAt(i).guest];
  std::vector<std::string> lines;
  for (const auto& [guest, count] : visits)
    lines.push_back(visitsLine(guest, kMaxTimestamp, count));
  std::sort(lines.begin(), lines.end());
  return lines;
}

struct Hotel {
  template <typename Windows>
  explicit Hotel(const Windows& windows, double rate = 40'000) {
    GeneratorOptions generated;
    generated.count = kVisits;
    generated.rate = rate;
    pipeline
        .source("visits", generator<Visit>(visitAt, generated),
                boundedOutOfOrderness(kDisorder).timestamps(&Visit::time))
        .keyBy([](const Visit& visit) { return Badge(visit.guest); })
        .window(windows)
        .aggregate("stays", count())
        .map([](const WindowResult<Badge, std::int64_t>& result) {
          return visitsLine(result.key.id, result.windowEnd, result.value);
        })
        .sink("out", toFiles(scratch / "out"));
  }

  void runUntil(std::uint64_t enough, bool isCutOff) {
    endAfter(begun(pipeline, options), enough, isCutOff);
  }

  // The same of one that goes on from where another one is to begin.
  void runToSavepoint(std::uint64_t enough, const std::string& savepoint) {
    Job job = begun(pipeline, options);
    waitFor([&] { return job.counts().recordsIn() > enough; });
    const Status saved = job.savepoint(savepoint);
    INFO(saved);
    REQUIRE(saved.ok());
    job.stop();
    REQUIRE(job.wait().ok());
  }

  void runToEnd() {
    Job job = begun(pipeline, options);
    const Status status = job.wait();
    INFO(status);
    REQUIRE(status.ok());
    REQUIRE(job.counts().recordsIn() == kVisits);
    REQUIRE(job.counts().late() == 0);
    for (const OperatorCounts& counts : job.counts().operators) {
      if (counts.name == "stays") CHECK(counts.held == 0);
    }
  }

  std::vector<std::string> written() const { return linesWritten(scratch / "out"); }

  Scratch scratch;
  Pipeline pipeline{"hotel"};
  JobOptions options = spillingOptions(scratch, 1 << 20);
};

TEST_CASE(
    "sessions of more keys than memory, cut off and going on, give what a plain computation gives",
    "[rocksdb]") {
  for (const Duration gap : {kGap, kForEver}) {
    INFO("a gap of " << gap.count());
    Hotel hotel(session(gap));
    std::uint64_t enough = 5'000;
    for (const std::size_t workers : {2U, 1U, 3U}) {
      hotel.options.workers = workers;
      hotel.runUntil(enough, enough != 15'000);
      enough += 10'000;
    }
    hotel.options.workers = 2;
    hotel.runToEnd();
    REQUIRE(hotel.written() == expectedStays(gap));
  }
}

TEST_CASE("global windows of more keys than memory, cut off and going on, tell each key once",
          "[rocksdb]") {
  Hotel hotel(global());
  std::uint64_t enough = 10'000;
  for (const std::size_t workers : {2U, 3U}) {
    hotel.options.workers = workers;
    hotel.runUntil(enough, workers == 2);
    enough += 10'000;
  }
  hotel.options.workers = 1;
  hotel.runToEnd();
  REQUIRE(hotel.written() == expectedTotals());
}

TEST_CASE("keys of sessions are not all in memory, neither when a job goes on nor at the end",
          "[rocksdb]") {
  Hotel hotel(session(kForEver));
  hotel.runUntil(kVisits - 2'000, false);
  REQUIRE(hotel.written().empty());
  const std::int64_t before = Badge::now;
  Badge::most = before;
  hotel.runToEnd();
  REQUIRE(hotel.written() == expectedStays(kForEver));
  INFO(Badge::most - before << " at once");
  // Each that is in memory is in the table and has a timer, so all would be twice as many as there
  // are guests; how many wait for the disk depends on how fast that is.
  REQUIRE(Badge::most - before < static_cast<std::int64_t>(kGuests) * 3 / 2);
}

TEST_CASE("savepoints carry sessions from memory into RocksDB and back, over and over",
          "[rocksdb]") {
  std::vector<std::unique_ptr<Hotel>> hotels;
  std::set<std::string> told;
  std::size_t lines = 0;
  for (const std::size_t workers : {2U, 3U, 1U, 2U}) {
    Hotel& hotel = *hotels.emplace_back(std::make_unique<Hotel>(session(kGap)));
    hotel.options.workers = workers;
    const bool isInMemory = hotels.size() % 2 == 1;
    if (isInMemory) hotel.options.checkpoints.backend = StateBackend::kMemory;
    if (hotels.size() > 1)
      hotel.options.checkpoints.fromSavepoint = hotels[hotels.size() - 2]->scratch / "savepoint";
    if (hotels.size() == 4) {
      hotel.runToEnd();
    } else {
      hotel.runToSavepoint(hotels.size() * 9'000, hotel.scratch / "savepoint");
    }
    // What had been told before the savepoint is not told again: it is missing here.
    const std::vector<std::string> written = hotel.written();
    lines = written.size();
    told.insert(written.begin(), written.end());
  }
  const std::vector<std::string> expected = expectedStays(kGap);
  REQUIRE(std::vector<std::string>(told.begin(), told.end()) == expected);
  REQUIRE(lines < expected.size());
}

}  // namespace
}  // namespace millrace::test
