// SPDX-License-Identifier: MIT
#pragma once

#include "contest.hpp"

#include <millrace/base/hash.hpp>
#include <millrace/time/duration.hpp>
#include <millrace/time/timestamp.hpp>
#include <millrace/window/windows.hpp>

#include <cstdint>
#include <vector>

namespace millrace::bench {

/// How often loops written by hand look at the watermark: as often as the pipelines.
inline constexpr std::uint64_t kRecordsPerWatermark = 1024;

struct KeyedRecord {
  std::uint64_t key = 0;
  Timestamp time = 0;
};

/// Makes records in the order of time: `perSecond` of them to a second of event time, their keys
/// drawn evenly from 0 .. keys - 1. Record i depends on i alone. Both sides of a contest call this.
struct RecordMaker {
  std::uint64_t keys = 1;
  std::uint64_t perSecond = 1;

  KeyedRecord operator()(std::uint64_t i) const {
    // The high half of a product spreads a hash over a range without a division.
    const auto key = static_cast<std::uint64_t>((__uint128_t{mixHash(i)} * keys) >> 64);
    return {key, static_cast<Timestamp>(i * 1000 / perSecond)};
  }
};

inline std::vector<KeyedRecord> makeRecords(const RecordMaker& make, std::uint64_t count) {
  std::vector<KeyedRecord> records;
  records.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) records.push_back(make(i));
  return records;
}

/// One row of a keyed job.
inline void addRow(Outcome& outcome, std::uint64_t key, Timestamp start, Timestamp end,
                   std::int64_t value) {
  outcome.add(key, start, end, value);
}

}  // namespace millrace::bench
