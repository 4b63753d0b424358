// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/time/timestamp.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

/// How a Kafka cluster is reached: its brokers, and any property of librdkafka.
///
/// Secrets need not stand in a program or on a command line: a property whose name ends in ".file"
/// takes the content of a file (without the white space at its end) for the property of that name
/// without it, one in ".env" that of an environment variable: {"sasl.password.file",
/// "/run/secrets/kafka"}. Names of files that librdkafka reads itself (ssl.ca.location) are as
/// ever.
///
/// [librdkafka, CONFIGURATION.md]
struct KafkaSettings {
  using Property = std::pair<std::string, std::string>;

  std::string bootstrapServers = "localhost:9092";  ///< host:port, ...
  std::vector<Property> properties;                 ///< later ones win
  /// How long a job that starts waits for its brokers before it gives up.
  Duration startTimeout = std::chrono::seconds(60);

  /// Adds "name=value". kInvalidArgument: there is no "=", or no name.
  Status add(std::string_view assignment);

  /// The properties as librdkafka gets them: files and variables read, bootstrap.servers first,
  /// each name once. kInvalidArgument: a file cannot be read, a variable is not set.
  StatusOr<std::vector<Property>> resolve() const;

  /// "name=value", for people: of secrets "********" in place of the value. An error of resolve()
  /// shows in place of the value it is about.
  std::vector<std::string> describe() const;
};

/// Whether a property's value is nobody's business.
bool isSecretKafkaProperty(std::string_view name);

}  // namespace millrace
