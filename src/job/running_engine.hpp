// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/engine.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace millrace {

/// An engine with a thread a worker.
///
/// **Thread safety**: all methods may be called from any thread.
class RunningEngine {
 public:
  explicit RunningEngine(std::unique_ptr<Engine> engine);
  /// Stops the job and waits for it.
  ~RunningEngine();

  Engine& engine() { return *engine_; }
  const Engine& engine() const { return *engine_; }
  Status wait();

 private:
  const std::unique_ptr<Engine> engine_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::optional<Status> result_;  // under mutex_
};

}  // namespace millrace
