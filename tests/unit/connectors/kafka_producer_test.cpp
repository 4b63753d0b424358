// SPDX-License-Identifier: MIT
#include "connectors/kafka/producer.hpp"
#include "mock_kafka.hpp"

#include <catch2/catch.hpp>

namespace millrace::rdkafka {
namespace {

using Kind = UnansweredRequests::Kind;

TEST_CASE("a request is unanswered until its answer is told, once or twice", "[librdkafka]") {
  UnansweredRequests requests;
  CHECK(!requests.isAny());
  requests.sent(Kind::kOffsetCommit);
  CHECK(requests.isAny());
  requests.answered(Kind::kOffsetCommit);
  requests.answered(Kind::kOffsetCommit);
  CHECK(!requests.isAny());
  requests.sent(Kind::kEnd);
  CHECK(requests.isAny());
  requests.answered(Kind::kEnd);
  CHECK(!requests.isAny());
}

TEST_CASE("a request that was sent again before its answer stays unanswered, whatever comes later", "[librdkafka]") {
  UnansweredRequests requests;
  requests.sent(Kind::kEnd);
  requests.sent(Kind::kEnd);
  requests.answered(Kind::kEnd);
  requests.answered(Kind::kEnd);
  CHECK(requests.isAny());
  requests.sent(Kind::kOffsetCommit);
  requests.answered(Kind::kOffsetCommit);
  CHECK(requests.isAny());
}

// What transactions do is for a real broker to show; which answers librdkafka tells of shows here.
TEST_CASE("a producer whose requests were all answered is not in doubt", "[librdkafka]") {
  test::MockKafka kafka;
  kafka.createTopic("results", 1);
  kafka.createTopic("marks", 1);
  Producer::Options options;
  options.settings.bootstrapServers = kafka.bootstrapServers();
  options.transactionalId = "job-0";
  auto producer = Producer::make(options, [] {});
  REQUIRE(producer.ok());
  REQUIRE((*producer)->initTransactions().ok());
  for (int epoch = 1; epoch <= 3; ++epoch) {
    REQUIRE((*producer)->beginTransaction().ok());
    KafkaRecord record;
    record.value = "a result";
    KafkaRecords records;
    records.add(record);
    REQUIRE((*producer)->produce("results", records).value() == 1);
    REQUIRE((*producer)->awaitDeliveries().ok());
    REQUIRE((*producer)->sendOffsets("job.eos", *onePartition("marks", 0, epoch)).ok());
    REQUIRE((*producer)->commitTransaction().ok());
    CHECK(!(*producer)->isInDoubt());
  }
}

}  // namespace
}  // namespace millrace::rdkafka
