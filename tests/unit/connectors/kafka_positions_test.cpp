// SPDX-License-Identifier: MIT
#include <rapidcheck.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include <millrace/base/random.hpp>
#include "connectors/kafka/kafka_positions.hpp"

namespace millrace::rdkafka {
namespace {

using Positions = std::vector<PartitionPosition>;

std::string written(const Positions& positions) {
  std::string bytes;
  ByteWriter out(bytes);
  writePositions(positions, out);
  return bytes;
}

StatusOr<Positions> readBack(const std::vector<std::string>& readers) {
  const std::vector<std::string_view> views(readers.begin(), readers.end());
  return readPositions(views);
}

Positions randomPositions(Random& random, std::size_t count) {
  Positions positions;
  for (std::size_t i = 0; i < count; ++i) {
    PartitionPosition& added = positions.emplace_back();
    added.id = {"topic" + std::to_string(i / 3), static_cast<std::int32_t>(i % 3)};
    added.next = random.between(0, random.chance(0.5) ? 100 : INT64_MAX - 1);
    if (random.chance(0.3)) added.end = random.between(0, 1'000'000);
  }
  return positions;
}

TEST_CASE("positions in Kafka read back as they were written, whoever of the readers wrote them") {
  REQUIRE(rc::check("round trip", [](std::uint64_t seed) {
    Random random(seed);
    const Positions all = randomPositions(random, random.below(20));
    std::vector<Positions> shares(static_cast<std::size_t>(random.between(1, 4)));
    for (const PartitionPosition& each : all) shares[random.below(shares.size())].push_back(each);
    std::vector<std::string> readers;
    for (const Positions& share : shares) readers.push_back(written(share));
    const StatusOr<Positions> back = readBack(readers);
    RC_ASSERT(back.ok());
    RC_ASSERT(*back == all);
  }));
}

TEST_CASE("a position in Kafka has the documented bytes") {
  CHECK(written({{{"ab", 3}, 300, {}}, {{"ab", 4}, 0, 5}}) == std::string("K1\x02"
                                                                          "ab\x03\xad\x02\x00\x02"
                                                                          "ab\x04\x01\x06",
                                                                          15));
}

TEST_CASE("damaged positions in Kafka are told from whole ones, or read as other whole ones") {
  Random random(7);
  const std::string whole = written(randomPositions(random, 6));
  for (std::size_t size = 2; size < whole.size(); ++size) {
    const auto cut = readBack({whole.substr(0, size)});
    CHECK((cut.ok() ? cut->size() < 6 : absl::IsDataLoss(cut.status())));
  }
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = whole;
    bytes[2 + random.below(bytes.size() - 2)] = static_cast<char>(random.below(256));
    const auto read = readBack({bytes});
    if (!read.ok()) {
      REQUIRE(absl::IsDataLoss(read.status()));
      continue;
    }
    for (const PartitionPosition& each : *read) {
      REQUIRE(each.next >= 0);
      REQUIRE(each.id.partition >= 0);
    }
  }
}

TEST_CASE("a partition that two readers have read is damage") {
  const std::string one = written({{{"t", 0}, 5, {}}});
  CHECK(absl::IsDataLoss(readBack({one, one}).status()));
}

TEST_CASE("positions of another kind of source are refused with what to do") {
  const StatusOr<Positions> read = readBack({"F1\x01\x01\x01\x01"});
  CHECK(absl::IsFailedPrecondition(read.status()));
  CHECK(read.status().message().find("start anew with an empty state directory") !=
        absl::string_view::npos);
}

TEST_CASE("the partitions of a topic go round the workers") {
  for (const std::size_t workers : {1u, 2u, 3u, 5u}) {
    for (const char* topic : {"user-events", "orders", "x"}) {
      std::map<std::size_t, int> shares;
      for (int i = 0; i < 30; ++i) ++shares[workerOf({topic, i}, workers)];
      REQUIRE(shares.size() == workers);
      for (const auto& [worker, count] : shares) CHECK(count == 30 / static_cast<int>(workers));
    }
  }
}

TEST_CASE("topics of one partition do not all go to one worker") {
  std::map<std::size_t, int> shares;
  for (int i = 0; i < 200; ++i) ++shares[workerOf({"topic-" + std::to_string(i), 0}, 4)];
  for (std::size_t worker = 0; worker < 4; ++worker) CHECK(shares[worker] > 25);
}

}  // namespace
}  // namespace millrace::rdkafka
