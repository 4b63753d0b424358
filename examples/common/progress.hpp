// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace millrace::examples {

/// How far a run has come.
struct ProgressSample {
  std::uint64_t records = 0;
  std::optional<double> fraction;  ///< 0 to 1 when the end is known
  std::string note;                ///< anything worth adding: "3 late"
  std::string detail = {};         ///< what only a log has room for
};

/// The widest line a terminal is given.
inline constexpr std::size_t kProgressColumns = 80;

/// `[=====>    ]  42%  1.2M records  812k/s  12s left`, never longer than 80 columns.
std::string progressLine(const ProgressSample& sample, double recordsPerSecond,
                         double elapsedSeconds);

/// The same facts as one plain line for a log: exact numbers, no bar.
std::string progressLogLine(const ProgressSample& sample, double recordsPerSecond,
                            double elapsedSeconds);

bool isTerminal(std::FILE* stream);

enum class ProgressMode {
  kOff,
  kLine,  ///< one self-overwriting line, four times a second
  kLog    ///< a plain line every five seconds
};

/// What suits stderr: kLine on a terminal, kLog elsewhere; kOff when not `wanted`.
ProgressMode progressModeFor(bool wanted);

/// Reports progress on stderr from a thread of its own while it lives.
///
/// `sample` is called on that thread, a few times a second: it must be safe
/// beside whatever it looks at, and outlive this object.
class ProgressReporter {
 public:
  ProgressReporter(std::string program, ProgressMode mode, std::function<ProgressSample()> sample);
  /// Ends the reports and takes a live line off the screen.
  ~ProgressReporter();
  ProgressReporter(const ProgressReporter&) = delete;
  ProgressReporter& operator=(const ProgressReporter&) = delete;

 private:
  void run();

  const std::string program_;
  const ProgressMode mode_;
  const bool coloured_;
  const std::function<ProgressSample()> sample_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace millrace::examples
