// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <thread>

#include <millrace/base/check.hpp>
#include <millrace/runtime/batch_pool.hpp>
#include <millrace/runtime/channel.hpp>

namespace millrace {
namespace {

Item markAt(Timestamp time) { return {nullptr, Mark::watermark(time)}; }

// Waits as a worker does, until `isReady` holds.
template <typename F>
void sleepUntil(Waker& waker, F isReady) {
  while (!isReady()) {
    waker.prepare();
    if (isReady()) return waker.cancel();
    waker.sleep(std::chrono::minutes(1));
  }
}

Batch* makeBatchOfInt() { return new TypedBatch<int>; }

TEST_CASE("a channel gives items out in the order they went in") {
  Channel channel(3, nullptr, nullptr);
  for (Timestamp round = 0; round < 10; ++round) {
    channel.push(markAt(round));
    channel.push(markAt(-round));
    REQUIRE(channel.front()->mark.time == round);
    REQUIRE(channel.pop().mark.time == round);
    REQUIRE(channel.pop().mark.time == -round);
    REQUIRE(channel.front() == nullptr);
  }
}

TEST_CASE("a channel takes as many items as its capacity says and refuses more") {
  Channel channel(2, nullptr, nullptr);
  channel.push(markAt(1));
  REQUIRE(channel.hasRoom());
  channel.push(markAt(2));
  REQUIRE_FALSE(channel.hasRoom());
  REQUIRE(channel.size() == channel.capacity());
  REQUIRE_THROWS_AS(channel.push(markAt(3)), InternalError);
  channel.pop();
  REQUIRE(channel.hasRoom());
}

TEST_CASE("taking from an empty channel is refused") {
  Channel channel(2, nullptr, nullptr);
  REQUIRE_THROWS_AS(channel.pop(), InternalError);
}

TEST_CASE("two threads hand batches over in order, and every batch finds its way home") {
  constexpr int kBatches = 5'000;
  BatchPool pool(&makeBatchOfInt);
  Waker producer;
  Waker consumer;
  Channel channel(2, &producer, &consumer);
  std::thread reader([&] {
    for (int i = 0; i < kBatches; ++i) {
      sleepUntil(consumer, [&] { return channel.front() != nullptr; });
      const Item item = channel.pop();
      const auto& batch = static_cast<const TypedBatch<int>&>(*item.batch);
      if (batch.size() != 1 || batch[0] != i) return;  // the producer then waits, and says so
    }
  });
  for (int i = 0; i < kBatches; ++i) {
    sleepUntil(producer, [&] { return channel.hasRoom(); });
    BatchPtr batch = pool.acquire();
    REQUIRE(batch->isEmpty());
    static_cast<TypedBatch<int>&>(*batch).append(i) = i;
    channel.push({std::move(batch), {}});
  }
  reader.join();
  REQUIRE(channel.front() == nullptr);
}

TEST_CASE("an observer never sees more items waiting than there is room for") {
  constexpr int kItems = 50'000;
  Channel channel(2, nullptr, nullptr);
  std::atomic<bool> isOver{false};
  std::atomic<std::size_t> mostSeen{0};
  std::thread observer([&] {
    while (!isOver.load()) {
      const std::size_t seen = channel.size();
      if (seen > mostSeen.load()) mostSeen.store(seen);
    }
  });
  std::thread reader([&] {
    for (int i = 0; i < kItems; ++i) {
      while (channel.front() == nullptr) std::this_thread::yield();
      channel.pop();
    }
  });
  for (int i = 0; i < kItems; ++i) {
    while (!channel.hasRoom()) std::this_thread::yield();
    channel.push(markAt(i));
  }
  reader.join();
  isOver.store(true);
  observer.join();
  REQUIRE(mostSeen.load() <= channel.capacity());
}

}  // namespace
}  // namespace millrace
