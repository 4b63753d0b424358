// SPDX-License-Identifier: MIT
// Read, change, write one key's state a record: tables over RocksDB, with checkpoints, against a
// plain loop of Get and Put on RocksDB. All keys are made before the clock starts.
//
//   bench_durable_state --keys 10000000 --records 20000000 --skew 99 --budget-mib 2048 --words 1
//   bench_durable_state --keys 25000000 --records 10000000 --budget-mib 256 --words 12 --only
//   millrace
#include "contest.hpp"
#include "skewed_keys.hpp"

#include <millrace/millrace.hpp>

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace millrace::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Change {
  std::uint64_t key = 0;
  std::uint64_t number = 0;
};

struct Load {
  std::uint64_t keys = 1;
  std::uint64_t records = 1;
  std::uint64_t budget = 0;  // bytes
  std::uint64_t intervalMillis = 1000;
  std::string directory;
  SkewedKeys key;

  std::uint64_t all() const { return keys + records; }
  Change operator()(std::uint64_t i) const { return {i < keys ? i : key(i), i}; }
};

struct Measured {
  Outcome outcome;
  double seconds = 0;
};

// What becomes of a key's state: `Words` numbers, of which the first counts.
template <std::size_t Words>
using Value = std::array<std::uint64_t, Words>;

template <std::size_t Words>
void change(Value<Words>& value, const Change& record) {
  ++value[0];
  // Noise, which nobody can compress.
  for (std::size_t i = 1; i < Words; ++i) value[i] += mixHash(record.number + i);
}

// One in 256 keys tells of every change, so that both sides can be held against each other.
bool isTold(std::uint64_t key) { return (mixHash(key) & 255) == 0; }

struct Told {
  std::uint64_t key = 0;
  std::uint64_t count = 0;
};

template <std::size_t Words>
class Changer {
 public:
  Changer(std::uint64_t fill, Clock::time_point* begun) : fill_(fill), begun_(begun) {}

  void open(StateContext& states) { state_ = states.value<Value<Words>>("numbers"); }

  void process(const Change& record, ProcessContext<std::uint64_t, Told>& context) {
    if (record.number == fill_) *begun_ = Clock::now();
    Value<Words>& value = state_.edit(Value<Words>{});
    change<Words>(value, record);
    if (isTold(record.key)) context.emit({record.key, value[0]});
  }

 private:
  std::uint64_t fill_;
  Clock::time_point* begun_;
  ValueState<Value<Words>> state_;
};

template <std::size_t Words>
Measured changeInPipeline(const Load& load) {
  Measured measured;
  Clock::time_point begun;
  std::filesystem::remove_all(load.directory);
  Pipeline pipeline("durable-state");
  pipeline
      .source("changes", generator<Change>(load, {.count = load.all(), .rate = {}}),
              monotonousTimestamps())
      .keyBy(&Change::key)
      .template process<Told>("change", Changer<Words>(load.keys, &begun))
      .sink("told", forEach([&](const Told& told) { measured.outcome.add(told.key, told.count); }));
  JobOptions options{.workers = 1};
  options.checkpoints.directory = load.directory;
  options.checkpoints.interval = Duration(static_cast<std::int64_t>(load.intervalMillis));
  options.checkpoints.backend = StateBackend::kRocksDb;
  options.checkpoints.memoryBytes = load.budget;
  const Status done = run(pipeline, options);
  if (!done.ok()) throw JobError(std::string(done.message()));
  measured.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  std::filesystem::remove_all(load.directory);
  return measured;
}

std::unique_ptr<rocksdb::DB> openedPlain(const Load& load) {
  constexpr std::size_t kWriteBuffer = 32 << 20;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(load.budget - 2 * kWriteBuffer);
  table.cache_index_and_filter_blocks = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::Options options;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kLZ4Compression;
  options.level_compaction_dynamic_level_bytes = true;
  options.write_buffer_size = kWriteBuffer;
  rocksdb::DB* database = nullptr;
  const auto status = rocksdb::DB::Open(options, load.directory, &database);
  if (!status.ok()) throw JobError(status.ToString());
  return std::unique_ptr<rocksdb::DB>(database);
}

