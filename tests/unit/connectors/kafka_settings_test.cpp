// SPDX-License-Identifier: MIT
#include <millrace/connectors/kafka/kafka_settings.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>

#include "scratch.hpp"

namespace millrace {
namespace {

using Properties = std::vector<KafkaSettings::Property>;

TEST_CASE("Kafka properties are taken apart at the first equals sign") {
  KafkaSettings settings;
  REQUIRE(settings.add("sasl.jaas.config=a=b").ok());
  CHECK(settings.properties == Properties{{"sasl.jaas.config", "a=b"}});
  CHECK(absl::IsInvalidArgument(settings.add("secret")));
  CHECK(absl::IsInvalidArgument(settings.add("=x")));
  CHECK(settings.add("secret").message().find("secret") == absl::string_view::npos);
}

TEST_CASE("the last value given to a Kafka property counts") {
  KafkaSettings settings;
  settings.bootstrapServers = "a:1";
  for (const char* each : {"linger.ms=5", "acks=all", "linger.ms=7", "bootstrap.servers=b:2"})
    REQUIRE(settings.add(each).ok());
  CHECK(*settings.resolve() ==
        Properties{{"bootstrap.servers", "b:2"}, {"linger.ms", "7"}, {"acks", "all"}});
}

TEST_CASE("Kafka secrets come from files and the environment, and are never shown") {
  const test::Scratch scratch;
  const std::string path = scratch.path() + "/password";
  std::ofstream(path) << "open sesame \n";
  ::setenv("MILLRACE_TEST_SECRET", "hush", 1);
  KafkaSettings settings;
  REQUIRE(settings.add("sasl.password.file=" + path).ok());
  REQUIRE(settings.add("ssl.key.password.env=MILLRACE_TEST_SECRET").ok());
  CHECK(*settings.resolve() == Properties{{"bootstrap.servers", "localhost:9092"},
                                          {"sasl.password", "open sesame"},
                                          {"ssl.key.password", "hush"}});
  CHECK(settings.describe() == std::vector<std::string>{"bootstrap.servers=localhost:9092",
                                                        "sasl.password=********",
                                                        "ssl.key.password=********"});
}

TEST_CASE("a Kafka secret is hidden whatever it begins with") {
  KafkaSettings settings;
  for (const char* each : {"sasl.password=(hunter2", "ssl.key.password=", "client.id=(me)"})
    REQUIRE(settings.add(each).ok());
  CHECK(settings.describe() ==
        std::vector<std::string>{"bootstrap.servers=localhost:9092", "sasl.password=********",
                                 "ssl.key.password=********", "client.id=(me)"});
}

TEST_CASE("a secret that cannot be had is named by its file or variable") {
  KafkaSettings settings;
  REQUIRE(settings.add("sasl.password.file=/nowhere/at/all").ok());
  CHECK(settings.resolve().status().message().find("/nowhere/at/all") != absl::string_view::npos);
  CHECK(settings.describe().back().find("cannot read the file /nowhere/at/all") !=
        std::string::npos);
  settings.properties = {{"sasl.password.env", "MILLRACE_NOT_SET"}};
  CHECK(settings.resolve().status().message().find("MILLRACE_NOT_SET") != absl::string_view::npos);
}

}  // namespace
}  // namespace millrace
