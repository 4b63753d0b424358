// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace millrace::examples {

/// SIGINT and SIGTERM of this process, while an object of this class lives: the
/// first one asks for an orderly stop, the second ends the process at once with
/// 128 plus the signal's number. SIGPIPE is ignored, so that a closed stdout is an ordinary write
/// error.
///
/// Thread safety: `requested` and `token` from any thread. REQUIRES: one object at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const noexcept;

  /// Requested when the first signal comes, on a thread of its own: what hangs on it may lock and
  /// allocate.
  std::stop_token token() const { return stop_.get_token(); }

  /// What SIGUSR1 does from here on, on that thread; empty: nothing. Waits for the action before,
  /// if it runs.
  void onUserSignal(std::function<void()> action);

  /// Sleeps for at most `seconds`; a signal ends the sleep. True when asked to stop.
  bool sleep(double seconds) const noexcept;

 private:
  void watch();

  std::stop_source stop_;
  std::mutex mutex_;
  std::function<void()> userAction_;  // under mutex_
  std::thread watcher_;
};

}  // namespace millrace::examples
