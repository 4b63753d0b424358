// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/commit_point.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace millrace::rdkafka {

/// What stands in a committed offset's metadata:
/// "v1;n=<epoch>;inc=<run>;sum=<checksum>;k=1;crc=<check>", numbers in decimal, checksums in
/// hexadecimal; check is of all before ";crc=".
std::string writeMarker(const EpochMark& mark);
/// Nothing: it is no marker of ours, or damaged.
std::optional<EpochMark> readMarker(std::string_view text);

}  // namespace millrace::rdkafka
