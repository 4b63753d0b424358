// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include <millrace/runtime/channel.hpp>
#include <millrace/runtime/output_port.hpp>

namespace millrace {
namespace {

Batch* makeInts() { return new TypedBatch<int>; }

struct Port {
  explicit Port(std::size_t batchSize, const std::vector<std::size_t>& capacities) {
    port.configure(&pool, batchSize, &counters);
    for (const std::size_t capacity : capacities) {
      channels.push_back(std::make_unique<Channel>(capacity, nullptr, nullptr));
      port.connect(channels.back().get());
    }
  }
  bool write(int value) {
    if (!port.ready()) return false;
    Emitter<int>(port).append(value) = value;
    return true;
  }
  // What waits in a channel: "[1 2] wm:5".
  std::string take(std::size_t channel) {
    std::string text;
    while (channels[channel]->front() != nullptr) {
      const Item item = channels[channel]->pop();
      text += text.empty() ? "" : " ";
      if (item.batch == nullptr) {
        text += "wm:" + std::to_string(item.mark.time);
        continue;
      }
      const auto& batch = static_cast<const TypedBatch<int>&>(*item.batch);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        text += (i == 0 ? "[" : " ") + std::to_string(batch[i]);
      }
      text += "]";
    }
    return text;
  }

  TaskCounters counters;
  BatchPool pool{&makeInts};
  std::vector<std::unique_ptr<Channel>> channels;
  OutputPort port;
};

TEST_CASE("a port sends its batch when that is full, and the rest when it is flushed") {
  Port out(2, {4});
  for (int i = 1; i <= 3; ++i) REQUIRE(out.write(i));
  REQUIRE(out.take(0) == "[1 2]");
  REQUIRE(out.port.flush());
  REQUIRE(out.take(0) == "[3]");
  REQUIRE(out.port.flush());
  REQUIRE(out.take(0).empty());
  REQUIRE(out.counters.out.value() == 3);
}

TEST_CASE(
    "a port refuses when its batch and its channel are full, and goes on when there is room") {
  Port out(2, {1});
  int written = 0;
  while (out.write(written + 1)) ++written;
  REQUIRE(written == 4);
  REQUIRE_FALSE(out.port.flush());
  REQUIRE(out.port.isFull());
  REQUIRE(out.take(0) == "[1 2]");
  REQUIRE(out.write(5));
  REQUIRE(out.take(0) == "[3 4]");
}

TEST_CASE("every reader gets every record, and the slowest decides") {
  Port out(1, {4, 1});
  int written = 0;
  while (out.write(written + 1)) ++written;
  REQUIRE(written == 2);
  REQUIRE_FALSE(out.port.hasRoom());
  REQUIRE(out.counters.out.value() == 1);  // counted once, however many read it
  REQUIRE(out.take(1) == "[1]");
  REQUIRE(out.port.flush());
  REQUIRE(out.take(1) == "[2]");
  REQUIRE(out.take(0) == "[1] [2]");
}

TEST_CASE("readers of one port do not share a batch") {
  Port out(2, {2, 2});
  out.write(1);
  out.port.flush();
  const Item first = out.channels[0]->pop();
  static_cast<TypedBatch<int>&>(*first.batch)[0] = 99;
  REQUIRE(out.take(1) == "[1]");
}

TEST_CASE("a whole batch goes out after what was collected before it") {
  Port out(8, {4});
  out.write(1);
  BatchPtr whole = out.pool.acquire();
  static_cast<TypedBatch<int>&>(*whole).append(2) = 2;
  REQUIRE(out.port.canForward());
  out.port.forward(std::move(whole));
  REQUIRE(out.take(0) == "[1] [2]");
  REQUIRE(out.counters.out.value() == 2);
}

TEST_CASE("a batch that was consumed in part is sent on whole, and an empty one not at all") {
  Port out(8, {4});
  BatchPtr whole = out.pool.acquire();
  static_cast<TypedBatch<int>&>(*whole).append(1) = 1;
  whole->setCursor(1);
  out.port.forward(std::move(whole));
  REQUIRE(out.channels[0]->front()->batch->cursor() == 0);
  REQUIRE(out.take(0) == "[1]");
  out.port.forward(out.pool.acquire());
  REQUIRE(out.take(0).empty());
}

TEST_CASE("a port without readers takes everything and keeps nothing") {
  Port out(2, {});
  for (int i = 0; i < 100; ++i) REQUIRE(out.write(i));
  REQUIRE(out.port.flush());
  out.port.send(Mark::watermark(5));
  REQUIRE(out.counters.out.value() == 0);
  REQUIRE_FALSE(out.port.isConnected());
}

TEST_CASE("marks keep their place among the records") {
  Port out(8, {4, 4});
  out.write(1);
  out.port.flush();
  out.port.send(Mark::watermark(5));
  out.write(2);
  out.port.flush();
  REQUIRE(out.take(0) == "[1] wm:5 [2]");
  REQUIRE(out.take(1) == "[1] wm:5 [2]");
}

}  // namespace
}  // namespace millrace
