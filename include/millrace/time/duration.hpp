// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/time/timestamp.hpp>

#include <string>
#include <string_view>

namespace millrace {

/// Durations as people write them on a command line.
///
/// Thread safety: plain functions without state.

/// Reads a whole number followed by its unit, without a space: `250ms`, `30s`,
/// `5m`, `1h`, `1d` (24 hours). The unit is never left out, not even after 0;
/// there is no sign, no fraction and no sum of parts. kInvalidArgument, with the
/// text and the accepted forms, for anything else or what does not fit.
StatusOr<Duration> parseDuration(std::string_view text);

/// The shortest text `parseDuration` reads back: the largest unit that divides
/// the duration. Zero is `0s`; a negative duration has a `-` in front.
std::string formatDuration(Duration duration);

}  // namespace millrace
