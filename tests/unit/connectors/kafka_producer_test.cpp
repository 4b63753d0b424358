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

TEST_CASE("a request that was sent again before its answer stays unanswered, whatever comes later",
          "[librdkafka]") {
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
    REQUIRE((*producer)->produce("results", records, 0).value() == 1);
    REQUIRE((*producer)->awaitDeliveries().ok());
    REQUIRE((*producer)->sendOffsets("job.eos", *onePartition("marks", 0, epoch)).ok());
    REQUIRE((*producer)->commitTransaction().ok());
    CHECK(!(*producer)->isInDoubt());
  }
}

TEST_CASE("an epoch is delivered while records of the next one are still on their way",
          "[librdkafka]") {
  test::MockKafka kafka;
  kafka.createTopic("results", 1);
  Producer::Options options;
  options.settings.bootstrapServers = kafka.bootstrapServers();
  options.settings.properties = {{"linger.ms", "1"}};
  auto producer = Producer::make(options, [] {});
  REQUIRE(producer.ok());
  KafkaRecord record;
  record.value = "a result";
  KafkaRecords records;
  for (int i = 0; i < 100; ++i) records.add(record);
  REQUIRE((*producer)->produce("results", records, 6).value() == 100);
  REQUIRE((*producer)->awaitDelivered(6).ok());
  // What comes now stays on its way.
  kafka.setDown();
  REQUIRE((*producer)->produce("results", records, 7).value() == 100);
  CHECK((*producer)->awaitDelivered(6).ok());
}

TEST_CASE("who waits for an epoch's delivery is told when it fails", "[librdkafka]") {
  test::MockKafka kafka;
  kafka.createTopic("results", 1);
  Producer::Options options;
  options.settings.bootstrapServers = kafka.bootstrapServers();
  auto producer = Producer::make(options, [] {});
  REQUIRE(producer.ok());
  KafkaRecord record;
  record.value = "a result";
  record.partition = 5;
  KafkaRecords records;
  records.add(record);
  const auto taken = (*producer)->produce("results", records, 3);
  // librdkafka takes it as long as it does not know the topic's partitions.
  const Status told = taken.ok() ? (*producer)->awaitDelivered(3) : taken.status();
  CHECK(told.message().find("no such partition") != std::string::npos);
}

}  // namespace
}  // namespace millrace::rdkafka
