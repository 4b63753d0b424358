// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <thread>

namespace millrace::examples {

/// SIGINT and SIGTERM of this process, while an object of this class lives: the
/// first one asks for an orderly stop, the second ends the process at once with
/// 128 plus the signal's number. SIGPIPE is ignored, so that a closed stdout is an ordinary write error.
///
/// Thread safety: `requested` from any thread. REQUIRES: one object at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const noexcept;

  /// Calls `stop` once, on a thread of its own (so it may lock and allocate), when
  /// the first signal comes. REQUIRES: called at most once.
  void onRequest(std::function<void()> stop);

  /// What SIGUSR1 does from here on, on the thread of onRequest().
  /// REQUIRES: called at most once, before onRequest().
  void onUserSignal(std::function<void()> action);

  /// Sleeps for at most `seconds`; a signal ends the sleep. True when asked to stop.
  bool sleep(double seconds) const noexcept;

 private:
  void watch(const std::function<void()>& stop);

  std::function<void()> userAction_;
  std::thread watcher_;
};

}  // namespace millrace::examples
