// SPDX-License-Identifier: MIT
#include "kafka_flags.hpp"

#include <millrace/base/log.hpp>

#include <fmt/format.h>

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <utility>

namespace millrace::examples {
namespace {

using Properties = std::vector<KafkaSettings::Property>;

struct ConfDeleter {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDeleter>;

// From the table that librdkafka prints of them, a property a line: "name | C/P | range | ...".
std::vector<std::string> knownProperties() {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* const table = open_memstream(&text, &size);
  if (table == nullptr) return {};
  rd_kafka_conf_properties_show(table);
  std::fclose(table);
  std::vector<std::string> names;
  std::istringstream lines(std::string(text, size));
  std::free(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string name = line.substr(0, line.find(' '));
    if (name.find('.') != std::string::npos && line.find('|') != std::string::npos)
      names.push_back(name);
  }
  return names;
}

// librdkafka reads them all once here, so that a slip is found in the command line and not in the
// job.
Status checkProperties(rd_kafka_conf_t* conf, const Properties& properties) {
  std::array<char, 512> reason{};
  for (const auto& [name, value] : properties) {
    switch (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason.data(), reason.size())) {
      case RD_KAFKA_CONF_OK:
        break;
      case RD_KAFKA_CONF_UNKNOWN: {
        const std::optional<std::string> near = nearestName(name, knownProperties());
        return invalidArgumentError(
            fmt::format("librdkafka has no property '{}'{}", name,
                        near ? fmt::format("; did you mean {}?", *near) : std::string()));
      }
      case RD_KAFKA_CONF_INVALID:
        // librdkafka repeats the value.
        return invalidArgumentError(isSecretKafkaProperty(name)
                                        ? fmt::format("the value of '{}' cannot be", name)
                                        : std::string(reason.data()));
    }
  }
  return okStatus();
}

// Some it refuses only together, when a client is made. Without brokers it connects to nobody.
Status checkTogether(KafkaRole role, const Properties& properties) {
  Conf conf(rd_kafka_conf_new());
  MILLRACE_RETURN_IF_ERROR(checkProperties(conf.get(), properties));
  std::array<char, 512> reason{};
  rd_kafka_conf_set(conf.get(), "bootstrap.servers", "", reason.data(), reason.size());
  rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t*, int, const char*, const char*) {});
  const auto type = role == KafkaRole::kProducer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER;
  rd_kafka_t* const handle = rd_kafka_new(type, conf.get(), reason.data(), reason.size());
  if (handle == nullptr)
    return invalidArgumentError(
        fmt::format("librdkafka refuses its properties: {}", reason.data()));
  static_cast<void>(conf.release());  // the handle's own now
  rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  return okStatus();
}

Status checkForced(const Properties& given, const Properties& forced) {
  for (const auto& [name, value] : forced) {
    const auto isSame = [&](const auto& each) { return each.first == name; };
    const auto set = std::find_if(given.begin(), given.end(), isSame);
    if (set == given.end() || set->second == value) continue;
    return invalidArgumentError(
        fmt::format("'{}' is '{}' here, not '{}' (leave it out)", name, value, set->second));
  }
  return okStatus();
}

std::string textOf(const Status& status) {
  return std::string(status.message().data(), status.message().size());
}

}  // namespace

void declareKafkaFlags(FlagSet& flags, KafkaFlags& kafka, const std::string& topicHelp) {
  flags.group("Kafka");
  flags.text("-b,--bootstrap-servers", "HOST:PORT,...", "brokers to start from",
             &kafka.bootstrapServers);
  flags.text("-t,--topic", "TOPIC", topicHelp, &kafka.topic, kDefaultSourceTopic);
  flags.text("-G,--group-id", "GROUP", "consumer group", &kafka.groupId, "the program's name");
  flags.properties(
      "-X,--kafka",
      "any librdkafka property, over all other flags; may be repeated; NAME.file=PATH and "
      "NAME.env=VARIABLE take the value, a secret, from there",
      &kafka.properties);
  flags.duration("--start-timeout", "how long to wait for the brokers before giving up",
                 &kafka.startTimeout, Duration(1));
}

bool mentionsKafka(const FlagSet& flags) {
  for (const char* flag : {"--bootstrap-servers", "--topic", "--group-id", "--kafka"})
    if (flags.given(flag)) return true;
  return false;
}

StatusOr<KafkaSettings> kafkaSettingsOf(const KafkaFlags& kafka, Properties defaults) {
  KafkaSettings settings;
  settings.bootstrapServers = kafka.bootstrapServers;
  settings.properties = std::move(defaults);
  settings.startTimeout = kafka.startTimeout;
  for (const std::string& property : kafka.properties)
    MILLRACE_RETURN_IF_ERROR(settings.add(property));
  const StatusOr<Properties> resolved = settings.resolve();
  const Conf conf(rd_kafka_conf_new());
  const Status checked = resolved.ok() ? checkProperties(conf.get(), *resolved) : resolved.status();
  if (!checked.ok()) return invalidArgumentError("--kafka: " + textOf(checked));
  return settings;
}

StatusOr<KafkaSettings> kafkaClientSettingsOf(KafkaRole role, const KafkaFlags& kafka,
                                              Properties defaults, const Properties& forced) {
  MILLRACE_ASSIGN_OR_RETURN(KafkaSettings settings, kafkaSettingsOf(kafka, std::move(defaults)));
  MILLRACE_ASSIGN_OR_RETURN(const Properties given, settings.resolve());
  Status checked = checkForced(given, forced);
  settings.properties.insert(settings.properties.end(), forced.begin(), forced.end());
  MILLRACE_ASSIGN_OR_RETURN(const Properties all, settings.resolve());
  if (checked.ok()) checked = checkTogether(role, all);
  if (!checked.ok()) return invalidArgumentError("--kafka: " + textOf(checked));
  return settings;
}

void logKafkaSettings(const KafkaSettings& settings) {
  for (const std::string& line : settings.describe())
    log(LogLevel::kDebug, "Kafka property " + line);
}

std::string applyTopic(const FlagSet& flags, const KafkaFlags& kafka, SourceSpec* source) {
  const bool isGiven = flags.given("--topic");
  if (isGiven && !flags.given("--source")) {
    const StatusOr<SourceSpec> named = parseSource("kafka:" + kafka.topic);
    if (!named.ok()) return "--topic: " + textOf(named.status());
    *source = *named;
    return {};
  }
  if (source->kind != SourceSpec::Kind::kKafka)
    return isGiven ? "--topic: not together with a --source that is not kafka:" : std::string();
  if (isGiven && !source->topic.empty() && source->topic != kafka.topic)
    return fmt::format("--topic: --source names another topic, '{}'", source->topic);
  if (source->topic.empty()) source->topic = isGiven ? kafka.topic : kDefaultSourceTopic;
  return {};
}

}  // namespace millrace::examples
