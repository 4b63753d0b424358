// SPDX-License-Identifier: MIT
#include "endpoints.hpp"

#include <fmt/format.h>

#include <charconv>

namespace millrace::examples {
namespace {

bool takePrefix(std::string_view* text, std::string_view prefix) {
  if (text->substr(0, prefix.size()) != prefix) return false;
  text->remove_prefix(prefix.size());
  return true;
}

Status kafkaMissing(std::string_view verb) {
  return invalidArgumentError(fmt::format("{} Kafka is not available in this version", verb));
}

}  // namespace

StatusOr<SourceSpec> parseSource(std::string_view text) {
  SourceSpec source;
  std::string_view rest = text;
  if (text == "stdin") return source;
  if (takePrefix(&rest, "kafka:")) return kafkaMissing("reading from");
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
  if (takePrefix(&rest, "kafka:")) return kafkaMissing("writing to");
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
