// SPDX-License-Identifier: MIT
// Kafka: what each customer has spent in a minute, from a topic to a topic, each total exactly
// once.
//
//   ./dev kafka start
//   ./dev kafka topic create orders --partitions 4
//   ./dev kafka topic create totals

#include <millrace/millrace.hpp>

#include <cstdlib>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

struct Order {
  millrace::Timestamp at = 0;
  std::string customer;
  std::int64_t cents = 0;
};

template <>
struct millrace::Description<Order> {
  static void describe(millrace::Describer<Order>& d) {
    d.name("Order");
    d.timestamp("at", &Order::at).required().eventTime();
    d.field("customer", &Order::customer).required().nonEmpty();
    d.field("cents", &Order::cents).required();
  }
};

int main(int argc, char** argv) {
  // [cluster]
  millrace::KafkaSettings cluster;  // localhost:9092
  if (const char* brokers = std::getenv("MILLRACE_KAFKA_BOOTSTRAP"))
    cluster.bootstrapServers = brokers;
  millrace::KafkaSourceOptions orders;
  orders.settings = cluster;
  orders.topics = {"orders"};
  orders.until = millrace::KafkaEnd::latest();  // leave it out, and the job goes on for ever
  millrace::KafkaSinkOptions totals;
  totals.settings = cluster;
  totals.topic = "totals";
  // [cluster end]

  // [pipeline]
  millrace::Pipeline pipeline("spending");
  pipeline.source("orders", millrace::kafka<Order>(orders), millrace::boundedOutOfOrderness(5s))
      .keyBy(&Order::customer)
      .window(millrace::tumbling(1min))
      .aggregate("spent", millrace::sum(&Order::cents))
      .sink("totals", millrace::toKafka(totals, [](const auto& spent, millrace::KafkaRecord& out) {
              out.setKey(spent.key);
              out.value =
                  millrace::formatUtc(spent.windowStart) + " " + std::to_string(spent.value);
            }));

  millrace::JobOptions options;
  options.checkpoints.directory = argc > 1 ? argv[1] : "spending-state";  // exactly once needs one
  options.checkpoints.interval = 100ms;                                   // results show this often
  // [pipeline end]

  const millrace::Status status = millrace::run(pipeline, options);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
