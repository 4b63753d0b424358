// SPDX-License-Identifier: MIT
// librdkafka, wrapped once: handles that free themselves, and errors that say what to do.
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/connectors/kafka/kafka_settings.hpp>

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace millrace::rdkafka {

template <auto kDestroy>
struct Destroy {
  template <typename T>
  void operator()(T* handle) const {
    kDestroy(handle);
  }
};

using Conf = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using Error = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                   Destroy<rd_kafka_topic_partition_list_destroy>>;

/// What a client has to say besides the answers to its calls; lives as long as its handle.
struct ClientTrouble;

/// A producer or a consumer. Destroying it does not wait for what is still to be sent.
class Client {
 public:
  Client() = default;
  Client(Client&&) = default;
  Client& operator=(Client&&) = default;
  ~Client() { reset(); }

  /// `forced` are properties that the use depends on: it is an error to set them to something else.
  /// `defaults` may be overridden. The program's name for the client stands in `client.id`.
  ///
  /// kInvalidArgument: librdkafka does not know a property or refuses its value.
  static StatusOr<Client> make(rd_kafka_type_t type, const KafkaSettings& settings,
                               const std::vector<KafkaSettings::Property>& defaults,
                               const std::vector<KafkaSettings::Property>& forced,
                               Conf conf = Conf(rd_kafka_conf_new()));

  rd_kafka_t* get() const { return handle_.get(); }
  explicit operator bool() const { return handle_ != nullptr; }

  /// Destroys it. Of a consumer no callback is called from then on, and what does not end within a
  /// second ends without anybody waiting: librdkafka waits for the answer to a commit for a minute,
  /// and sometimes (seen with 2.0.2) for a thread that never ends.
  void reset();

  /// The last thing that went wrong between this client and its brokers, for messages; "" when
  /// nothing has.
  std::string lastTrouble() const;
  /// A trouble that waiting does not mend: wrong credentials, a certificate that does not fit.
  bool isRefused() const;
  /// Takes an error that has come as an event: where a queue is read for events, no callback is
  /// called.
  void note(rd_kafka_resp_err_t code, const char* reason) const;
  /// True once each time that all brokers have gone away.
  bool takeOutage();

 private:
  std::shared_ptr<ClientTrouble> trouble_;  // outlives the handle, which calls it
  std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>> handle_;
};

/// The same for a client that is only made, to see whether it can be: it connects to nobody.
KafkaSettings withoutBrokers(KafkaSettings settings);

/// By what a caller can do: kUnavailable, try again; kPermissionDenied, kNotFound,
/// kInvalidArgument, kFailedPrecondition: it has to be set right; kAborted: the job has to recover.
Status statusOf(rd_kafka_resp_err_t code, std::string_view doing, std::string_view detail = {});
/// Takes the error; null is ok.
Status statusOf(rd_kafka_error_t* error, std::string_view doing);

/// Blocks until a broker has answered, saying so to the log when that takes more than a moment.
/// kUnavailable: none has within settings.startTimeout; kPermissionDenied: they refuse this client;
/// kCancelled: the job was given up.
Status awaitBrokers(const Client& client, const KafkaSettings& settings,
                    const std::stop_token& cancellation);

/// What whoever gives up waiting answers, because the job was given up.
Status givenUp(std::string_view doing);

inline const Status& statusIn(const Status& answer) { return answer; }
template <typename T>
const Status& statusIn(const StatusOr<T>& answer) {
  return answer.status();
}

/// Tries again what answers kUnavailable, until `longest` has passed. kCancelled: the job was given
/// up.
template <typename Ask>
auto patiently(Duration longest, const std::stop_token& cancellation, Ask&& ask) {
  constexpr std::chrono::milliseconds kPauseBetweenTries(50);
  const auto begun = std::chrono::steady_clock::now();
  while (true) {
    auto answer = ask();
    const bool isOver = std::chrono::steady_clock::now() - begun >= longest;
    if (!isRetriable(statusIn(answer)) || isOver) return answer;
    if (cancellation.stop_requested())
      return decltype(answer)(givenUp(std::string(statusIn(answer).message())));
    std::this_thread::sleep_for(kPauseBetweenTries);
  }
}

/// How many partitions a topic has. kNotFound: it is not there.
StatusOr<int> partitionCount(const Client& client, const std::string& topic, int timeoutMillis);

/// All topics there are, but for internal ones.
StatusOr<std::vector<std::string>> topicNames(const Client& client, int timeoutMillis);

/// Makes a topic unless it is there. A replication factor of -1 is the brokers' default.
Status createTopic(const Client& client, const std::string& topic, int partitions,
                   const std::vector<KafkaSettings::Property>& configuration, int timeoutMillis);

/// A list of one partition.
Partitions onePartition(const std::string& topic, int partition, std::int64_t offset);

}  // namespace millrace::rdkafka
