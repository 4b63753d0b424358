// SPDX-License-Identifier: MIT
#include "endpoints.hpp"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <regex>
#include <vector>

namespace millrace::examples {
namespace {

bool takePrefix(std::string_view* text, std::string_view prefix) {
  if (text->substr(0, prefix.size()) != prefix) return false;
  text->remove_prefix(prefix.size());
  return true;
}

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t comma = std::min(list.find(','), list.size());
    parts.push_back(list.substr(0, comma));
    if (comma == list.size()) return parts;
    list.remove_prefix(comma + 1);
  }
}

// Nothing, or what is wrong with it as the name of one topic.
std::string complaintAbout(std::string_view topic) {
  constexpr std::size_t kLongest = 249;
  const bool isNamed = !topic.empty() && topic != "." && topic != ".." &&
                       std::all_of(topic.begin(), topic.end(), [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
                       });
  if (!isNamed)
    return fmt::format("'{}' is not the name of a topic (letters, digits, '.', '_' and '-')",
                       topic);
  return topic.size() <= kLongest ? ""
                                  : fmt::format("the topic's name is longer than {}", kLongest);
}

std::string whyNotPosix(const std::string& pattern) {
  regex_t compiled;
  const int error = regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB);
  if (error == 0) {
    regfree(&compiled);
    return {};
  }
  char reason[128];
  regerror(error, &compiled, reason, sizeof reason);
  return reason;
}

std::string whyNotEcmaScript(const std::string& pattern) {
  try {
    const std::regex compiled(pattern, std::regex::ECMAScript);
    return {};
  } catch (const std::regex_error& error) {
    return error.what();
  }
}

// Jobs match topics by ECMAScript's rules, librdkafka by POSIX's: what may be said has to mean the
// same by both.
std::string complaintAboutPattern(const std::string& pattern) {
  if (pattern.empty()) return "'^' needs a regular expression behind it (^events-.*)";
  for (std::size_t at = 0; at + 1 < pattern.size(); ++at) {
    const bool isClass =
        pattern[at] == '\\' && std::isalnum(static_cast<unsigned char>(pattern[at + 1])) != 0;
    const bool isGroup = pattern[at] == '(' && pattern[at + 1] == '?';
    if (isClass || isGroup)
      return fmt::format("'{}' in '^{}' is not POSIX's ([0-9] for a digit, a group is (...))",
                         pattern.substr(at, 2), pattern);
    if (pattern[at] == '\\') ++at;
  }
  std::string reason = whyNotPosix(pattern);
  if (reason.empty()) reason = whyNotEcmaScript(pattern);
  return reason.empty() ? reason
                        : fmt::format("'^{}' is not a regular expression: {}", pattern, reason);
}

std::string complaintAboutTopics(std::string_view topics) {
  if (topics.starts_with('^')) return complaintAboutPattern(std::string(topics.substr(1)));
  std::vector<std::string_view> names = split(topics);
  for (const std::string_view name : names)
    if (std::string complaint = complaintAbout(name); !complaint.empty()) return complaint;
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  return twice == names.end() ? "" : fmt::format("'{}' is named twice", *twice);
}

}  // namespace

StatusOr<SourceSpec> parseSource(std::string_view text) {
  SourceSpec source;
  std::string_view rest = text;
  if (text == "stdin") return source;
  if (takePrefix(&rest, "kafka:")) {
    source.kind = SourceSpec::Kind::kKafka;
    source.topic = rest;
    const std::string complaint = rest.empty() ? "" : complaintAboutTopics(rest);
    if (!complaint.empty()) return invalidArgumentError("kafka: " + complaint);
    return source;
  }
  if (takePrefix(&rest, "file:")) {
    if (rest.empty()) return invalidArgumentError("file: needs a path (file:PATH)");
    source.kind = SourceSpec::Kind::kFile;
    source.path = rest;
    return source;
  }
  if (takePrefix(&rest, "generate:")) {
    source.kind = SourceSpec::Kind::kGenerate;
    const auto [stop, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), source.events);
    if (error != std::errc() || stop != rest.data() + rest.size() || source.events < 0)
      return invalidArgumentError(
          fmt::format("generate: needs a number of events, not '{}' (generate:1000)", rest));
    return source;
  }
  return invalidArgumentError(fmt::format(
      "'{0}' is not a source (file:PATH, stdin, generate:N or kafka:TOPIC; for a file: file:{0})",
      text));
}

StatusOr<SinkSpec> parseSink(std::string_view text) {
  SinkSpec sink;
  std::string_view rest = text;
  if (text == "stdout") {
    sink.kind = SinkSpec::Kind::kStdout;
    return sink;
  }
  if (takePrefix(&rest, "kafka:")) {
    const std::string complaint = rest.empty() ? "" : complaintAbout(rest);
    if (!complaint.empty()) return invalidArgumentError("kafka: " + complaint);
    sink.kind = SinkSpec::Kind::kKafka;
    sink.topic = rest;
    return sink;
  }
  if (takePrefix(&rest, "file:")) {
    if (rest.empty()) return invalidArgumentError("file: needs a directory (file:DIR)");
    sink.kind = SinkSpec::Kind::kDirectory;
    sink.directory = rest;
    return sink;
  }
  return invalidArgumentError(fmt::format(
      "'{0}' is not a sink (stdout, file:DIR or kafka:TOPIC; for a directory: file:{0})", text));
}

}  // namespace millrace::examples
