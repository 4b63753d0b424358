// SPDX-License-Identifier: MIT
#pragma once

#include "endpoints.hpp"
#include "flags.hpp"

#include <millrace/connectors/kafka/kafka_settings.hpp>
#include <millrace/time/timestamp.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace millrace::examples {

inline constexpr const char* kDefaultSourceTopic = "user-events";
inline constexpr const char* kDefaultSinkTopic = "event-analytics";

/// What the command line says about Kafka, as it was written. These flags are on every program's
/// command line, so that scripts can be written once.
struct KafkaFlags {
  std::string bootstrapServers = KafkaSettings().bootstrapServers;
  std::string topic;                    ///< empty: not given
  std::string groupId;                  ///< empty: not given
  std::vector<std::string> properties;  ///< KEY=VALUE
  Duration startTimeout = std::chrono::seconds(60);
};

/// `topicHelp` says what --topic is to this program.
void declareKafkaFlags(FlagSet& flags, KafkaFlags& kafka, const std::string& topicHelp);

/// Whether any flag was given that says something of Kafka only.
bool mentionsKafka(const FlagSet& flags);

/// Whom the settings are for.
enum class KafkaRole { kProducer, kConsumer };

/// How the cluster is reached: `defaults` and then what --kafka says, the later ones winning.
///
/// kInvalidArgument, naming the flag and never a secret: a property that librdkafka does not know
/// (with one of a similar name), a value it refuses, a file or variable that cannot be read.
StatusOr<KafkaSettings> kafkaSettingsOf(const KafkaFlags& kafka,
                                        std::vector<KafkaSettings::Property> defaults);

/// The same for a client of the program's own, which depends on the `forced` ones.
///
/// kInvalidArgument, besides: librdkafka refuses the properties together, or a forced one is set
/// otherwise.
StatusOr<KafkaSettings> kafkaClientSettingsOf(KafkaRole role, const KafkaFlags& kafka,
                                              std::vector<KafkaSettings::Property> defaults,
                                              const std::vector<KafkaSettings::Property>& forced);

/// Tells log() the properties in effect, secrets masked, for --log-level debug.
void logKafkaSettings(const KafkaSettings& settings);

/// Gives the source its topic where it names none: --topic, or else the default. Without --source,
/// --topic makes it Kafka. Returns the complaint, if any.
std::string applyTopic(const FlagSet& flags, const KafkaFlags& kafka, SourceSpec* source);

}  // namespace millrace::examples
