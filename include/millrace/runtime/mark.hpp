// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/time/timestamp.hpp>

#include <cstdint>

namespace millrace {

/// What travels between batches, in order with the data.
struct Mark {
  enum class Kind : std::uint8_t {
    kWatermark,  ///< no record with a time <= `time` is expected after it
    kIdle,       ///< nothing will come for a while: leave this input out of the minimum
    kActive,     ///< takes kIdle back
    kBarrier,    ///< divides what belongs to a checkpoint from what belongs to the next
    kEnd,        ///< the last item of a channel; when drained, also the highest watermark
  };

  Kind kind = Kind::kWatermark;
  bool isDrained = false;          ///< kEnd only: the input came to its end; else it was stopped
  Timestamp time = kMinTimestamp;  ///< kWatermark only
  std::uint64_t barrier = 0;       ///< kBarrier only: its number, 1, 2, ... within a run

  static Mark watermark(Timestamp time) { return {Kind::kWatermark, false, time, 0}; }
  static Mark idle() { return {Kind::kIdle, false, kMinTimestamp, 0}; }
  static Mark active() { return {Kind::kActive, false, kMinTimestamp, 0}; }
  static Mark barrierNumber(std::uint64_t number) {
    return {Kind::kBarrier, false, kMinTimestamp, number};
  }
  static Mark end(bool isDrained) { return {Kind::kEnd, isDrained, kMinTimestamp, 0}; }
};

}  // namespace millrace
