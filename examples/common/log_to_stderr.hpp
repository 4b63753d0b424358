// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace millrace::examples {

/// While an object of this class lives, what the library and this program log() stands on stderr,
/// a line each, from `level` on (error, warn, info or debug).
///
/// REQUIRES: one object at a time.
class LogToStderr {
 public:
  LogToStderr(std::string program, const std::string& level);
  ~LogToStderr();
  LogToStderr(const LogToStderr&) = delete;
  LogToStderr& operator=(const LogToStderr&) = delete;
};

}  // namespace millrace::examples
