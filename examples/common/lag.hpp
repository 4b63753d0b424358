// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/runtime/source.hpp>

#include <string>
#include <vector>

namespace millrace::examples {

/// How far a job is behind the ends of its partitions, in one line: "lag 130 (events-3: 100)",
/// naming the partition that is furthest behind where there are several.
std::string lagNote(const std::vector<SplitProgress>& partitions);

/// All there is to say of that partition: "events-3: committed 5, current 10, end 110, lag 100";
/// empty when none is behind. What is not known is "?".
std::string lagDetail(const std::vector<SplitProgress>& partitions);

/// By topic, then by number.
void sortPartitions(std::vector<SplitProgress>& partitions);

}  // namespace millrace::examples
