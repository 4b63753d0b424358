// SPDX-License-Identifier: MIT
#include "job/job_supervisor.hpp"

#include <millrace/base/clock.hpp>
#include <millrace/base/log.hpp>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace millrace {
namespace {

// What another attempt cannot change: a wrong set-up, input that is not what it was, damage, and a
// disk that has lost what it was given.
bool isForGood(const Status& failure) {
  switch (failure.code()) {
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

Duration pauseBefore(std::size_t restart, const RestartOptions& options) {
  Duration pause = options.firstPause;
  for (std::size_t i = 1; i < restart && pause < options.longestPause; ++i) pause *= 2;
  return std::min(pause, options.longestPause);
}

// Half of the memory is for tables. A segment of the log is in memory twice while it goes into the
// base, and the changes of an epoch once before; the rest is for blocks, indexes and filters.
void useRocksDb(const CheckpointOptions& options, CheckpointStore::Options& store) {
  constexpr std::size_t kLeastSegment = 64 << 10;
  constexpr std::size_t kMostSegment = 64 << 20;
  store.backend = StateBackend::kRocksDb;
  store.segmentBytes = std::clamp(options.memoryBytes / 16, kLeastSegment, kMostSegment);
  store.cacheBytes = options.memoryBytes / 4;
}

// This thread's work can wait: where cores are few it takes what the stream leaves. (To Linux a
// thread is a process in this respect.) If it is not to be had, nothing is lost.
void yieldToOthers() {
  constexpr int kBackground = 10;
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kBackground));
}

void runInThreads(std::size_t n, const std::function<void(std::size_t)>& run) {
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < n; ++i) threads.emplace_back(run, i);
  run(0);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

StatusOr<std::unique_ptr<JobAttempt>> JobAttempt::make(const Graph& graph,
                                                       const JobOptions& options,
                                                       const std::stop_token& stop) {
  std::unique_ptr<JobAttempt> attempt(new JobAttempt);
  {
    const std::stop_callback giveUp(stop, [&attempt] { attempt->cancellation_.request_stop(); });
    MILLRACE_RETURN_IF_ERROR(attempt->open(graph, options));
  }
  if (!attempt->cancellation_.stop_requested()) return attempt;
  attempt->cancel();
  attempt->engine_->close().IgnoreError();
  return absl::CancelledError("the job was stopped before it ran");
}

Status JobAttempt::open(const Graph& graph, const JobOptions& options) {
  if (options.checkpoints.directory.empty() &&
      options.checkpoints.backend == StateBackend::kRocksDb) {
    return absl::InvalidArgumentError(
        "state in RocksDB needs a state directory (set JobOptions::checkpoints.directory)");
  }
  if (!options.checkpoints.directory.empty()) {
    CheckpointStore::Options store;
    store.directory = options.checkpoints.directory;
    store.jobName = graph.name();
    store.keyGroups = static_cast<std::uint32_t>(options.keyGroups);
    store.fromSavepoint = options.checkpoints.fromSavepoint;
    store.retained = options.checkpoints.retained;
    store.retainEvery = options.checkpoints.retainEvery;
    store.openedAt = clockOf(options).now();
    if (options.checkpoints.backend == StateBackend::kRocksDb)
      useRocksDb(options.checkpoints, store);
    MILLRACE_ASSIGN_OR_RETURN(commitPoint_,
                              commitPointOf(graph, options, cancellation_.get_token()));
    store.commitPoint = commitPoint_.get();
    MILLRACE_ASSIGN_OR_RETURN(store_, CheckpointStore::open(filesOf(options), store));
  }
  MILLRACE_ASSIGN_OR_RETURN(engine_, Engine::create(graph, options, store_.get(), runInThreads,
                                                    cancellation_.get_token()));
  return absl::OkStatus();
}

void JobAttempt::cancel() {
  cancellation_.request_stop();
  engine_->cancel();
}

Status JobAttempt::run() {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < engine_->workerCount(); ++i) {
    threads.emplace_back([this, i] { engine_->runWorker(i); });
  }
  if (engine_->isCheckpointed()) {
    threads.emplace_back([this] { engine_->runCoordinator(); });
    threads.emplace_back([this] {
      yieldToOthers();
      engine_->runBase();
    });
  }
  for (std::thread& thread : threads) thread.join();
  Status ended = engine_->close();
  std::lock_guard lock(storeMutex_);
  store_.reset();  // unlocks the directory, for the next attempt or another program
  return ended;
}

