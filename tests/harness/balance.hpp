// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <millrace/job/job.hpp>

namespace millrace::test {

/// What is wrong with a finished job's account; empty when every record an operator took in is in
/// exactly one of its other counts. flatMap makes records, so that there is nothing to hold it to.
inline std::string imbalanceOf(const JobCounts& counts) {
  for (const OperatorCounts& each : counts.operators) {
    const bool absorbs = each.absorbed != 0 || each.verb == "aggregate" || each.verb == "process" ||
                         each.verb == "reduce";
    const bool ends = each.kind == NodeKind::kSink;
    const std::uint64_t passed = absorbs ? each.absorbed : ends ? each.in : each.out;
    if (each.verb == "flatMap" || each.in == passed + each.filtered + each.late + each.invalid)
      continue;
    return each.verb + " '" + each.name + "': in " + std::to_string(each.in) + ", out " +
           std::to_string(each.out) + ", absorbed " + std::to_string(each.absorbed) +
           ", filtered " + std::to_string(each.filtered) + ", late " + std::to_string(each.late) +
           ", invalid " + std::to_string(each.invalid);
  }
  return "";
}

}  // namespace millrace::test
