// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include <millrace/runtime/batch_pool.hpp>

namespace millrace {
namespace {

using Strings = TypedBatch<std::string>;

Batch* makeStrings() { return new Strings; }

TEST_CASE("a batch that was dropped is given out again, empty") {
  BatchPool pool(&makeStrings);
  BatchPtr batch = pool.acquire();
  const Batch* first = batch.get();
  static_cast<Strings&>(*batch).append(1) = "x";
  batch->setCursor(1);
  batch.reset();
  batch = pool.acquire();
  REQUIRE(batch.get() == first);
  REQUIRE(batch->isEmpty());
  REQUIRE(batch->cursor() == 0);
}

TEST_CASE("a recycled slot keeps the buffer of the string it held") {
  BatchPool pool(&makeStrings);
  BatchPtr batch = pool.acquire();
  static_cast<Strings&>(*batch).append(1) = std::string(1000, 'x');
  const char* buffer = static_cast<Strings&>(*batch)[0].data();
  batch.reset();
  batch = pool.acquire();
  std::string& slot = static_cast<Strings&>(*batch).append(2);
  slot.assign("short");
  REQUIRE(slot.data() == buffer);
}

TEST_CASE("batches in use at once are different ones") {
  BatchPool pool(&makeStrings);
  std::vector<BatchPtr> held;
  std::set<const Batch*> seen;
  for (int i = 0; i < 10; ++i) {
    held.push_back(pool.acquire());
    seen.insert(held.back().get());
  }
  REQUIRE(seen.size() == 10);
}

TEST_CASE("batches that other threads drop at the same time all come home") {
  BatchPool pool(&makeStrings);
  std::set<const Batch*> made;
  for (int round = 0; round < 50; ++round) {
    std::vector<std::vector<BatchPtr>> hands(3);
    for (std::size_t i = 0; i < 30; ++i) {
      hands[i % 3].push_back(pool.acquire());
      made.insert(hands[i % 3].back().get());
    }
    std::vector<std::thread> droppers;
    for (auto& hand : hands) droppers.emplace_back([&hand] { hand.clear(); });
    for (std::thread& dropper : droppers) dropper.join();
  }
  REQUIRE(made.size() == 30);
}

TEST_CASE("a batch that never had a pool is deleted when it is dropped") {
  BatchPtr batch(makeStrings());
  static_cast<Strings&>(*batch).append(0) = std::string(100, 'x');
}

TEST_CASE("a batch grows past any size it had, and keeps its records") {
  Strings batch;
  for (int i = 0; i < 5000; ++i) batch.append(i) = std::to_string(i);
  REQUIRE(batch.size() == 5000);
  for (std::size_t i = 0; i < 5000; ++i) {
    REQUIRE(batch[i] == std::to_string(i));
    REQUIRE(batch.time(i) == static_cast<Timestamp>(i));
  }
}

TEST_CASE("a copy of a batch begins at what was not consumed yet") {
  Strings batch;
  for (int i = 0; i < 4; ++i) batch.append(i) = std::to_string(i);
  batch.setCursor(2);
  Strings copy;
  copy.append(9) = "9";
  copy.appendCopyOf(batch);
  REQUIRE(copy.size() == 3);
  REQUIRE(copy[1] == "2");
  REQUIRE(copy.time(2) == 3);
}

}  // namespace
}  // namespace millrace
