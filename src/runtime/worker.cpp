// SPDX-License-Identifier: MIT
#include "runtime/worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>

namespace millrace {
namespace {

/// Items a task may take before the next task has its turn.
constexpr int kStepsPerPass = 8;
/// Fruitless passes before a worker goes to sleep: about the time a hand-over takes.
constexpr int kSpinPasses = 32;
/// A sleeping worker looks around this often even when nobody wakes it.
constexpr std::chrono::nanoseconds kLongestSleep = std::chrono::hours(1);

// Runs `work`; what it throws becomes a status that says where.
Status guarded(const Task& task, const std::function<void()>& work) {
  try {
    work();
  } catch (...) {
    const Status thrown = statusOfException();
    const std::string_view what(thrown.message().data(), thrown.message().size());
    return Status(thrown.code(), fmt::format("{}: {}", task.position(), what));
  }
  return absl::OkStatus();
}

}  // namespace

Worker::Worker(JobContext& job, std::size_t index) : job_(job) { context_.index = index; }

Task& Worker::addTask(std::unique_ptr<Task> task) {
  tasks_.push_back(std::move(task));
  return *tasks_.back();
}

Status Worker::open() {
  context_.now = job_.clock->now();
  for (const auto& task : tasks_) {
    ++opened_;
    Status opened;
    MILLRACE_RETURN_IF_ERROR(guarded(*task, [&] { opened = task->open(); }));
    MILLRACE_RETURN_IF_ERROR(
        annotate(opened, fmt::format("opening operator '{}'", task->operatorName())));
  }
  return absl::OkStatus();
}

bool Worker::hasOpened(const Task& task) const {
  const auto end = tasks_.begin() + static_cast<std::ptrdiff_t>(opened_);
  return std::any_of(tasks_.begin(), end, [&](const auto& each) { return each.get() == &task; });
}

Status Worker::stepTask(Task& task, bool& progressed) {
  // A source gets one step, so that what it read moves on while it is still in the cache.
  const int steps = task.isSource() ? 1 : kStepsPerPass;
  return guarded(task, [&] {
    for (int i = 0; i < steps && task.step(); ++i) progressed = true;
  });
}

StatusOr<bool> Worker::pass() {
  context_.now = job_.clock->now();
  context_.requests.serve();
  bool progressed = false;
  for (const auto& task : tasks_) MILLRACE_RETURN_IF_ERROR(stepTask(*task, progressed));
  return progressed;
}

StatusOr<bool> Worker::becomeQuiet() {
  bool progressed = false;
  for (const auto& task : tasks_) {
    MILLRACE_RETURN_IF_ERROR(
        guarded(*task, [&] { progressed = task->becomeQuiet() || progressed; }));
  }
  return progressed;
}

StatusOr<bool> Worker::passOrSleep() {
  for (int i = 0; i < kSpinPasses; ++i) {
    MILLRACE_ASSIGN_OR_RETURN(const bool progressed, pass());
    if (progressed || isFinished()) return true;
  }
  MILLRACE_ASSIGN_OR_RETURN(const bool flushed, becomeQuiet());
  if (flushed) return true;
  context_.waker.prepare();
  StatusOr<bool> progressed = pass();
  if (!progressed.ok() || *progressed || job_.isCancelled.load()) {
    context_.waker.cancel();
    return progressed;
  }
  const StatusOr<std::chrono::nanoseconds> longest = timeToDeadline();
  if (!longest.ok()) {
    context_.waker.cancel();
    return longest.status();
  }
  context_.waker.sleep(*longest);
  return true;
}

StatusOr<std::chrono::nanoseconds> Worker::timeToDeadline() const {
  Timestamp deadline = kMaxTimestamp;
  for (const auto& task : tasks_) {
    MILLRACE_RETURN_IF_ERROR(
        guarded(*task, [&] { deadline = std::min(deadline, task->nextDeadline()); }));
  }
  if (deadline == kMaxTimestamp) return kLongestSleep;
  const Timestamp wait = saturatingSubtract(deadline, job_.clock->now());
  if (wait <= 0) return std::chrono::nanoseconds(0);
  const Timestamp longest = std::chrono::duration_cast<Duration>(kLongestSleep).count();
  return std::chrono::milliseconds(std::min(wait, longest));
}

bool Worker::isFinished() const {
  return std::all_of(tasks_.begin(), tasks_.end(),
                     [](const auto& task) { return task->isFinished(); });
}

}  // namespace millrace
