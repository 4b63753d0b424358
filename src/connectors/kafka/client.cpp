// SPDX-License-Identifier: MIT
#include "connectors/kafka/client.hpp"

#include <millrace/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

namespace millrace::rdkafka {

struct ClientTrouble {
  std::mutex mutex;
  std::string last;
  bool isRefused = false;
  std::atomic<bool> isAway{false};
};

namespace {

constexpr int kAskMillis = 1'000;
constexpr std::chrono::seconds kPatienceWithTheEnd{1};
constexpr std::size_t kErrorText = 512;

// Waiting does not mend these.
bool isRefusal(rd_kafka_resp_err_t code, std::string_view reason) {
  return code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
         code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
         (code == RD_KAFKA_RESP_ERR__SSL &&
          reason.find("certificate verify failed") != std::string_view::npos);
}

void noteTrouble(ClientTrouble& trouble, rd_kafka_resp_err_t code, const char* reason) {
  const std::lock_guard lock(trouble.mutex);
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) trouble.isAway.store(true);
  // "All brokers are down" follows what brought them down, which tells more.
  if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || trouble.last.empty()) trouble.last = reason;
  trouble.isRefused = trouble.isRefused || isRefusal(code, reason);
}

void onError(rd_kafka_t*, int code, const char* reason, void* opaque) {
  noteTrouble(*static_cast<ClientTrouble*>(opaque), static_cast<rd_kafka_resp_err_t>(code), reason);
}

void onLog(const rd_kafka_t*, int, const char* facility, const char* text) {
  log(LogLevel::kDebug, fmt::format("librdkafka {}: {}", facility, text));
}

Status set(rd_kafka_conf_t* conf, const KafkaSettings::Property& property) {
  std::array<char, kErrorText> reason{};
  const auto& [name, value] = property;
  const auto answer =
      rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason.data(), reason.size());
  if (answer == RD_KAFKA_CONF_OK) return okStatus();
  if (answer == RD_KAFKA_CONF_UNKNOWN) {
    return invalidArgumentError(
        fmt::format("Kafka property '{}' is not known to librdkafka", name));
  }
  // librdkafka repeats the value.
  if (isSecretKafkaProperty(name)) {
    return invalidArgumentError(
        fmt::format("Kafka property '{}' has a value that cannot be", name));
  }
  return invalidArgumentError(fmt::format("Kafka property '{}': {}", name, reason.data()));
}

Status checkForced(const std::vector<KafkaSettings::Property>& given,
                   const std::vector<KafkaSettings::Property>& forced) {
  for (const auto& [name, value] : forced) {
    const auto same = std::find_if(given.begin(), given.end(),
                                   [&](const auto& each) { return each.first == name; });
    if (same == given.end() || same->second == value) continue;
    return invalidArgumentError(fmt::format(
        "Kafka property '{}' is '{}' here, not '{}' (leave it out)", name, value, same->second));
  }
  return okStatus();
}

std::string hintOf(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return " (create the topic, or correct its name)";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return " (raise the topic's max.message.bytes and the property message.max.bytes; if each "
             "record is small "
             "enough, lower the property batch.size)";
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
      return " (another producer has taken over, or the transaction took longer than "
             "transaction.timeout.ms)";
    default:
      return "";
  }
}

StatusCode codeOf(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return StatusCode::kNotFound;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return StatusCode::kPermissionDenied;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return StatusCode::kInvalidArgument;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      return StatusCode::kAlreadyExists;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
      return StatusCode::kUnavailable;
    default:
      return StatusCode::kAborted;
  }
}

}  // namespace

