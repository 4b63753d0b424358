// SPDX-License-Identifier: MIT
#include "version.hpp"

#include "commit.hpp"

#include <fmt/format.h>
#include <rocksdb/version.h>

namespace millrace::examples {

std::string versionText(const std::string& program) {
  return fmt::format("{} (millrace) {}, commit {}\nlibrdkafka: not built in\nRocksDB: {}.{}.{}\n", program,
                     MILLRACE_VERSION_TEXT, MILLRACE_COMMIT, ROCKSDB_MAJOR, ROCKSDB_MINOR, ROCKSDB_PATCH);
}

}  // namespace millrace::examples
