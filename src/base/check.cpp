// SPDX-License-Identifier: MIT
#include <millrace/base/check.hpp>

#include <fmt/format.h>

namespace millrace {

void failCheck(const char* condition, const char* file, int line, const std::string& message) {
  throw InternalError(fmt::format("internal error: {} ({} does not hold at {}:{})", message,
                                  condition, file, line));
}

}  // namespace millrace