Status JobAttempt::savepoint(const std::string& directory) {
  if (!engine_->isCheckpointed()) {
    return absl::FailedPreconditionError(
        "a savepoint needs a job with a state directory (set JobOptions::checkpoints.directory)");
  }
  MILLRACE_RETURN_IF_ERROR(engine_->coordinator()->checkpointNow());
  std::lock_guard lock(storeMutex_);
  if (store_ == nullptr) {
    return absl::FailedPreconditionError("the job is over (take savepoints while it runs)");
  }
  return annotate(store_->writeSavepoint(directory), "writing a savepoint");
}

StatusOr<std::optional<std::string>> JobAttempt::readState(const StateQuery& query) {
  if (query.view == StateView::kLive) return engine_->readState(query);
  std::lock_guard lock(storeMutex_);
  if (engine_->isCheckpointed() && store_ == nullptr) {
    return absl::FailedPreconditionError("the job is over");
  }
  return engine_->readState(query);
}

StatusOr<std::unique_ptr<JobSupervisor>> JobSupervisor::start(const Graph& graph,
                                                              const JobOptions& options) {
  MILLRACE_ASSIGN_OR_RETURN(std::unique_ptr<JobAttempt> first,
                            JobAttempt::make(graph, options, options.stop));
  std::unique_ptr<JobSupervisor> supervisor(new JobSupervisor(graph, options, std::move(first)));
  supervisor->thread_ = std::thread([job = supervisor.get()] { job->superviseToTheEnd(); });
  supervisor->onStop_.emplace(options.stop, [job = supervisor.get()] { job->stop(); });
  return supervisor;
}

JobSupervisor::JobSupervisor(const Graph& graph, const JobOptions& options,
                             std::shared_ptr<JobAttempt> first)
    : graph_(graph), options_(options), clock_(clockOf(options)), attempt_(std::move(first)) {}

JobSupervisor::~JobSupervisor() {
  stop();
  wait().IgnoreError();
}

void JobSupervisor::superviseToTheEnd() {
  while (true) {
    const std::int64_t startedAt = clock_.monotonicNanos();
    Status ended = attempt()->run();
    const auto ran = std::chrono::nanoseconds(clock_.monotonicNanos() - startedAt);
    if (ran >= options_.restarts.resetAfter) failuresInARow_ = 0;
    std::optional<Status> result = ended.ok() ? ended : prepareNext(ended);
    if (!result) continue;
    std::lock_guard lock(mutex_);
    result_ = *std::move(result);
    return;
  }
}

std::optional<Status> JobSupervisor::prepareNext(const Status& failure) {
  Status last = failure;
  while (mayTryAgain(last)) {
    log(LogLevel::kWarning,
        fmt::format("the job has failed and starts again from its last checkpoint ({} of {}): {}",
                    failuresInARow_, options_.restarts.attempts, std::string(last.message())));
    dropAttempt();
    StatusOr<std::unique_ptr<JobAttempt>> next = absl::CancelledError("stopped during the pause");
    if (pauseUnlessStopped(pauseBefore(failuresInARow_, options_.restarts))) {
      next = JobAttempt::make(graph_, options_, ending_.get_token());
    }
    std::lock_guard lock(mutex_);
    if (next.ok()) {
      ++restarts_;
      attempt_ = *std::move(next);
      if (ending_.stop_requested()) attempt_->engine().stop();
      if (isCancelling_) attempt_->cancel();
      return std::nullopt;
    }
    last = next.status();
    // There is no more to stop in good order than the last checkpoint holds.
    if (absl::IsCancelled(last) && ending_.stop_requested())
      return isCancelling_ ? last : absl::OkStatus();
  }
  return last;
}

