// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <millrace/base/clock.hpp>
#include <millrace/base/random.hpp>
#include <millrace/checkpoint/checkpoint_store.hpp>
#include <millrace/job/options.hpp>
#include <millrace/testing/simulated_files.hpp>

#include "runtime/engine.hpp"

namespace millrace::test {

/// Runs a job on a simulated disk, stepped by one thread in an order that the seed decides, through
/// crashes, kills, stops and faults of the disk, each followed by a new start with another number
/// of workers, until it comes to its end. The same seed gives the same run.
class SimulatedLife {
 public:
  struct Events {
    int crashes = 0;
    int kills = 0;
    int stops = 0;
    int failures = 0;  // starts and runs that ended with an error
    std::uint64_t checkpoints = 0;
  };

  explicit SimulatedLife(std::uint64_t seed) : random_(seed), files_(random_.next()) {}

  /// Called before each of the lives in which nothing is to go wrong any more.
  std::function<void()> onLastLives;

  testing::SimulatedFiles& files() { return files_; }
  const Events& events() const { return events_; }

  /// Runs `graph` until it has ended, dying up to `deaths` times before. Returns why it cannot, if
  /// so.
  std::string run(const Graph& graph, int deaths) {
    for (int life = 0; life < deaths + kLastLives; ++life) {
      const bool mayDie = life < deaths;
      if (!mayDie && onLastLives) onLastLives();
      if (mayDie && random_.below(3) == 0) injectFault();
      if (liveOnce(graph, mayDie)) return "";
    }
    return "the last life ended with: " + lastError_;
  }

  /// The lines of all files in `directory` that are not hidden, sorted.
  std::vector<std::string> linesIn(const std::string& directory) const {
    std::vector<std::string> lines;
    for (const std::string& path : files_.paths()) {
      if (!path.starts_with(directory + "/") || path[directory.size() + 1] == '.') continue;
      const std::string text = files_.contents(path);
      for (std::size_t from = 0; from < text.size();) {
        const std::size_t end = text.find('\n', from);
        lines.push_back(text.substr(from, end - from));
        from = end + 1;
      }
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  // Files that a sink has begun and not finished.
  std::vector<std::string> unfinishedIn(const std::string& directory) const {
    std::vector<std::string> unfinished;
    for (const std::string& path : files_.paths()) {
      if (path.starts_with(directory + "/") && path.ends_with(".inprogress"))
        unfinished.push_back(path);
    }
    return unfinished;
  }

 private:
  // Without new faults; one that was ordered before may still meet one of them.
  static constexpr int kLastLives = 4;

  void injectFault() {
    using testing::FileFault;
    static constexpr FileFault kFaults[] = {FileFault::kFullDisk, FileFault::kSyncFails,
                                            FileFault::kIoError, FileFault::kCrash};
    files_.failAt(files_.operations() + random_.below(200), kFaults[random_.below(4)]);
  }

  // True when the job has come to its end.
  bool liveOnce(const Graph& graph, bool mayDie) {
    JobOptions options;
    options.workers = 1 + random_.below(4);
    options.batchSize = 1 + random_.below(8);
    options.exchangeCapacity = 2 + random_.below(8);
    options.keyGroups = 16;
    options.clock = &clock_;
    options.fileSystem = &files_;
    options.checkpoints.directory = "state";
    options.checkpoints.interval = Duration(50);
    options.checkpoints.tolerableFailures = random_.below(3);
    CheckpointStore::Options where;
    where.directory = "state";
    where.jobName = graph.name();
    where.keyGroups = 16;
    where.segmentBytes = 256 + random_.below(4096);
    const auto point = commitPointOf(graph, options);
    where.commitPoint = point->get();
    StatusOr<std::unique_ptr<CheckpointStore>> store = CheckpointStore::open(files_, where);
    if (!store.ok()) return died(store.status());
    StatusOr<std::unique_ptr<Engine>> engine = Engine::create(graph, options, store->get());
    if (!engine.ok()) {
      store->reset();
      return died(engine.status());
    }
    return step(**engine, **store, mayDie);
  }

  bool step(Engine& engine, CheckpointStore& store, bool mayDie) {
    const std::uint64_t patience = mayDie ? random_.below(500) : 3'000'000;
    for (std::uint64_t i = 0; i < patience && !engine.isOver(); ++i) stepOne(engine, store);
    events_.checkpoints += engine.coordinator()->counts().completed;
    if (engine.isOver()) {
      const Status ended = engine.close();
      return ended.ok() ? true : died(ended);
    }
    if (!mayDie) return died(absl::DeadlineExceededError("it never ends"));
    return die(engine, store);
  }

  void stepOne(Engine& engine, CheckpointStore& store) {
    switch (random_.below(16)) {
      case 0:
        return note(engine, engine.coordinator()->step());
      case 1:
        return note(engine, store.bringForward());
      case 2:
        return clock_.advance(std::chrono::milliseconds(random_.below(20)));
      case 3:
        engine.quietWorker(random_.below(engine.workerCount()));
        return;
      default:
        engine.stepWorker(random_.below(engine.workerCount()));
    }
  }

  // As the threads of a job do: an error ends the job.
  void note(Engine& engine, const Status& status) {
    if (status.ok()) return;
    lastError_ = status.ToString();
    engine.cancel();
  }

  bool die(Engine& engine, CheckpointStore& store) {
    switch (random_.below(3)) {
      case 0:
        ++events_.crashes;
        files_.crash();
        return false;
      case 1:
        ++events_.kills;
        files_.kill();
        return false;
      default:
        ++events_.stops;
        engine.stop();
        for (int i = 0; i < 100'000 && !engine.isOver(); ++i) stepOne(engine, store);
        const Status ended = engine.close();
        // A stopped job has not come to its end: it goes on with the next start.
        if (!ended.ok()) died(ended);
        return false;
    }
  }

  bool died(const Status& why) {
    ++events_.failures;
    if (!absl::IsCancelled(why)) lastError_ = why.ToString();
    // After an error nobody knows what is lasting: as bad as losing power.
    files_.crash();
    return false;
  }

  Random random_;
  testing::SimulatedFiles files_;
  ManualClock clock_{1'700'000'000'000};
  Events events_;
  std::string lastError_;
};

}  // namespace millrace::test
