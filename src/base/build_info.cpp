// SPDX-License-Identifier: MIT
#include <millrace/base/build_info.hpp>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <rocksdb/version.h>

#include "commit.hpp"

namespace millrace {

BuildInfo buildInfo() {
  return {MILLRACE_VERSION_TEXT, MILLRACE_COMMIT, rocksdb::GetRocksVersionAsString(),
          rd_kafka_version_str()};
}

std::string versionText(const std::string& program) {
  const BuildInfo built = buildInfo();
  return fmt::format("{} (millrace) {}, commit {}\nlibrdkafka: {}\nRocksDB: {}\n", program,
                     built.version, built.commit, built.librdkafka, built.rocksDb);
}

}  // namespace millrace
