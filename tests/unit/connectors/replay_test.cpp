// SPDX-License-Identifier: MIT
#include <rapidcheck.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <millrace/base/random.hpp>
#include <millrace/connectors/collection/collection.hpp>
#include <millrace/connectors/generator/generator.hpp>

namespace millrace {
namespace {

constexpr const char* kWhatToDo =
    "the source was another when it was taken: take that again, or start anew with an empty state "
    "directory";

std::vector<std::string_view> viewsOf(const std::vector<std::string>& positions) {
  return {positions.begin(), positions.end()};
}

std::string positionOf(const GeneratorShares& shares) {
  std::string position;
  ByteWriter out(position);
  shares.write(out);
  return position;
}

std::vector<GeneratorShares> instances(std::size_t workers) {
  std::vector<GeneratorShares> made;
  for (std::size_t worker = 0; worker < workers; ++worker) made.emplace_back(worker, workers);
  return made;
}

TEST_CASE("the instances of a generator make every number once, each in rising order") {
  for (const std::size_t workers : {1u, 2u, 3u, 4u, 7u, 256u, 300u}) {
    std::vector<std::uint64_t> numbers;
    for (GeneratorShares& each : instances(workers)) {
      std::uint64_t last = 0;
      for (; each.next() < 1000; each.advance()) {
        CHECK(each.next() >= last);
        last = each.next();
        numbers.push_back(last);
      }
    }
    std::sort(numbers.begin(), numbers.end());
    CAPTURE(workers);
    CHECK(numbers.size() == 1000);
    CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
  }
}

TEST_CASE("of a power of two of instances each takes every so many numbers") {
  GeneratorShares second(1, 4);
  for (std::uint64_t i = 1; i < 2000; i += 4) {
    REQUIRE(second.next() == i);
    second.advance();
  }
}

TEST_CASE("a generator restored again and again makes every number once, with any instances") {
  REQUIRE(rc::check("kill and restore", [](std::uint64_t seed) {
    Random random(seed);
    const std::uint64_t count = random.below(5000);
    std::vector<std::uint64_t> numbers;
    std::vector<std::string> positions;
    const std::int64_t lives = random.between(1, 5);
    for (std::int64_t life = 1; life <= lives; ++life) {
      auto made =
          instances(static_cast<std::size_t>(random.between(1, random.chance(0.1) ? 300 : 5)));
      for (GeneratorShares& each : made) {
        if (life > 1) RC_ASSERT(each.restore(viewsOf(positions)).ok());
        const std::uint64_t many = life == lives ? count : random.below(1500);
        for (std::uint64_t i = 0; i < many && each.next() < count; ++i) {
          numbers.push_back(each.next());
          each.advance();
        }
      }
      positions.clear();
      for (const GeneratorShares& each : made) {
        positions.push_back(positionOf(each));
        RC_ASSERT(positions.back().size() < 1500u);
      }
    }
    std::sort(numbers.begin(), numbers.end());
    RC_ASSERT(numbers.size() == count);
    RC_ASSERT(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
  }));
}

TEST_CASE("a generator's position is small") {
  GeneratorShares shares(1, 4);
  for (int i = 0; i < 1'000'000; ++i) shares.advance();
  CHECK(positionOf(shares).size() < 12);
}

TEST_CASE("damaged positions of a generator are refused or read, and never a crash") {
  GeneratorShares shares(0, 3);
  for (int i = 0; i < 1000; ++i) shares.advance();
  const std::string good = positionOf(shares);
  CHECK(absl::IsDataLoss(GeneratorShares(0, 1).restore(viewsOf({good.substr(0, 3)}))));
  for (std::size_t bit = 16; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    GeneratorShares(0, 1).restore(viewsOf({bad})).IgnoreError();
  }
  const Status other = GeneratorShares(0, 1).restore(viewsOf({"F1"}));
  CHECK(absl::IsFailedPrecondition(other));
  CHECK(other.message() ==
        "the checkpoint's position is not one of a generator (" + std::string(kWhatToDo) + ")");
}

class Values final : private ReaderReport {
 public:
  explicit Values(std::size_t room) : output_(*this, withRoom(room), 0, room) {}
  SourceOutput<int>& output() { return output_; }
  std::vector<int> read() { return {static_cast<const int*>(batch_.slots()), output_.position()}; }

 private:
  void split(std::size_t) override {}
  void setPending(std::size_t, bool) final {}
  void endSplit(std::size_t) override {}
  bool reject(std::string_view, std::string_view, std::string_view, const MessageParts*) override {
    return true;
  }
  void countBytes(std::size_t) override {}

  TypedBatch<int>& withRoom(std::size_t room) {
    batch_.reserve(room);
    return batch_;
  }

  TypedBatch<int> batch_;
  SourceOutput<int> output_;
};

struct CollectionReaders {
  CollectionReaders(const CollectionSource<int>& source, std::size_t count) {
    std::shared_ptr<void> shared;
    for (std::size_t i = 0; i < count; ++i) {
      readers.push_back(source.makeReader(shared, WatermarkStrategy{}));
    }
  }
  std::vector<std::string> positions() const {
    std::vector<std::string> written(readers.size());
    for (std::size_t i = 0; i < readers.size(); ++i) {
      ByteWriter out(written[i]);
      readers[i]->writePosition(out);
    }
    return written;
  }
  std::vector<std::unique_ptr<SourceReader<int>>> readers;
};

TEST_CASE("a collection goes on behind the values that were read") {
  const CollectionSource<int> source = collection(std::vector<int>{1, 2, 3, 4, 5});
  CollectionReaders before(source, 3);
  Values first(2);
  REQUIRE(before.readers[0]->read(first.output()).value() == ReadState::kMore);
  CHECK(first.read() == std::vector<int>{1, 2});
  const auto positions = before.positions();

  CollectionReaders after(source, 1);
  REQUIRE(after.readers[0]->isReplayable());
  REQUIRE(after.readers[0]->restorePositions(viewsOf(positions)).ok());
  Values rest(10);
  REQUIRE(after.readers[0]->read(rest.output()).value() == ReadState::kEnd);
  CHECK(rest.read() == std::vector<int>{3, 4, 5});

  CollectionReaders ended(source, 1);
  REQUIRE(ended.readers[0]->restorePositions(viewsOf(after.positions())).ok());
  Values none(10);
  CHECK(ended.readers[0]->read(none.output()).value() == ReadState::kEnd);
  CHECK(none.read().empty());
}

TEST_CASE("a collection that has become smaller is refused") {
  CollectionReaders before(collection(std::vector<int>{1, 2, 3}), 1);
  CollectionReaders after(collection(std::vector<int>{1, 2}), 1);
  const Status restored = after.readers[0]->restorePositions(viewsOf(before.positions()));
  CHECK(absl::IsFailedPrecondition(restored));
  CHECK(
      restored.message() ==
      "the collection had 3 values at the checkpoint and has 2 now (give it the values of then, or "
      "start anew with an empty state directory)");
  CHECK(absl::IsDataLoss(after.readers[0]->restorePositions(viewsOf({"C1x"}))));
  CHECK(absl::IsFailedPrecondition(after.readers[0]->restorePositions(viewsOf({"G1"}))));
}

}  // namespace
}  // namespace millrace
