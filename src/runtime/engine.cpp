// SPDX-License-Identifier: MIT
#include "runtime/engine.hpp"

#include <millrace/base/file_system.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace millrace {
namespace {

/// Items between two tasks of one worker: a batch and its marks; more would only cool the cache.
constexpr std::size_t kLocalCapacity = 4;
constexpr std::size_t kMaxWorkers = 256;
/// Bytes on their way into RocksDB from which on records wait for it: what a job that goes on has
/// to take in first.
constexpr std::size_t kLeastLog = 256 << 10;
constexpr std::size_t kMostLog = 256 << 20;
constexpr std::size_t kMaxExchangeCapacity = 65'536;

// Runs `work`, which calls user code; what it answers or throws becomes a status that says during
// what.
template <typename Work>
Status guarded(const std::string& doing, Work work) {
  try {
    return annotate(work(), doing);
  } catch (...) {
    return annotate(statusOfException(), doing);
  }
}

Status checkOptions(const JobOptions& options) {
  if (options.workers > kMaxWorkers) {
    return absl::InvalidArgumentError(
        fmt::format("workers: {} (at most {})", options.workers, kMaxWorkers));
  }
  if (options.batchSize == 0 || options.batchSize > 65'536) {
    return absl::InvalidArgumentError(
        fmt::format("batchSize: {} (between 1 and 65536)", options.batchSize));
  }
  if (options.exchangeCapacity < 2 || options.exchangeCapacity > kMaxExchangeCapacity) {
    return absl::InvalidArgumentError(fmt::format("exchangeCapacity: {} (between 2 and {})",
                                                  options.exchangeCapacity, kMaxExchangeCapacity));
  }
  if (options.keyGroups == 0 || options.keyGroups > 32'768) {
    return absl::InvalidArgumentError(
        fmt::format("keyGroups: {} (between 1 and 32768)", options.keyGroups));
  }
  if (options.workers > options.keyGroups) {
    return absl::InvalidArgumentError(
        fmt::format("workers: {} (at most one a key group, of which there are {})", options.workers,
                    options.keyGroups));
  }
  return absl::OkStatus();
}

}  // namespace

const Clock& clockOf(const JobOptions& options) {
  return options.clock != nullptr ? *options.clock : systemClock();
}

FileSystem& filesOf(const JobOptions& options) {
  return options.fileSystem != nullptr ? *options.fileSystem : posixFileSystem();
}

StatusOr<std::unique_ptr<Engine>> Engine::create(const Graph& graph, const JobOptions& options,
                                                 CheckpointStore* store, const RunAll& runAll,
                                                 const std::stop_token& cancellation) {
  MILLRACE_RETURN_IF_ERROR(graph.validate());
  MILLRACE_RETURN_IF_ERROR(checkOptions(options));
  std::unique_ptr<Engine> engine(new Engine(graph, options, store, runAll));
  engine->job_.cancellation = cancellation;
  MILLRACE_RETURN_IF_ERROR(engine->build());
  return engine;
}

Engine::Engine(const Graph& graph, const JobOptions& options, CheckpointStore* store, RunAll runAll)
    : graph_(graph),
      options_(options),
      store_(store),
      runAll_(std::move(runAll)),
      catalog_(store == nullptr ? StateCatalog() : StateCatalog(store->found().states)) {
  job_.name = graph.name();
  job_.workers =
      options.workers != 0 ? options.workers : std::max(1U, std::thread::hardware_concurrency());
  job_.workers = std::min(job_.workers, std::min(kMaxWorkers, options.keyGroups));
  job_.batchSize = options.batchSize;
  job_.keyGroups = options.keyGroups;
  job_.seed = options.seed;
  job_.clock = &clockOf(options);
  job_.fileSystem = &filesOf(options);
  job_.commitPoint = store == nullptr ? nullptr : store->commitPoint();
}

