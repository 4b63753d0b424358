// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <optional>
#include <utility>

#include <millrace/runtime/operator.hpp>

#include "connectors/kafka/kafka_positions.hpp"
#include "tools/source_positions.hpp"

namespace millrace {
namespace {

TEST_CASE("Positions in Kafka are told by partition, those of all instances together") {
  Epoch epoch;
  for (const std::int32_t partition : {0, 1}) {
    TaskSnapshot task{"orders", static_cast<std::uint32_t>(partition), {}, {}};
    TaskCounters().write(task.state.position);
    ByteWriter out(task.state.position);
    out.fixed(Timestamp{1'765'535'407'000} + partition);
    const rdkafka::PartitionPosition position{
        {"orders", partition}, 40 + partition, partition == 0 ? std::optional<std::int64_t>() : 50};
    rdkafka::writePositions({&position, 1}, out);
    epoch.tasks.push_back(std::move(task));
  }
  const auto found = tools::sourcePositions(epoch);
  REQUIRE(found.size() == 1);
  CHECK(found[0].operatorName == "orders");
  CHECK(tools::asText(found[0].position) ==
        "up to event time 2025-12-12T10:30:07.000Z\n    orders-0: 40 offsets\n    orders-1: 41 of "
        "50 offsets");
}

}  // namespace
}  // namespace millrace
