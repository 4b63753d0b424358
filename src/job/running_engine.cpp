// SPDX-License-Identifier: MIT
#include "job/running_engine.hpp"

namespace millrace {

RunningEngine::RunningEngine(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {
  for (std::size_t i = 0; i < engine_->workerCount(); ++i) {
    threads_.emplace_back([this, i] { engine_->runWorker(i); });
  }
}

RunningEngine::~RunningEngine() {
  engine_->stop();
  wait().IgnoreError();
}

Status RunningEngine::wait() {
  std::lock_guard lock(mutex_);
  if (result_) return *result_;
  for (std::thread& thread : threads_) thread.join();
  result_ = engine_->close();
  return *result_;
}

}  // namespace millrace