// Before the next attempt is made, so that the job's state is in memory once; outside the lock, for
// that may take a while.
void JobSupervisor::dropAttempt() {
  std::shared_ptr<JobAttempt> dropped;
  std::lock_guard lock(mutex_);
  if (attempt_ == nullptr) return;
  lastCounts_ = attempt_->engine().counts();
  earlierCheckpoints_ += lastCounts_.checkpoints;
  earlierFailedCheckpoints_ += lastCounts_.failedCheckpoints;
  lastCounts_.checkpoints = lastCounts_.failedCheckpoints = 0;
  dropped = std::exchange(attempt_, nullptr);
}

bool JobSupervisor::mayTryAgain(const Status& failure) {
  if (options_.checkpoints.directory.empty() || isForGood(failure)) return false;
  std::lock_guard lock(mutex_);
  return ++failuresInARow_ <= options_.restarts.attempts && !ending_.stop_requested();
}

bool JobSupervisor::pauseUnlessStopped(Duration pause) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, pause, [this] { return ending_.stop_requested(); });
}

std::shared_ptr<JobAttempt> JobSupervisor::attempt() const {
  std::lock_guard lock(mutex_);
  return attempt_;
}

void JobSupervisor::stop() {
  std::lock_guard lock(mutex_);
  ending_.request_stop();
  if (attempt_ != nullptr) attempt_->engine().stop();
  changed_.notify_all();
}

void JobSupervisor::cancel() {
  std::lock_guard lock(mutex_);
  isCancelling_ = true;
  ending_.request_stop();
  if (attempt_ != nullptr) attempt_->cancel();
  changed_.notify_all();
}

void JobSupervisor::checkpoint() {
  const std::shared_ptr<JobAttempt> current = attempt();
  if (current != nullptr && current->engine().isCheckpointed())
    current->engine().coordinator()->request();
}

Status JobSupervisor::savepoint(const std::string& directory) {
  const std::shared_ptr<JobAttempt> current = attempt();
  if (current == nullptr)
    return absl::UnavailableError("the job is between two attempts (try again)");
  return current->savepoint(directory);
}

StatusOr<std::optional<std::string>> JobSupervisor::readState(const StateQuery& query) {
  const std::shared_ptr<JobAttempt> current = attempt();
  if (current == nullptr)
    return absl::UnavailableError("the job is between two attempts (try again)");
  return current->readState(query);
}

Status JobSupervisor::wait() {
  {
    std::lock_guard lock(joinMutex_);
    if (thread_.joinable()) thread_.join();
  }
  std::lock_guard lock(mutex_);
  return *result_;
}

bool JobSupervisor::isOver() const {
  std::lock_guard lock(mutex_);
  return result_.has_value();
}

JobCounts JobSupervisor::counts() const {
  const std::shared_ptr<JobAttempt> current = attempt();
  JobCounts counts;
  if (current != nullptr) counts = current->engine().counts();
  std::lock_guard lock(mutex_);
  if (current == nullptr) counts = lastCounts_;
  counts.restarts = restarts_;
  counts.checkpoints += earlierCheckpoints_;
  counts.failedCheckpoints += earlierFailedCheckpoints_;
  return counts;
}

std::vector<TaskStatus> JobSupervisor::status() const {
  const std::shared_ptr<JobAttempt> current = attempt();
  return current == nullptr ? std::vector<TaskStatus>() : current->engine().status();
}

std::vector<SplitStatus> JobSupervisor::splits() const {
  const std::shared_ptr<JobAttempt> current = attempt();
  return current == nullptr ? std::vector<SplitStatus>() : current->engine().splits();
}

}  // namespace millrace
