// SPDX-License-Identifier: MIT
#include "log_to_stderr.hpp"

#include "progress.hpp"

#include <millrace/base/log.hpp>

#include <cstdio>
#include <string_view>
#include <utility>

namespace millrace::examples {
namespace {

LogLevel levelOf(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warn") return LogLevel::kWarning;
  return name == "error" ? LogLevel::kError : LogLevel::kInfo;
}

const char* nameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug: ";
    case LogLevel::kWarning:
      return "warning: ";
    case LogLevel::kError:
      return "error: ";
    case LogLevel::kInfo:
      break;
  }
  return "";
}

}  // namespace

LogToStderr::LogToStderr(std::string program, const std::string& level) {
  // A live line may stand where the message goes; it comes back by itself.
  const char* const before = isTerminal(stderr) ? "\r\x1b[K" : "";
  setLogSink([program = std::move(program), least = levelOf(level), before](
                 LogLevel at, std::string_view message) {
    if (at < least) return;
    std::fprintf(stderr, "%s%s: %s%.*s\n", before, program.c_str(), nameOf(at),
                 static_cast<int>(message.size()), message.data());
  });
}

LogToStderr::~LogToStderr() { setLogSink({}); }

}  // namespace millrace::examples
