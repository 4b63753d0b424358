// SPDX-License-Identifier: MIT
#include <millrace/base/log.hpp>

#include <mutex>
#include <utility>

namespace millrace {
namespace {

struct Sink {
  std::mutex mutex;
  LogSink call;
};

// Never destroyed: threads of others may still have something to say when the process ends.
Sink& sink() {
  static Sink& only = *new Sink;
  return only;
}

}  // namespace

void setLogSink(LogSink call) {
  const std::lock_guard lock(sink().mutex);
  sink().call = std::move(call);
}

void log(LogLevel level, std::string_view message) {
  const std::lock_guard lock(sink().mutex);
  if (sink().call) sink().call(level, message);
}

}  // namespace millrace
