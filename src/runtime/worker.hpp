// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/task.hpp"

#include <memory>
#include <vector>

namespace millrace {

/// One thread's share of a job: an instance of every operator, in the order records flow.
///
/// **Thread safety**: pass() and what it calls belong to one thread at a time; wake() to anyone.
class Worker {
 public:
  Worker(JobContext& job, std::size_t index);

  WorkerContext& context() { return context_; }
  Task& addTask(std::unique_ptr<Task> task);

  /// Opens the tasks, as far as the first that cannot be.
  Status open();
  /// Whether open() has come to the task, whatever it answered.
  bool hasOpened(const Task& task) const;

  /// Gives every task a turn. True when any of them got something done. A failure has
  /// the code of what was thrown, and says where; see statusOfException().
  StatusOr<bool> pass();

  /// Sends what tasks hold back for efficiency. True when there was something.
  StatusOr<bool> becomeQuiet();

  /// Blocks until wake(), or until a task's deadline, unless there is work after all.
  StatusOr<bool> passOrSleep();

  bool isFinished() const;
  void wake() { context_.waker.wake(); }

 private:
  Status stepTask(Task& task, bool& progressed);

  StatusOr<std::chrono::nanoseconds> timeToDeadline() const;

  JobContext& job_;
  WorkerContext context_;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::size_t opened_ = 0;  // of tasks_, from the first
};

}  // namespace millrace