Status Engine::build() {
  for (std::size_t i = 0; i < job_.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(job_, i));
  }
  isWorkerFinished_.assign(job_.workers, 0);
  tasks_.resize(graph_.nodes().size());
  for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
    const NodeId id{i};
    MILLRACE_RETURN_IF_ERROR(
        guarded(fmt::format("making operator '{}'", graph_.node(id).name), [&] {
          placeNode(id);
          return absl::OkStatus();
        }));
  }
  job_.states = &catalog_;
  if (store_ != nullptr) {
    coordinator_ = std::make_unique<CheckpointCoordinator>(
        CheckpointCoordinator::Surroundings{
            store_, job_.fileSystem, job_.clock, committers(), placed_.size(),
            [this](std::uint64_t barrier) {
              job_.wantedBarrier.store(barrier);
              wakeAll();
            },
            [this](std::uint64_t barrier) {
              job_.committedBarrier.store(barrier, std::memory_order_release);
              wakeAll();
            },
            [this](std::uint64_t barrier) {
              job_.tables.attended(barrier);
              wakeAll();
            }},
        options_.checkpoints);
    job_.snapshots = coordinator_.get();
    if (store_->isReadable()) {
      job_.tables.store = store_;
      job_.tables.limit = options_.checkpoints.memoryBytes / 2;
      job_.tables.mostLog = std::clamp(options_.checkpoints.memoryBytes / 4, kLeastLog, kMostLog);
      job_.tables.hurry = [this] { store_->hurry(); };
      job_.tables.askForCheckpoint = [this] { coordinator_->request(); };
    }
  }
  const Status opened = guarded("making the job ready", [this] { return openTasks(); });
  if (opened.ok()) return opened;
  fail(opened);
  return close();
}

Status Engine::openTasks() {
  if (store_ != nullptr) MILLRACE_RETURN_IF_ERROR(recoverSinks());
  for (const auto& worker : workers_) MILLRACE_RETURN_IF_ERROR(worker->open());
  return store_ == nullptr ? absl::OkStatus() : restore();
}

void Engine::placeNode(NodeId id) {
  const Node& node = graph_.node(id);
  // A worker runs its tasks in the order they were added: partitioners come before the node
  // they feed, so a batch passes through a worker in one pass.
  std::vector<std::unique_ptr<Task>> tasks;
  std::shared_ptr<void> shared;
  for (std::size_t worker = 0; worker < job_.workers; ++worker) {
    tasks.push_back(std::make_unique<Task>(
        job_, workers_[worker]->context(), node.name, static_cast<std::size_t>(id), taskCount_++,
        node.makeOperator({worker, job_.workers, &shared}),
        node.kind == NodeKind::kSource ? Task::Role::kSource : Task::Role::kOperator));
    for (const OutputInfo& output : node.outputs) {
      tasks.back()->addOutput(poolOf(worker, output.type));
    }
    tasks_[static_cast<std::size_t>(id)].push_back(tasks.back().get());
  }
  for (std::size_t input = 0; input < node.inputs.size(); ++input) connect(id, input);
  for (std::size_t worker = 0; worker < job_.workers; ++worker) {
    placed_.push_back({&workers_[worker]->addTask(std::move(tasks[worker])), id, false});
  }
}

void Engine::connect(NodeId id, std::size_t input) {
  const InputEdge& edge = graph_.node(id).inputs[input];
  if (edge.exchange && job_.workers > 1) return connectByKey(id, input, *edge.exchange);
  for (std::size_t worker = 0; worker < job_.workers; ++worker) {
    Channel* channel = makeChannel(worker, worker);
    taskOf(edge.from, worker).output(edge.port).connect(channel);
    taskOf(id, worker).addInput(channel, input, graph_.node(edge.from).name);
  }
}