// Get, change, Put; the write-ahead log is off, as it is in the peers that keep their state this
// way.
template <std::size_t Words>
Measured changeInRocksDb(const Load& load) {
  std::filesystem::remove_all(load.directory);
  Measured measured;
  Clock::time_point begun;
  {
    const auto database = openedPlain(load);
    rocksdb::WriteOptions how;
    how.disableWAL = true;
    rocksdb::PinnableSlice found;
    for (std::uint64_t i = 0; i < load.all(); ++i) {
      if (i == load.keys) begun = Clock::now();
      const Change record = load(i);
      const std::uint64_t ordered =
          __builtin_bswap64(mixHash(record.key));  // as spread as hashed keys are
      const rocksdb::Slice key(reinterpret_cast<const char*>(&ordered), sizeof(ordered));
      Value<Words> value{};
      found.Reset();
      if (database->Get({}, database->DefaultColumnFamily(), key, &found).ok()) {
        std::memcpy(value.data(), found.data(), sizeof(value));
      }
      change<Words>(value, record);
      const rocksdb::Slice bytes(reinterpret_cast<const char*>(value.data()), sizeof(value));
      if (const auto put = database->Put(how, key, bytes); !put.ok())
        throw JobError(put.ToString());
      if (isTold(record.key)) measured.outcome.add(record.key, value[0]);
    }
    measured.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  }
  std::filesystem::remove_all(load.directory);
  return measured;
}

std::uint64_t peakMebibytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) / 1024;
  }
  return 0;
}

std::string listOf(const std::vector<double>& seconds) {
  return fmt::format("[{:.6f}]", fmt::join(seconds, ","));
}

// Rounds in turn, as a Contest has them; but the clock starts when all keys are there.
template <std::size_t Words>
int compare(const Load& load, const std::string& only, std::uint64_t rounds) {
  std::vector<double> ours;
  std::vector<double> theirs;
  std::uint64_t told = 0;
  std::uint64_t peak = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    Measured first;
    if (only != "rocksdb") {
      first = changeInPipeline<Words>(load);
      ours.push_back(first.seconds);
      told = first.outcome.rows;
    }
    if (round == 0) peak = peakMebibytes();
    if (only == "millrace") continue;
    const Measured second = changeInRocksDb<Words>(load);
    theirs.push_back(second.seconds);
    if (only == "rocksdb" || first.outcome == second.outcome) continue;
    fmt::print(stderr, "durable-state: 'millrace' was told {} changes, 'rocksdb' {}, or others\n",
               told, second.outcome.rows);
    return 1;
  }
  fmt::print(
      "{{\"name\":\"durable-state\",\"records\":{},\"rows\":{},\"peak_mib\":{},\"runs\":{{"
      "\"millrace\":{{\"wall\":{}}},\"rocksdb\":{{\"wall\":{}}}}}}}\n",
      load.records, told, peak, listOf(ours), listOf(theirs));
  return 0;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  using namespace millrace::bench;
  const Arguments arguments(argc, argv);
  const std::uint64_t keys = arguments.number("keys", 10'000'000);
  const Load load{keys,
                  arguments.number("records", 20'000'000),
                  arguments.number("budget-mib", 2048) << 20,
                  arguments.number("interval-ms", 1000),
                  arguments.text("directory", "bench-durable-state"),
                  SkewedKeys(keys, static_cast<double>(arguments.number("skew", 0)) / 100)};
  const std::string only = arguments.text("only", "");
  const std::uint64_t rounds = arguments.number("rounds", 5);
  return arguments.number("words", 1) == 1 ? compare<1>(load, only, rounds)
                                           : compare<12>(load, only, rounds);
}