StatusOr<Client> Client::make(rd_kafka_type_t type, const KafkaSettings& settings,
                              const std::vector<KafkaSettings::Property>& defaults,
                              const std::vector<KafkaSettings::Property>& forced, Conf conf) {
  MILLRACE_ASSIGN_OR_RETURN(const auto given, settings.resolve());
  MILLRACE_RETURN_IF_ERROR(checkForced(given, forced));
  for (const auto* properties : {&defaults, &given, &forced}) {
    for (const auto& property : *properties) MILLRACE_RETURN_IF_ERROR(set(conf.get(), property));
  }
  Client client;
  client.trouble_ = std::make_shared<ClientTrouble>();
  rd_kafka_conf_set_opaque(conf.get(), client.trouble_.get());
  rd_kafka_conf_set_error_cb(conf.get(), &onError);
  rd_kafka_conf_set_log_cb(conf.get(), &onLog);
  std::array<char, kErrorText> reason{};
  client.handle_.reset(rd_kafka_new(type, conf.get(), reason.data(), reason.size()));
  if (client.handle_ == nullptr) {
    return invalidArgumentError(
        fmt::format("librdkafka refuses its properties: {}", reason.data()));
  }
  static_cast<void>(conf.release());  // the handle's own now
  return client;
}

KafkaSettings withoutBrokers(KafkaSettings settings) {
  settings.properties.emplace_back("bootstrap.servers", "");
  return settings;
}

void Client::reset() {
  if (handle_ != nullptr && rd_kafka_type(handle_.get()) == RD_KAFKA_CONSUMER) {
    std::promise<void> ended;
    const std::future<void> end = ended.get_future();
    // Calls back into `trouble` until it is over.
    std::thread([handle = handle_.release(), trouble = trouble_,
                 told = std::move(ended)]() mutable {
      // There is no group to leave: partitions are assigned by hand.
      rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
      told.set_value();
    }).detach();
    end.wait_for(kPatienceWithTheEnd);
  }
  handle_.reset();
  trouble_.reset();
}

std::string Client::lastTrouble() const {
  const std::lock_guard lock(trouble_->mutex);
  return trouble_->last;
}

bool Client::isRefused() const {
  const std::lock_guard lock(trouble_->mutex);
  return trouble_->isRefused;
}

void Client::note(rd_kafka_resp_err_t code, const char* reason) const {
  noteTrouble(*trouble_, code, reason);
}

bool Client::takeOutage() {
  return trouble_->isAway.load(std::memory_order_relaxed) && trouble_->isAway.exchange(false);
}

Status statusOf(rd_kafka_resp_err_t code, std::string_view doing, std::string_view detail) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return okStatus();
  const std::string_view text = detail.empty() ? rd_kafka_err2str(code) : detail;
  return Status(codeOf(code), fmt::format("{}: {}{}", doing, text, hintOf(code)));
}

Status statusOf(rd_kafka_error_t* error, std::string_view doing) {
  if (error == nullptr) return okStatus();
  const Error owned(error);
  return statusOf(rd_kafka_error_code(error), doing, rd_kafka_error_string(error));
}

Status givenUp(std::string_view doing) {
  return absl::CancelledError(fmt::format("stopped while waiting for Kafka: {}", doing));
}

