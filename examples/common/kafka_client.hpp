// SPDX-License-Identifier: MIT
#pragma once

#include "stop_signal.hpp"

#include <millrace/base/status.hpp>
#include <millrace/connectors/kafka/kafka_settings.hpp>

#include <librdkafka/rdkafka.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace millrace::examples {

template <auto kDestroy>
struct KafkaDestroy {
  template <typename T>
  void operator()(T* handle) const {
    kDestroy(handle);
  }
};

using KafkaConf = std::unique_ptr<rd_kafka_conf_t, KafkaDestroy<rd_kafka_conf_destroy>>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, KafkaDestroy<rd_kafka_queue_destroy>>;
using KafkaTopic = std::unique_ptr<rd_kafka_topic_t, KafkaDestroy<rd_kafka_topic_destroy>>;
using KafkaPartitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                        KafkaDestroy<rd_kafka_topic_partition_list_destroy>>;

/// A handle of librdkafka with its troubles. Those go to log(), and the last one is kept for
/// messages.
///
/// **Thread safety**: get() and lastTrouble() from any thread.
class KafkaClient {
 public:
  /// `conf` with the settings in it; `owner` is what callbacks get as their opaque.
  static StatusOr<KafkaConf> configure(const KafkaSettings& settings);
  static StatusOr<std::unique_ptr<KafkaClient>> open(rd_kafka_type_t type, KafkaConf conf,
                                                     void* owner);
  /// Does not wait for what is still to be sent.
  ~KafkaClient() = default;

  rd_kafka_t* get() const { return handle_.get(); }

  /// Leaves the handle to the end of the process: destroying one that waits for its broker's answer
  /// takes as long as the answer does.
  void abandon() { static_cast<void>(handle_.release()); }

  /// Tells of a trouble; for the owner's error callback or error event.
  void tell(rd_kafka_resp_err_t code, std::string_view reason);
  std::string lastTrouble() const;

  /// Blocks until the topic is known, saying so when that takes more than a moment.
  /// kUnavailable: no broker has answered within the settings' start time-out; kPermissionDenied:
  /// they refuse this client; kNotFound: there is no such topic; kCancelled: `stop` was requested.
  Status awaitTopic(const KafkaSettings& settings, const std::string& topic,
                    const StopSignal& stop);

 private:
  KafkaClient() = default;

  // What librdkafka says of the topic; nothing is retried here.
  rd_kafka_resp_err_t askFor(rd_kafka_topic_t* topic) const;

  mutable std::mutex mutex_;
  std::string lastTrouble_;  // guarded by mutex_
  bool isRefused_ = false;   // guarded by mutex_
  bool isAwaited_ = true;    // guarded by mutex_; awaitTopic() is still to come to its end
  // Not closing a consumer, which may take for ever: its owner does that, for as long as it likes.
  struct Destroy {
    void operator()(rd_kafka_t* handle) const {
      rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
  };
  std::unique_ptr<rd_kafka_t, Destroy> handle_;
};

/// What a code of librdkafka says, with what can be done about it.
std::string kafkaErrorText(rd_kafka_resp_err_t code);

}  // namespace millrace::examples
