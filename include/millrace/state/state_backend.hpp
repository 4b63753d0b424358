// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace millrace {

/// Where keyed state lives.
enum class StateBackend : std::uint8_t {
  kMemory,   ///< all of it in memory; what is kept on disk is read when a job goes on
  kRocksDb,  ///< as much as the memory budget allows in memory, all of it in RocksDB below
};

}  // namespace millrace
