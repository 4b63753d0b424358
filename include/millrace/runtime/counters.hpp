// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

/// A number written by one thread and read by any. Costs a plain add; touched once a batch.
class Counter {
 public:
  void add(std::uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// What one task accounts for, in records.
///
/// **Invariant**: when the task is idle, every record it took in is in exactly one of
/// `out` (for operators that pass records on), `absorbed` (it went into an aggregate or a
/// function's state), `filtered`, `late` and `invalid`. What is in `absorbed` has come out as a
/// result or is still part of `held`.
struct TaskCounters {
  Counter in;           ///< records received; for a source, records read (valid and invalid)
  Counter out;          ///< records sent, over all ports
  Counter absorbed;     ///< records that went into windows or keyed state
  Counter filtered;     ///< records dropped on purpose: by a filter, or outside every window
  Counter late;         ///< records that were late for all their windows
  Counter latePartial;  ///< records that were late for some of their windows, not all
  Counter invalid;      ///< records that could not be read
  Counter held;         ///< entries in state now
  Counter bytesIn;      ///< sources: bytes read
  Counter futureDated;  ///< sources: records the future guard kept from moving time

  /// Appends the values, for a checkpoint.
  void write(std::string& bytes) const;
  /// Takes what write() appended off the front of `bytes`, adding the values to these if `adds`
  /// (all but held, which tells of now). False: they are not there.
  bool read(std::string_view& bytes, bool adds);
};

}  // namespace millrace
