// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <thread>

namespace millrace {

/// Waits on a thread of its own for a descriptor to become readable. It reads nothing.
///
/// Thread safety: `arm` may be called from any thread.
class InputWatch {
 public:
  /// `onReadable` is called on the watching thread, once for each time it was armed.
  InputWatch(int descriptor, std::function<void()> onReadable);

  /// Returns once the thread has ended.
  ~InputWatch();

  InputWatch(const InputWatch&) = delete;
  InputWatch& operator=(const InputWatch&) = delete;

  /// Asks for one call when the descriptor is readable, at its end or broken.
  void arm();

 private:
  void run();
  void signal(unsigned long long word) const;

  const int descriptor_;
  const std::function<void()> onReadable_;
  int wake_;  // an eventfd: 1s arm, kStop ends
  std::thread thread_;
};

}  // namespace millrace