Status awaitBrokers(const Client& client, const KafkaSettings& settings,
                    const std::stop_token& cancellation) {
  using SteadyClock = std::chrono::steady_clock;
  const auto begun = SteadyClock::now();
  bool isToldOf = false;
  while (true) {
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto answer = rd_kafka_metadata(client.get(), 0, nullptr, &metadata, kAskMillis);
    if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
    rd_kafka_poll(client.get(), 0);  // brings the reasons
    if (answer == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    const std::string trouble = client.lastTrouble();
    const std::string reason = trouble.empty() ? rd_kafka_err2str(answer) : trouble;
    if (client.isRefused()) {
      return permissionDeniedError(
          fmt::format("Kafka at {} refuses this client: {} (correct the credentials, or the "
                      "certificate that is trusted)",
                      settings.bootstrapServers, reason));
    }
    if (cancellation.stop_requested()) return givenUp(reason);
    if (SteadyClock::now() - begun >= settings.startTimeout) {
      return unavailableError(
          fmt::format("no Kafka broker at {} has answered within {} s: {} (start it, or correct "
                      "the address; the "
                      "start time-out says how long to wait)",
                      settings.bootstrapServers,
                      static_cast<double>(settings.startTimeout.count()) / 1000, reason));
    }
    if (!isToldOf) {
      log(LogLevel::kWarning,
          fmt::format("waiting for Kafka at {}: {}", settings.bootstrapServers, reason));
      isToldOf = true;
    }
  }
  if (isToldOf) log(LogLevel::kInfo, fmt::format("Kafka at {} answers", settings.bootstrapServers));
  return okStatus();
}

StatusOr<int> partitionCount(const Client& client, const std::string& topic, int timeoutMillis) {
  const Topic handle(rd_kafka_topic_new(client.get(), topic.c_str(), nullptr));
  if (handle == nullptr) {
    return statusOf(rd_kafka_last_error(), fmt::format("topic '{}'", topic));
  }
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto answer = rd_kafka_metadata(client.get(), 0, handle.get(), &metadata, timeoutMillis);
  const std::string doing = fmt::format("asking for the partitions of topic '{}'", topic);
  MILLRACE_RETURN_IF_ERROR(statusOf(answer, doing));
  const auto found =
      metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
  const int partitions = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
  rd_kafka_metadata_destroy(metadata);
  MILLRACE_RETURN_IF_ERROR(statusOf(found, fmt::format("topic '{}'", topic)));
  if (partitions == 0) return notFoundError(fmt::format("topic '{}' has no partitions", topic));
  return partitions;
}

StatusOr<std::vector<std::string>> topicNames(const Client& client, int timeoutMillis) {
  const rd_kafka_metadata_t* metadata = nullptr;
  MILLRACE_RETURN_IF_ERROR(
      statusOf(rd_kafka_metadata(client.get(), 1, nullptr, &metadata, timeoutMillis),
               "asking for the topics"));
  std::vector<std::string> names;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = metadata->topics[i];
    if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR &&
        !std::string_view(topic.topic).starts_with("__")) {
      names.emplace_back(topic.topic);
    }
  }
  rd_kafka_metadata_destroy(metadata);
  std::sort(names.begin(), names.end());
  return names;
}

Status createTopic(const Client& client, const std::string& topic, int partitions,
                   const std::vector<KafkaSettings::Property>& configuration, int timeoutMillis) {
  const std::string doing = fmt::format("creating topic '{}'", topic);
  std::array<char, kErrorText> reason{};
  const std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>> wanted(
      rd_kafka_NewTopic_new(topic.c_str(), partitions, -1, reason.data(), reason.size()));
  if (wanted == nullptr) return invalidArgumentError(fmt::format("{}: {}", doing, reason.data()));
  for (const auto& [name, value] : configuration) {
    MILLRACE_RETURN_IF_ERROR(
        statusOf(rd_kafka_NewTopic_set_config(wanted.get(), name.c_str(), value.c_str()), doing));
  }
  const std::unique_ptr<rd_kafka_AdminOptions_t, Destroy<rd_kafka_AdminOptions_destroy>> options(
      rd_kafka_AdminOptions_new(client.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS));
  MILLRACE_RETURN_IF_ERROR(statusOf(rd_kafka_AdminOptions_set_operation_timeout(
                                        options.get(), timeoutMillis, reason.data(), reason.size()),
                                    doing));
  const Queue queue(rd_kafka_queue_new(client.get()));
  rd_kafka_NewTopic_t* topics[] = {wanted.get()};
  rd_kafka_CreateTopics(client.get(), topics, 1, options.get(), queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), timeoutMillis + kAskMillis));
  if (event == nullptr) return unavailableError(doing + ": no answer");
  MILLRACE_RETURN_IF_ERROR(statusOf(rd_kafka_event_error(event.get()), doing));
  std::size_t count = 0;
  const auto* const answers =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  if (count != 1) return unavailableError(doing + ": no answer");
  const auto made = rd_kafka_topic_result_error(answers[0]);
  if (made == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return okStatus();
  const char* const text = rd_kafka_topic_result_error_string(answers[0]);
  return statusOf(made, doing, text != nullptr ? text : "");
}

Partitions onePartition(const std::string& topic, int partition, std::int64_t offset) {
  Partitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  return list;
}

}  // namespace millrace::rdkafka
