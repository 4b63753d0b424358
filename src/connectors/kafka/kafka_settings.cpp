// SPDX-License-Identifier: MIT
#include <millrace/connectors/kafka/kafka_settings.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace millrace {
namespace {

constexpr std::string_view kFile = ".file";
constexpr std::string_view kVariable = ".env";

std::string_view withoutEnd(std::string_view text, std::string_view end) {
  return text.substr(0, text.size() - end.size());
}

StatusOr<std::string> contentOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  if (in) content << in.rdbuf();
  if (!in) return invalidArgumentError(fmt::format("cannot read the file {}", path));
  std::string text = content.str();
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

StatusOr<std::string> variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  if (value != nullptr) return std::string(value);
  return invalidArgumentError(fmt::format("the environment variable {} is not set", name));
}

// The property that this one stands for, by its value, a file's or a variable's.
StatusOr<KafkaSettings::Property> resolved(const KafkaSettings::Property& given) {
  const auto& [name, value] = given;
  const bool isFile = name.ends_with(kFile);
  if (!isFile && !name.ends_with(kVariable)) return given;
  StatusOr<std::string> found = isFile ? contentOf(value) : variable(value);
  if (!found.ok()) {
    return invalidArgumentError(
        fmt::format("Kafka property {}: {}", name, std::string(found.status().message())));
  }
  return KafkaSettings::Property{withoutEnd(name, isFile ? kFile : kVariable), *std::move(found)};
}

void set(std::vector<KafkaSettings::Property>& properties, KafkaSettings::Property property) {
  const auto same = std::find_if(properties.begin(), properties.end(),
                                 [&](const auto& each) { return each.first == property.first; });
  if (same != properties.end()) {
    same->second = std::move(property.second);
  } else {
    properties.push_back(std::move(property));
  }
}

}  // namespace

bool isSecretKafkaProperty(std::string_view name) {
  constexpr std::array<std::string_view, 8> kSecrets = {"sasl.password",
                                                        "ssl.key.password",
                                                        "ssl.keystore.password",
                                                        "ssl.key.pem",
                                                        "ssl_key",
                                                        "sasl.oauthbearer.config",
                                                        "sasl.oauthbearer.client.secret",
                                                        "sasl.jaas.config"};
  return std::find(kSecrets.begin(), kSecrets.end(), name) != kSecrets.end() ||
         name.find("password") != std::string_view::npos ||
         name.find("secret") != std::string_view::npos;
}

Status KafkaSettings::add(std::string_view assignment) {
  const std::size_t at = assignment.find('=');
  if (at == std::string_view::npos || at == 0) {
    // What is wrong may be a secret: it is not repeated.
    return invalidArgumentError("a Kafka property is NAME=VALUE (linger.ms=5)");
  }
  properties.emplace_back(assignment.substr(0, at), assignment.substr(at + 1));
  return okStatus();
}

StatusOr<std::vector<KafkaSettings::Property>> KafkaSettings::resolve() const {
  std::vector<Property> all = {{"bootstrap.servers", bootstrapServers}};
  for (const Property& given : properties) {
    MILLRACE_ASSIGN_OR_RETURN(Property property, resolved(given));
    set(all, std::move(property));
  }
  return all;
}

std::vector<std::string> KafkaSettings::describe() const {
  std::vector<Property> shown = {{"bootstrap.servers", bootstrapServers}};
  for (const Property& given : properties) {
    StatusOr<Property> property = resolved(given);
    if (!property.ok()) {
      // What is wrong names a file or a variable, never a value.
      property = Property{given.first, "(" + std::string(property.status().message()) + ")"};
    } else if (isSecretKafkaProperty(property->first)) {
      property->second = "********";
    }
    set(shown, *std::move(property));
  }
  std::vector<std::string> lines;
  for (const auto& [name, value] : shown) lines.push_back(name + "=" + value);
  return lines;
}

}  // namespace millrace
