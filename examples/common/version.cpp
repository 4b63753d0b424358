// SPDX-License-Identifier: MIT
#include "version.hpp"

#include "commit.hpp"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <rocksdb/version.h>

namespace millrace::examples {

std::string versionText(const std::string& program) {
  return fmt::format("{} (millrace) {}, commit {}\nlibrdkafka: {}\nRocksDB: {}.{}.{}\n", program,
                     MILLRACE_VERSION_TEXT, MILLRACE_COMMIT, rd_kafka_version_str(), ROCKSDB_MAJOR, ROCKSDB_MINOR, ROCKSDB_PATCH);
}

}  // namespace millrace::examples
