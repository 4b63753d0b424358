// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/time/timestamp.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace {

/// RFC 3339 text to and from Timestamp.
///
/// Thread safety: plain functions without state.

/// Reads `YYYY-MM-DDTHH:MM:SS[.f]` followed by `Z` or `+HH:MM` / `-HH:MM`.
///
/// `T` and `Z` may be in either case; the fraction has 1 to 9 digits, of which
/// those past the milliseconds are cut off, not rounded. Dates are checked in the
/// proleptic Gregorian calendar, years 0001 to 9999, both as written and in UTC.
/// Hour 24, second 60, a missing zone, an offset past 23:59 and anything before
/// or after the text are refused.
///
/// True and `out` set, or false and `out` unchanged. Never allocates.
bool parseRfc3339(std::string_view text, Timestamp& out) noexcept;

/// Room for any time `formatUtc` can write.
inline constexpr std::size_t kMaxUtcLength = 32;

/// `2025-12-12T10:30:00.000Z`: always UTC, always three fraction digits. A year
/// outside 0000 to 9999 has a sign and as many digits as it needs (ISO 8601,
/// expanded), so that every Timestamp has a text of its own.
std::string formatUtc(Timestamp time);

/// The same into `out`, without a final NUL; returns the end of what was written.
/// REQUIRES: room for kMaxUtcLength characters.
char* formatUtc(Timestamp time, char* out) noexcept;

}  // namespace millrace