void Engine::connectByKey(NodeId id, std::size_t input, const Exchange& exchange) {
  const InputEdge& edge = graph_.node(id).inputs[input];
  for (std::size_t from = 0; from < job_.workers; ++from) {
    Task& partitioner =
        makeTask(from, id, exchange.makePartitioner({from, job_.workers, nullptr}), true);
    Channel* channel = makeChannel(from, from);
    taskOf(edge.from, from).output(edge.port).connect(channel);
    partitioner.addInput(channel, 0, graph_.node(edge.from).name);
    for (std::size_t to = 0; to < job_.workers; ++to) {
      Channel* ring = makeChannel(from, to);
      partitioner.addOutput(poolOf(from, exchange.type)).connect(ring);
      taskOf(id, to).addInput(ring, input,
                              fmt::format("{} on worker {}", graph_.node(edge.from).name, from));
    }
  }
}

Task& Engine::makeTask(std::size_t worker, NodeId node, std::unique_ptr<Operator> op,
                       bool isPartitioner) {
  Task& task = workers_[worker]->addTask(std::make_unique<Task>(
      job_, workers_[worker]->context(), graph_.node(node).name, static_cast<std::size_t>(node),
      taskCount_++, std::move(op), isPartitioner ? Task::Role::kShuffle : Task::Role::kOperator));
  placed_.push_back({&task, node, isPartitioner});
  return task;
}

Channel* Engine::makeChannel(std::size_t from, std::size_t to) {
  const bool isLocal = from == to;
  channels_.push_back(
      std::make_unique<Channel>(isLocal ? kLocalCapacity : options_.exchangeCapacity,
                                isLocal ? nullptr : &workers_[from]->context().waker,
                                isLocal ? nullptr : &workers_[to]->context().waker));
  return channels_.back().get();
}

BatchPool* Engine::poolOf(std::size_t worker, const RecordTypeInfo& type) {
  auto& pool = pools_[{worker, type.id}];
  if (pool == nullptr) pool = std::make_unique<BatchPool>(type.makeBatch);
  return pool.get();
}

bool Engine::stepWorker(std::size_t index) {
  if (isWorkerFinished_[index] != 0 || job_.isCancelled.load()) return false;
  StatusOr<bool> progressed = workers_[index]->pass();
  if (!progressed.ok()) {
    fail(progressed.status());
    return false;
  }
  if (workers_[index]->isFinished()) {
    isWorkerFinished_[index] = 1;
    finishedWorkers_.fetch_add(1);
  }
  return *progressed;
}

bool Engine::quietWorker(std::size_t index) {
  if (isWorkerFinished_[index] != 0 || job_.isCancelled.load()) return false;
  StatusOr<bool> progressed = workers_[index]->becomeQuiet();
  if (!progressed.ok()) fail(progressed.status());
  return progressed.ok() && *progressed;
}

void Engine::runWorker(std::size_t index) {
  Worker& worker = *workers_[index];
  while (!job_.isCancelled.load(std::memory_order_relaxed) && !worker.isFinished()) {
    StatusOr<bool> progressed = worker.pass();
    if (progressed.ok() && !*progressed) progressed = worker.passOrSleep();
    if (!progressed.ok()) {
      fail(progressed.status());
      break;
    }
  }
  worker.context().requests.close();
  finishedWorkers_.fetch_add(1);
}

void Engine::runCoordinator() {
  while (!job_.isCancelled.load() && !coordinator_->isDone()) {
    const Status stepped = guarded("taking a checkpoint", [this] { return coordinator_->step(); });
    if (!stepped.ok()) return fail(stepped);
    coordinator_->wait();
  }
}

void Engine::runBase() {
  std::uint64_t seen = 0;
  while (!job_.isCancelled.load() && !coordinator_->isDone()) {
    seen = coordinator_->waitForCommit(seen);
    job_.tables.isSettling.store(true);
    const Status done = guarded("bringing the base forward",
                                [this] { return store_->bringForward([this] { settle(); }); });
    job_.tables.isSettling.store(false);
    job_.tables.attended(seen);
    settle();
    // No room now: the log goes on, and the next commit is another occasion.
    if (!done.ok() && !mayPass(done)) return fail(done);
  }
}

