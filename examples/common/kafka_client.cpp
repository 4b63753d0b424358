// SPDX-License-Identifier: MIT
#include "kafka_client.hpp"

#include <millrace/base/log.hpp>
#include <millrace/time/duration.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace millrace::examples {
namespace {

constexpr int kAskMillis = 1000;
constexpr double kPauseSeconds = 0.1;
// A topic that the brokers make on being asked for takes a moment to appear.
constexpr auto kTopicAppears = std::chrono::seconds(5);

void onLog(const rd_kafka_t*, int, const char* facility, const char* text) {
  log(LogLevel::kDebug, fmt::format("librdkafka {}: {}", facility, text));
}

bool isTopicMissing(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
         code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

}  // namespace

std::string kafkaErrorText(rd_kafka_resp_err_t code) {
  const char* hint = "";
  switch (code) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      hint = " (create the topic, or correct its name)";
      break;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      hint = " (raise the topic's max.message.bytes and the property message.max.bytes)";
      break;
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
      hint = " (no broker took it within message.timeout.ms)";
      break;
    default:
      break;
  }
  return std::string(rd_kafka_err2str(code)) + hint;
}

StatusOr<KafkaConf> KafkaClient::configure(const KafkaSettings& settings) {
  MILLRACE_ASSIGN_OR_RETURN(const auto properties, settings.resolve());
  KafkaConf conf(rd_kafka_conf_new());
  std::array<char, 512> reason{};
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), reason.data(), reason.size()) ==
        RD_KAFKA_CONF_OK)
      continue;
    return invalidArgumentError(
        isSecretKafkaProperty(name)
            ? fmt::format("the value of the Kafka property '{}' cannot be", name)
            : std::string(reason.data()));
  }
  rd_kafka_conf_set_log_cb(conf.get(), &onLog);
  return conf;
}

StatusOr<std::unique_ptr<KafkaClient>> KafkaClient::open(rd_kafka_type_t type, KafkaConf conf,
                                                         void* owner) {
  std::unique_ptr<KafkaClient> client(new KafkaClient());
  rd_kafka_conf_set_opaque(conf.get(), owner);
  std::array<char, 512> reason{};
  client->handle_.reset(rd_kafka_new(type, conf.get(), reason.data(), reason.size()));
  if (client->handle_ == nullptr)
    return invalidArgumentError(
        fmt::format("librdkafka refuses its properties: {}", reason.data()));
  static_cast<void>(conf.release());  // the handle's own now
  return client;
}

void KafkaClient::tell(rd_kafka_resp_err_t code, std::string_view reason) {
  // "(after 0ms in state CONNECT, 1 identical error(s) suppressed)" makes new what is not.
  reason = reason.substr(0, reason.find(" (after "));
  bool isAwaited = false;
  {
    const std::lock_guard lock(mutex_);
    // "All brokers are down" follows what brought them down, which tells more.
    const bool isEcho = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !lastTrouble_.empty();
    if (isEcho || lastTrouble_ == reason) return;
    lastTrouble_ = reason;
    isAwaited = isAwaited_;
    isRefused_ = isRefused_ || code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
                 code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
  }
  // Whoever waits says what for.
  log(isAwaited ? LogLevel::kDebug : LogLevel::kWarning, fmt::format("Kafka: {}", reason));
}

std::string KafkaClient::lastTrouble() const {
  const std::lock_guard lock(mutex_);
  return lastTrouble_;
}

rd_kafka_resp_err_t KafkaClient::askFor(rd_kafka_topic_t* topic) const {
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto answer = rd_kafka_metadata(get(), 0, topic, &metadata, kAskMillis);
  if (answer != RD_KAFKA_RESP_ERR_NO_ERROR) return answer;
  auto found =
      metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
  if (found == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topics[0].partition_cnt == 0)
    found = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
  rd_kafka_metadata_destroy(metadata);
  return found;
}

Status KafkaClient::awaitTopic(const KafkaSettings& settings, const std::string& topic,
                               const StopSignal& stop) {
  using SteadyClock = std::chrono::steady_clock;
  const KafkaTopic handle(rd_kafka_topic_new(get(), topic.c_str(), nullptr));
  if (handle == nullptr)
    return invalidArgumentError(
        fmt::format("topic '{}': {}", topic, kafkaErrorText(rd_kafka_last_error())));
  const auto begun = SteadyClock::now();
  auto missingSince = SteadyClock::time_point::max();
  bool isToldOf = false;
  while (!stop.requested()) {
    const auto answer = askFor(handle.get());
    if (answer == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const std::lock_guard lock(mutex_);
      isAwaited_ = false;
      return okStatus();
    }
    rd_kafka_poll(get(), 0);  // brings the reasons
    const auto now = SteadyClock::now();
    if (isTopicMissing(answer)) {
      missingSince = std::min(missingSince, now);
      if (now - missingSince >= kTopicAppears)
        return notFoundError(fmt::format("topic '{}': {}", topic,
                                         kafkaErrorText(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)));
    } else if (answer == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
      return permissionDeniedError(fmt::format("topic '{}': {}", topic, kafkaErrorText(answer)));
    }
    const std::string trouble = lastTrouble();
    const std::string reason = trouble.empty() ? rd_kafka_err2str(answer) : trouble;
    if (const std::lock_guard lock(mutex_); isRefused_)
      return permissionDeniedError(
          fmt::format("Kafka at {} refuses this client: {} (correct the credentials)",
                      settings.bootstrapServers, reason));
    if (!isToldOf)
      log(LogLevel::kWarning,
          fmt::format("waiting for Kafka at {}: {}", settings.bootstrapServers, reason));
    isToldOf = true;
    if (now - begun >= settings.startTimeout)
      return unavailableError(
          fmt::format("no Kafka broker at {} has answered within {}: {} (start it, or correct "
                      "--bootstrap-servers; --start-timeout says how long to wait)",
                      settings.bootstrapServers, formatDuration(settings.startTimeout), reason));
    stop.sleep(kPauseSeconds);
  }
  return absl::CancelledError("stopped while waiting for Kafka");
}

}  // namespace millrace::examples
