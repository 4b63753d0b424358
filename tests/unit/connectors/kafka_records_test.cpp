// SPDX-License-Identifier: MIT
#include <millrace/connectors/kafka/kafka_records.hpp>

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include <deque>
#include <string_view>

namespace millrace {
namespace {

KafkaRecord anyRecord() {
  KafkaRecord record;
  record.isTombstone = *rc::gen::arbitrary<bool>();
  if (!record.isTombstone) record.value = *rc::gen::arbitrary<std::string>();
  if (*rc::gen::arbitrary<bool>()) record.setKey(*rc::gen::arbitrary<std::string>());
  if (*rc::gen::arbitrary<bool>()) record.headers = {{"name", *rc::gen::arbitrary<std::string>()}};
  if (*rc::gen::arbitrary<bool>()) record.timestamp = *rc::gen::inRange(0, 1000);
  if (*rc::gen::arbitrary<bool>()) record.partition = *rc::gen::inRange(0, 8);
  return record;
}

void requireSame(const KafkaRecords& records, std::size_t i, const KafkaRecord& expected) {
  const KafkaRecords::Entry& entry = records[i];
  RC_ASSERT((entry.key != KafkaRecords::kNone) == expected.hasKey);
  if (expected.hasKey)
    RC_ASSERT(std::string_view(records.bytes() + entry.key, entry.keySize) == expected.key);
  RC_ASSERT((entry.value == KafkaRecords::kNone) == expected.isTombstone);
  if (!expected.isTombstone)
    RC_ASSERT(std::string_view(records.bytes() + entry.value, entry.valueSize) == expected.value);
  RC_ASSERT((entry.headers != KafkaRecords::kNone) == !expected.headers.empty());
  if (!expected.headers.empty()) RC_ASSERT(records.headers(entry.headers) == expected.headers);
  RC_ASSERT(entry.timestamp == expected.timestamp.value_or(kMinTimestamp));
  RC_ASSERT(entry.partition == expected.partition.value_or(-1));
}

TEST_CASE("records for a topic come out as they went in, whatever is put together and dropped") {
  rc::prop("as a queue", [] {
    KafkaRecords records;
    std::deque<KafkaRecord> model;
    for (int step = *rc::gen::inRange(1, 30); step > 0; --step) {
      KafkaRecords more;
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        model.push_back(anyRecord());
        more.add(model.back());
      }
      records.take(more);
      RC_ASSERT(more.isEmpty());
      const auto dropped = *rc::gen::inRange<std::size_t>(0, model.size() + 1);
      records.drop(dropped);
      model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(dropped));
      RC_ASSERT(records.size() == model.size());
      for (std::size_t i = 0; i < model.size(); ++i) requireSame(records, i, model[i]);
    }
    if (model.empty()) RC_ASSERT(records.memoryBytes() == 0);
  });
}

}  // namespace
}  // namespace millrace