// Tables may let go now of what has come into the base.
void Engine::settle() {
  job_.tables.settledBarrier.store(coordinator_->barrierOf(store_->baseEpoch()));
  if (job_.tables.store != nullptr) wakeAll();
}

void Engine::stop() {
  if (coordinator_ != nullptr) coordinator_->noteStoppedInput();
  job_.stopRequested.store(true);
  wakeAll();
}

void Engine::cancel() { fail(absl::CancelledError("the job was cancelled")); }

void Engine::fail(Status status) {
  {
    std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = std::move(status);
  }
  job_.isCancelled.store(true);
  if (coordinator_ != nullptr) coordinator_->stop();
  wakeAll();
}

void Engine::wakeAll() {
  for (const auto& worker : workers_) worker->wake();
}

bool Engine::isOver() const {
  if (job_.isCancelled.load()) return true;
  return finishedWorkers_.load() == workers_.size() &&
         (coordinator_ == nullptr || coordinator_->isDone());
}

Status Engine::close() {
  for (const PlacedTask& placed : placed_) {
    if (!workers_[placed.task->worker()]->hasOpened(*placed.task)) continue;
    // Asked anew each time: once one task could not be closed, those after it close as failed.
    const bool succeeded = result().ok();
    const Status closed = guarded(fmt::format("closing operator '{}'", placed.task->operatorName()),
                                  [&] { return placed.task->close(succeeded); });
    if (!closed.ok()) fail(closed);
  }
  return result();
}

Status Engine::result() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

JobCounts Engine::counts() const {
  JobCounts counts;
  for (const Node& node : graph_.nodes()) {
    OperatorCounts& added = counts.operators.emplace_back();
    added.name = node.name;
    added.verb = node.verb;
    added.kind = node.kind;
  }
  for (const PlacedTask& placed : placed_) {
    OperatorCounts& sum = counts.operators[static_cast<std::size_t>(placed.node)];
    const TaskCounters& task = static_cast<const Task*>(placed.task)->counters();
    const std::uint64_t dropped = task.filtered.value() + task.late.value() + task.invalid.value();
    sum.filtered += task.filtered.value();
    sum.late += task.late.value();
    sum.latePartial += task.latePartial.value();
    sum.invalid += task.invalid.value();
    // What a partitioner drops, its consumer never sees: it counts as received there all the same.
    sum.in += placed.isPartitioner ? dropped : task.in.value();
    if (placed.isPartitioner) continue;
    sum.out += task.out.value();
    sum.absorbed += task.absorbed.value();
    sum.held += task.held.value();
    sum.bytesIn += task.bytesIn.value();
    sum.futureDated += task.futureDated.value();
  }
  if (coordinator_ == nullptr) return counts;
  const CheckpointCounts checkpoints = coordinator_->counts();
  counts.checkpoints = checkpoints.completed;
  counts.failedCheckpoints = checkpoints.failed;
  counts.lastEpoch = checkpoints.lastEpoch;
  counts.lastCheckpointBytes = checkpoints.lastBytes;
  counts.lastCheckpointMillis = checkpoints.lastDurationMillis;
  return counts;
}

std::vector<TaskStatus> Engine::status() const {
  std::vector<TaskStatus> all;
  for (const PlacedTask& placed : placed_) {
    const Task& task = *placed.task;
    all.push_back({task.operatorName(), task.worker(), task.stateName(), task.queued(),
                   task.queueLimit(), task.watermark(), task.heldBackBy()});
  }
  return all;
}

std::vector<SplitStatus> Engine::splits() const {
  std::vector<SplitStatus> all;
  for (const PlacedTask& placed : placed_) {
    std::vector<SplitProgress> ofTask;
    placed.task->appendSplits(ofTask);
    for (SplitProgress& split : ofTask) {
      all.push_back({placed.task->operatorName(), placed.task->worker(), std::move(split)});
    }
  }
  return all;
}

}  // namespace millrace
