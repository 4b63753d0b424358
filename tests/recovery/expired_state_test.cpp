// SPDX-License-Identifier: MIT
// State with a time to live that is in RocksDB alone when that is over.
#include <catch2/catch.hpp>

#include <chrono>
#include <map>
#include <string>

#include <millrace/checkpoint/checkpoint_reader.hpp>
#include <millrace/connectors/file/line_sink.hpp>
#include <millrace/millrace.hpp>

#include "recovery/part_files.hpp"

using namespace std::chrono_literals;

namespace millrace::test {
namespace {

constexpr std::uint64_t kGuests = 6'000;  // come once each
constexpr std::uint64_t kStaff = 8;       // come all the time

struct Visit {
  std::uint64_t person = 0;
};

// Odd guests leave nothing that lasts.
bool isRemembered(std::uint64_t person) { return person < kGuests && person % 2 == 0; }

struct Porter {
  ValueState<std::string> seen{};
  ListState<std::string> words{};
  MapState<int, std::string> things{};
  ValueState<std::uint64_t> kept{};

  void open(StateContext& states) {
    seen = states.value<std::string>("seen", StateTtl{200ms});
    words = states.list<std::string>("words", StateTtl{300ms});
    things = states.map<int, std::string>("things", StateTtl{250ms});
    kept = states.value<std::uint64_t>("kept", StateTtl{24h});
  }

  void process(const Visit& visit, ProcessContext<std::uint64_t, std::string>&) {
    seen.set(std::string(60, 's'));
    words.add("hello");
    things.put(1, "umbrella");
    things.put(2, "hat");
    if (isRemembered(visit.person)) kept.set(visit.person);
  }
};

struct House {
  House() {
    GeneratorOptions generated;
    generated.count = 100'000'000;
    generated.rate = 12'000;
    const auto visitAt = [](std::uint64_t i) {
      return Visit{i < kGuests ? i : kGuests + i % kStaff};
    };
    pipeline.source("visits", generator<Visit>(visitAt, generated), noWatermarks())
        .keyBy(&Visit::person)
        .process<std::string>("porter", Porter())
        .sink("out", toFiles(scratch / "out"));
    options.checkpoints.directory = scratch / "state";
    options.checkpoints.backend = StateBackend::kRocksDb;
    options.checkpoints.memoryBytes = 256 << 10;
    options.checkpoints.interval = 20ms;
    options.workers = 2;
    options.batchSize = 128;
  }

  // How many entries each state has, and the values of what is kept.
  std::map<std::string, std::uint64_t> sizes() const {
    std::map<std::string, std::uint64_t> found;
    const auto reader = CheckpointReader::open(posixFileSystem(), options.checkpoints.directory);
    if (!reader.ok()) return found;
    const auto sizes = (*reader)->sizes();
    if (!sizes.ok()) return found;
    for (const auto& size : *sizes) found[size.state.declaration.name] = size.entries;
    return found;
  }

  bool isSwept() const {
    auto found = sizes();
    return found["kept"] == kGuests / 2 && found["seen"] <= kStaff && found["words"] <= kStaff &&
           found["things"] <= 2 * kStaff;
  }

  Scratch scratch;
  Pipeline pipeline{"house"};
  JobOptions options;
};

TEST_CASE("state that has expired in RocksDB goes by itself, and what is alive stays",
          "[rocksdb]") {
  House house;
  for (const std::size_t workers :
       {2U, 3U}) {  // the second goes on from a directory as a crash leaves it
    house.options.workers = workers;
    StatusOr<Job> job = start(house.pipeline, house.options);
    INFO(job.status());
    REQUIRE(job.ok());
    waitFor([&] { return house.isSwept() || job->isFinished(); });
    REQUIRE_FALSE(job->isFinished());
    for (std::uint64_t guest = 0; guest < 200; ++guest) {
      const auto kept = job->stateValue<std::uint64_t>("porter", "kept", guest);
      INFO(kept.status());
      REQUIRE(kept.ok());
      REQUIRE(kept->has_value() == isRemembered(guest));
      if (kept->has_value()) REQUIRE(**kept == guest);
      REQUIRE_FALSE(job->stateValue<std::string>("porter", "seen", guest)->has_value());
    }
    waitFor([&] {
      for (const OperatorCounts& each : job->counts().operators) {
        if (each.name == "porter" && each.held <= kGuests / 2 + kStaff) return true;
      }
      return job->isFinished();
    });
    job->cancel();
    REQUIRE(job->wait().code() == absl::StatusCode::kCancelled);
  }
}

}  // namespace
}  // namespace millrace::test
