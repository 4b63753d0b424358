// SPDX-License-Identifier: MIT
#include "version.hpp"

#include "commit.hpp"

namespace millrace::examples {

std::string versionText(const std::string& program) {
  return program + " (millrace) " + MILLRACE_VERSION_TEXT + ", commit " + MILLRACE_COMMIT +
         "\nlibrdkafka: not built in\nRocksDB: not built in\n";
}

}  // namespace millrace::examples
