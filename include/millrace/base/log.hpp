// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace millrace {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

/// Takes what the library has to say while it works: a broker that is waited for, a restart. Called
/// from any of its threads; must not throw. Never given secrets.
using LogSink = std::function<void(LogLevel, std::string_view message)>;

/// The library prints nothing. A program that wants to show what happens inside sets a sink, for
/// the whole process, before it starts a job; an empty one takes it away.
///
/// **Thread safety**: any thread; when it returns the sink before is no longer called.
void setLogSink(LogSink sink);

/// For the library: tells the sink, if there is one. Not for what happens per record.
void log(LogLevel level, std::string_view message);

}  // namespace millrace
