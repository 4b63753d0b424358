// SPDX-License-Identifier: MIT
#pragma once

#include "contest.hpp"
#include "nexmark_events.hpp"

#include <millrace/millrace.hpp>

#include <string>

namespace millrace::bench {

/// Adds Nexmark's query `name` to the pipeline behind `events`, as github.com/nexmark/nexmark has
/// it in SQL; q5, q7, q8, q11 and q12 in windows. What comes out is added to `outcome`. Throws
/// std::invalid_argument where there is none of that name.
///
/// REQUIRES: one worker; the outcome outlives the job.
void addNexmarkQuery(const std::string& name, const Stream<NexmarkEvent>& events, Outcome& outcome);

}  // namespace millrace::bench
