// SPDX-License-Identifier: MIT
#pragma once

#include "event_maker.hpp"

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>
#include <millrace/time/timestamp.hpp>

#include <memory>
#include <string>

namespace millrace::examples {

/// The true answer of one job about made events, worked out the plain way and with
/// nothing of the engine: what `event_producer --expected-out` writes, so that any
/// run of the job can be checked against it.
///
/// Keeps what it needs in memory: an entry per window and type, per window,
/// currency and product, or (for sessions) per event.
class ExpectedTotals {
 public:
  virtual ~ExpectedTotals() = default;

  /// Takes in one event. Broken ones are left out, as every job does.
  virtual void add(const MadeEvent& event) = 0;

  /// Writes every row, in the job's own form.
  virtual Status write(WritableFile& file) = 0;
};

/// For `job` "event_count", "revenue" or "sessions". REQUIRES: window, slide, gap > 0.
std::unique_ptr<ExpectedTotals> expectedTotalsOf(const std::string& job, Duration window,
                                                 Duration slide, Duration gap);

}  // namespace millrace::examples
