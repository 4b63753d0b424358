// SPDX-License-Identifier: MIT
#include "hand_copy.hpp"

#include "clients.hpp"

#include <sys/resource.h>

#include <array>
#include <cstdint>
#include <future>
#include <stdexcept>
#include <utility>
#include <vector>

namespace millrace::bench {
namespace {

constexpr std::size_t kBatch = 1024;
constexpr int kPollMillis = 10;

// The loop by hand: one thread with a consumer and a producer of its own. A message's memory goes
// from the one to the other as it is, and is let go of when its delivery is reported.
class HandCopy {
 public:
  HandCopy(const Place& place, std::vector<int> share, Begin& begin)
      : share_(std::move(share)),
        consumer_(openConsumer(consumerProperties(place.bootstrap))),
        producer_(openProducer(producerProperties(place.bootstrap))),
        topic_(openTopic(producer_.get(), place.to)),
        reports_(rd_kafka_queue_get_main(producer_.get())),
        messages_(assign(consumer_.get(), place.from, share_, 0)),
        begin_(begin) {}

  void run() {
    std::array<rd_kafka_message_t*, kBatch> fetched{};
    std::size_t ended = 0;
    while (ended < share_.size()) {
      const auto count =
          rd_kafka_consume_batch_queue(messages_.get(), kPollMillis, fetched.data(), kBatch);
      if (count > 0) begin_.note();
      std::size_t taken = 0;
      for (ssize_t i = 0; i < count; ++i) {
        rd_kafka_message_t* const message = fetched[static_cast<std::size_t>(i)];
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
          batch_[taken++] = copyOf(*message);
          continue;
        }
        if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
          throw std::runtime_error(rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
        ++ended;
      }
      send(taken);
      readReports(0);
    }
    while (reported_ < sent_) readReports(kPollMillis);
  }

 private:
  static rd_kafka_message_t copyOf(rd_kafka_message_t& message) {
    rd_kafka_message_t copy{};
    copy.payload = message.payload;
    copy.len = message.len;
    copy.key = message.key;
    copy.key_len = message.key_len;
    copy._private = &message;
    return copy;
  }

  void send(std::size_t count) {
    for (std::size_t done = 0; done < count;) {
      rd_kafka_produce_batch(topic_.get(), RD_KAFKA_PARTITION_UA, 0, &batch_[done],
                             static_cast<int>(count - done));
      // Once its queue is full librdkafka takes none of the rest.
      for (; done < count && batch_[done].err == RD_KAFKA_RESP_ERR_NO_ERROR; ++done) ++sent_;
      if (done == count) return;
      if (batch_[done].err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        throw std::runtime_error(rd_kafka_err2str(batch_[done].err));
      readReports(kPollMillis);
    }
  }

  void readReports(int millis) {
    while (const Owned<rd_kafka_event_t> event{rd_kafka_queue_poll(reports_.get(), millis)}) {
      while (const rd_kafka_message_t* const report = rd_kafka_event_message_next(event.get())) {
        if (report->err != RD_KAFKA_RESP_ERR_NO_ERROR)
          throw std::runtime_error(rd_kafka_message_errstr(report));
        rd_kafka_message_destroy(static_cast<rd_kafka_message_t*>(report->_private));
        ++reported_;
      }
      millis = 0;
    }
  }

  const std::vector<int> share_;
  Owned<rd_kafka_t> consumer_;
  Owned<rd_kafka_t> producer_;
  Owned<rd_kafka_topic_t> topic_;
  Owned<rd_kafka_queue_t> reports_;
  Owned<rd_kafka_queue_t> messages_;
  Begin& begin_;
  std::array<rd_kafka_message_t, kBatch> batch_{};
  std::uint64_t sent_ = 0;
  std::uint64_t reported_ = 0;
};

}  // namespace

double cpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void copyByHand(const Place& place, std::size_t threads, Begin& begin) {
  std::vector<std::vector<int>> shares(threads);
  for (int i = 0; i < place.partitions; ++i)
    shares[static_cast<std::size_t>(i) % threads].push_back(i);
  std::vector<std::future<void>> running;
  for (const auto& share : shares)
    running.push_back(std::async(std::launch::async,
                                 [&place, &begin, share] { HandCopy(place, share, begin).run(); }));
  for (auto& each : running) each.get();
}

}  // namespace millrace::bench
