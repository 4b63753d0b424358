// SPDX-License-Identifier: MIT
#pragma once

#include "contest.hpp"

#include <millrace/base/hash.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::bench {

inline constexpr Timestamp kWindowMillis = 60'000;
inline constexpr Timestamp kOutOfOrderMillis = 5'000;

/// One row of the JSON job: so many events of a type in the minute from `windowStart` on.
inline void addRow(Outcome& outcome, std::string_view type, Timestamp windowStart,
                   std::int64_t count) {
  outcome.add(millraceHash(type), windowStart, count);
}

/// How much of a line a hand-written loop checks.
enum class HandLoop {
  kStrict,   ///< as the pipeline: the whole line is one valid JSON object
  kLax,      ///< what it does not want is skipped unseen
  kBatched,  ///< likewise, and simdjson scans a megabyte of lines at once: one bad byte spoils all
};

/// Counts the events of an NDJSON file per type and window the way one would by hand: simdjson on
/// demand, one absl::flat_hash_map per window, and no more than that. Reads [from, to) of the file.
Outcome countByHand(const std::string& path, HandLoop loop, std::uint64_t from = 0,
                    std::uint64_t to = UINT64_MAX);

/// The same on two threads, each with half of the file: how well this machine scales at best.
Outcome countByHandOnTwoThreads(const std::string& path, HandLoop loop);

}  // namespace millrace::bench
