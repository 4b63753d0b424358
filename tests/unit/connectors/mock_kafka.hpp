// SPDX-License-Identifier: MIT
// librdkafka's mock cluster: brokers in this process, for what a client sees. It knows nothing of
// transactions.
#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

class MockKafka {
 public:
  MockKafka()
      : producer_(makeProducer(nullptr)),
        cluster_(rd_kafka_mock_cluster_new(producer_.get(), 1), &rd_kafka_mock_cluster_destroy) {
    writer_ = makeProducer(rd_kafka_mock_cluster_bootstraps(cluster_.get()));
  }

  std::string bootstrapServers() const { return rd_kafka_mock_cluster_bootstraps(cluster_.get()); }

  void createTopic(const std::string& topic, int partitions) {
    require(rd_kafka_mock_topic_create(cluster_.get(), topic.c_str(), partitions, 1));
  }

  struct Record {
    std::optional<std::string> value;
    std::optional<std::string> key{};
    std::int64_t timestamp = 0;  // 0: now
    std::vector<std::pair<std::string, std::optional<std::string>>> headers{};
  };

  /// Writes and waits until it is there.
  void write(const std::string& topic, int partition, const std::vector<Record>& records) {
    for (const Record& record : records) {
      rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
      for (const auto& [name, value] : record.headers) {
        rd_kafka_header_add(headers, name.c_str(), -1, value ? value->data() : nullptr,
                            value ? static_cast<ssize_t>(value->size()) : 0);
      }
      void* const value = record.value ? const_cast<char*>(record.value->data()) : nullptr;
      const std::size_t valueSize = record.value ? record.value->size() : 0;
      void* const key = record.key ? const_cast<char*>(record.key->data()) : nullptr;
      const std::size_t keySize = record.key ? record.key->size() : 0;
      require(rd_kafka_producev(
          writer_.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(value, valueSize),
          RD_KAFKA_V_KEY(key, keySize), RD_KAFKA_V_TIMESTAMP(record.timestamp),
          RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END));
    }
    require(rd_kafka_flush(writer_.get(), 60'000));
  }

  void writeValues(const std::string& topic, int partition,
                   const std::vector<std::string>& values) {
    std::vector<Record> records;
    for (const std::string& value : values) records.push_back({value});
    write(topic, partition, records);
  }

  void setDown() { require(rd_kafka_mock_broker_set_down(cluster_.get(), 1)); }
  void setUp() { require(rd_kafka_mock_broker_set_up(cluster_.get(), 1)); }

 private:
  using Producer = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;

  static void require(rd_kafka_resp_err_t answer) {
    if (answer != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(answer));
  }

  static Producer makeProducer(const char* bootstrap) {
    std::array<char, 512> reason{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, nullptr);
    if (bootstrap != nullptr) {
      rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, reason.data(), reason.size());
    }
    rd_kafka_t* made = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason.data(), reason.size());
    if (made == nullptr) throw std::runtime_error(reason.data());
    return {made, &rd_kafka_destroy};
  }

  Producer producer_;  // the cluster hangs on it
  std::unique_ptr<rd_kafka_mock_cluster_t, decltype(&rd_kafka_mock_cluster_destroy)> cluster_;
  Producer writer_{nullptr, &rd_kafka_destroy};
};

}  // namespace millrace::test
