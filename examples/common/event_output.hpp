// SPDX-License-Identifier: MIT
#pragma once

#include "event_maker.hpp"
#include "sent.hpp"

#include <millrace/base/status.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace millrace::examples {

/// Where made events go, a burst of them at a time.
///
/// **Thread safety**: one thread makes events; sent() and interval() may be called from another.
class EventOutput {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  virtual ~EventOutput() = default;

  /// A burst begins whose first event was due at `due`. What is appended to the answer up to
  /// endRecord() is an event.
  virtual std::string& beginBurst(TimePoint due) = 0;
  virtual void endRecord(const MadeEvent& event) = 0;
  /// The burst is whole; it may still wait here for others.
  virtual Status endBurst() = 0;
  /// What waits here goes on now: there is nothing to make for a while.
  virtual Status flush() = 0;
  /// Returns when everything is where it should be, or will never be.
  virtual Status close() = 0;

  /// What is safely there, from the beginning and since interval() was called last.
  virtual Sent sent() const = 0;
  virtual Sent interval() = 0;
  virtual std::uint64_t recordsSent() const = 0;
};

}  // namespace millrace::examples
