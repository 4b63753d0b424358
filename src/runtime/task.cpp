// SPDX-License-Identifier: MIT
#include "runtime/task.hpp"

#include <millrace/base/hash.hpp>
#include <millrace/time/rfc3339.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace {

namespace {

/// Bytes of a snapshot that are written between two pieces of other work: some 100 microseconds. Of
/// a large one more and more: it has to end sometime, however much changes meanwhile, for that is
/// the next one.
constexpr std::size_t kSnapshotPiece = 64 << 10;
constexpr std::size_t kPieceShare = 64;

}  // namespace

Task::Task(JobContext& job, WorkerContext& worker, std::string name, std::size_t ordinal,
           std::size_t number, std::unique_ptr<Operator> op, Role role)
    : job_(job),
      worker_(worker),
      name_(std::move(name)),
      number_(number),
      seed_(combineHashes(job.seed, combineHashes(ordinal, worker.index))),
      role_(role),
      operator_(std::move(op)),
      source_(role == Role::kSource ? static_cast<SourceOperator*>(operator_.get()) : nullptr) {}

void Task::addInput(Channel* channel, std::size_t logicalInput, std::string from) {
  inputs_.push_back({channel, logicalInput, std::move(from), false, false});
}

OutputPort& Task::addOutput(BatchPool* pool) {
  outputs_.push_back(std::make_unique<OutputPort>());
  outputs_.back()->configure(pool, job_.batchSize, &counters_);
  return *outputs_.back();
}

Status Task::open() {
  valve_ = std::make_unique<WatermarkValve>(source_ != nullptr ? 1 : inputs_.size());
  return operator_->open(*this);
}

void Task::enter(Phase phase) {
  phase_ = phase;
  shownPhase_.store(phase, std::memory_order_relaxed);
}

StatusOr<StateId> Task::declareState(const StateDeclaration& declaration) {
  if (job_.states == nullptr) return StateId{};
  return job_.states->declare(name_, worker_.index, declaration);
}

const StateDeclaration* Task::savedState(StateId state) const {
  const CataloguedState* saved = job_.states == nullptr ? nullptr : job_.states->saved(state);
  return saved == nullptr ? nullptr : &saved->declaration;
}

const StateDeclaration* Task::savedStateNamed(std::string_view name) const {
  const CataloguedState* saved = job_.states == nullptr ? nullptr : job_.states->saved(name_, name);
  return saved == nullptr ? nullptr : &saved->declaration;
}

bool Task::step() {
  // Also while an output is full: a snapshot needs no room there.
  const bool wrote = owesSnapshot_ && writeSnapshot();
  return stepPhase() || wrote;
}

bool Task::stepPhase() {
  switch (phase_) {
    case Phase::kReady:
      return stepReady();
    case Phase::kConsuming:
      return consume();
    case Phase::kAdvancing:
      return advance();
    case Phase::kAligned:
      return align();
    case Phase::kTiming:
      return runDeadline();
    case Phase::kQuieting:
      return quieten();
    case Phase::kFinished:
      break;
  }
  return false;
}

bool Task::stepReady() {
  if (arrivingBarrier_ > lastBarrier_ && barrierIsDue()) {
    enter(Phase::kAligned);
    return align();
  }
  if (source_ == nullptr && operator_->nextDeadline() <= worker_.now) {
    enter(Phase::kTiming);
    return runDeadline();
  }
  return source_ != nullptr ? pollSource() : takeItem();
}

bool Task::pollSource() {
  if (job_.stopRequested.load(std::memory_order_relaxed)) {
    valve_->stop(0);
    enter(Phase::kAdvancing);
    return advance();
  }
  if (barrierIsDue()) {
    arrivingBarrier_ = job_.wantedBarrier.load(std::memory_order_relaxed);
    enter(Phase::kAligned);
    return align();
  }
  if (!outputsReady()) return false;
  const SourcePoll poll = source_->poll();
  // An idle input's watermark is ignored: it has to come before, and after waking.
  if (!poll.isIdle && !valve_->isActive(0)) valve_->active(0);
  valve_->watermark(0, poll.watermark);
  if (poll.isIdle) valve_->idle(0);
  if (poll.state == SourcePoll::State::kEnd) valve_->end(0, true);
  enter(Phase::kAdvancing);
  advance();
  if (poll.state != SourcePoll::State::kQuiet) return true;
  flushOutputs();
  return false;
}

bool Task::takeItem() {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const std::size_t index = (nextInput_ + i) % inputs_.size();
    if (inputs_[index].hasBarrier) continue;
    Item* front = inputs_[index].channel->front();
    if (front == nullptr) continue;
    if (front->batch != nullptr && !outputsReady()) return false;
    Item item = inputs_[index].channel->pop();
    isQuiet_ = false;
    nextInput_ = index + 1;
    if (item.batch == nullptr) {
      takeMark(index, item.mark);
      enter(barrierIsDue() ? Phase::kAligned : Phase::kAdvancing);
      stepPhase();
      return true;
    }
    batch_ = std::move(item.batch);
    batchInput_ = inputs_[index].logicalInput;
    recordsBeforeBatch_ = counters_.in.value();
    counters_.in.add(batch_->size());
    enter(Phase::kConsuming);
    consume();
    return true;
  }
  flushOutputs();
  return false;
}

void Task::takeMark(std::size_t input, Mark mark) {
  switch (mark.kind) {
    case Mark::Kind::kWatermark:
      return valve_->watermark(input, mark.time);
    case Mark::Kind::kIdle:
      return valve_->idle(input);
    case Mark::Kind::kActive:
      return valve_->active(input);
    case Mark::Kind::kBarrier:
      inputs_[input].hasBarrier = true;
      arrivingBarrier_ = mark.barrier;
      return;
    case Mark::Kind::kEnd:
      inputs_[input].isEnded = true;
      return mark.isDrained ? valve_->end(input, true) : valve_->stop(input);
  }
}

// A source is asked for its barrier; other tasks have it once every input that goes on has brought
// it. When the last of the others ends, its end and the barrier are due together: the barrier
// first.
bool Task::barrierIsDue() const {
  if (owesSnapshot_) return false;
  if (source_ != nullptr) return job_.wantedBarrier.load(std::memory_order_relaxed) > lastBarrier_;
  bool isThere = false;
  for (const Input& input : inputs_) {
    if (!input.hasBarrier && !input.isEnded) return false;
    isThere = isThere || input.hasBarrier;
  }
  return isThere;
}

bool Task::align() {
  if (!isBarrierFlushed_) {
    if (!outputsReady()) return false;
    if (operator_->onBarrier() == Step::kAgain) return hasOutputs();
    isBarrierFlushed_ = true;
  }
  if (!sendMark(Mark::barrierNumber(arrivingBarrier_))) return false;
  isBarrierFlushed_ = false;
  lastBarrier_ = arrivingBarrier_;
  noteSnapshot(false);
  for (Input& input : inputs_) input.hasBarrier = false;
  // What has become due meanwhile: an end that came while other inputs still brought the barrier.
  enter(Phase::kAdvancing);
  return true;
}

void Task::noteSnapshot(bool isLast) {
  if (job_.snapshots == nullptr) return;
  snapshot_ = {snapshotName(), static_cast<std::uint32_t>(worker_.index), {}, {}};
  counters_.write(snapshot_.state.position);
  operator_->beginSnapshot(snapshot_.state);
  owesSnapshot_ = true;
  isLastSnapshot_ = isLast;
}

bool Task::writeSnapshot() {
  const std::size_t piece = std::max(kSnapshotPiece, snapshot_.changes.size() / kPieceShare);
  if (operator_->writeSnapshot(snapshot_.changes, piece)) return true;
  owesSnapshot_ = false;
  // What is left of a task that has ended changes no more and is never looked after again: it must
  // not be held against the others.
  if (isLastSnapshot_) stateBelow_.use(0, 0);
  // What happened after the last barrier lies before the one that would have come.
  const std::uint64_t barrier = isLastSnapshot_ ? lastBarrier_ + 1 : lastBarrier_;
  job_.snapshots->onSnapshot(number_, barrier, std::move(snapshot_), isLastSnapshot_);
  return true;
}

Status Task::restore(std::span<const std::string> positions, bool countsOn) {
  std::vector<std::string> ofOperators;
  for (const std::string& position : positions) {
    std::string_view rest = position;
    if (!counters_.read(rest, countsOn)) {
      return absl::DataLossError("the counters of a task are damaged");
    }
    ofOperators.emplace_back(rest);
  }
  return operator_->restoreTask(ofOperators);
}

StatusOr<std::optional<TaskSnapshot>> Task::passingStart() {
  if (source_ == nullptr) return std::nullopt;
  MILLRACE_ASSIGN_OR_RETURN(const bool isPassing, source_->hasPassingStart());
  if (!isPassing) return std::nullopt;
  TaskSnapshot start{snapshotName(), static_cast<std::uint32_t>(worker_.index), {}, {}};
  counters_.write(start.state.position);
  operator_->beginSnapshot(start.state);
  return start;
}

bool Task::consume() {
  if (!outputsReady()) return false;
  const std::size_t before = batch_->cursor();
  operator_->onBatch(batchInput_, batch_);
  if (batch_ == nullptr || batch_->isConsumed()) {
    batch_ = nullptr;
    enter(Phase::kReady);
    return true;
  }
  // An operator that passes whole batches on wants more room than outputsReady() has seen.
  return batch_->cursor() != before;
}

bool Task::advance() {
  if (!outputsReady()) return false;
  if (valve_->merged() > watermark_) {
    if (operator_->onWatermark(valve_->merged()) == Step::kAgain) return true;
    watermark_ = valve_->merged();
    shownWatermark_.store(watermark_, std::memory_order_relaxed);
    // The end mark says the highest watermark; a mark of its own could pass idle inputs by.
    if (operator_->forwardsWatermark(watermark_) && watermark_ != kMaxTimestamp) {
      owesWatermark_ = true;
    }
  }
  if (const auto slowest = valve_->slowest()) {
    shownSlowest_.store(*slowest, std::memory_order_relaxed);
  }
  return passMarksOn();
}

// Readers ignore the watermark of an idle input: it goes after active and before idle.
bool Task::passMarksOn() {
  if (!valve_->isIdle() && !announceIdleness()) return false;
  if (owesWatermark_) {
    if (!sendMark(Mark::watermark(watermark_))) return false;
    owesWatermark_ = false;
  }
  if (valve_->isEnded()) return finish();
  if (!announceIdleness()) return false;
  enter(Phase::kReady);
  return true;
}

bool Task::announceIdleness() {
  if (valve_->isIdle() == isIdleAnnounced_) return true;
  if (!sendMark(valve_->isIdle() ? Mark::idle() : Mark::active())) return false;
  isIdleAnnounced_ = valve_->isIdle();
  return true;
}

bool Task::finish() {
  if (!isEndDone_) {
    if (operator_->onEnd(valve_->isDrained()) == Step::kAgain) return hasOutputs();
    isEndDone_ = true;
  }
  if (owesSnapshot_) return true;  // the last one has to wait for the one before
  if (!sendMark(Mark::end(valve_->isDrained()))) return false;
  enter(Phase::kFinished);
  noteSnapshot(true);
  return true;
}

bool Task::runDeadline() {
  if (!outputsReady()) return false;
  if (operator_->onProcessingTime(worker_.now) == Step::kDone) enter(Phase::kReady);
  isQuiet_ = false;
  return true;
}

bool Task::becomeQuiet() {
  if (isQuiet_ || phase_ != Phase::kReady || !outputsReady()) return false;
  isQuiet_ = true;
  enter(Phase::kQuieting);
  quieten();
  return true;
}

bool Task::quieten() {
  if (!outputsReady()) return false;
  if (operator_->onQuiet() == Step::kAgain) return true;
  if (!flushOutputs()) return false;
  enter(Phase::kReady);
  return true;
}

bool Task::outputsReady() {
  return std::all_of(outputs_.begin(), outputs_.end(),
                     [](const auto& output) { return output->ready(); });
}

bool Task::flushOutputs() {
  bool isFlushed = true;
  for (const auto& output : outputs_) isFlushed = output->flush() && isFlushed;
  return isFlushed;
}

bool Task::sendMark(Mark mark) {
  if (!flushOutputs()) return false;
  for (const auto& output : outputs_) {
    if (!output->hasRoom()) return false;
  }
  for (const auto& output : outputs_) output->send(mark);
  return true;
}

Timestamp Task::nextDeadline() const {
  // A source that has no room is woken when it gets some; its deadlines would only keep it awake.
  const bool isStuck =
      source_ != nullptr && std::any_of(outputs_.begin(), outputs_.end(),
                                        [](const auto& output) { return output->isFull(); });
  if (isStuck) return kMaxTimestamp;
  return phase_ == Phase::kReady ? operator_->nextDeadline() : kMaxTimestamp;
}

std::string Task::position() const {
  if (phase_ == Phase::kConsuming && batch_ != nullptr && !batch_->isConsumed()) {
    return fmt::format("operator '{}' (worker {}), record {} of this task with event time {}",
                       name_, worker_.index, recordsBeforeBatch_ + batch_->cursor() + 1,
                       formatUtc(batch_->time(batch_->cursor())));
  }
  return fmt::format("operator '{}' (worker {}), after {} records", name_, worker_.index,
                     counters_.in.value());
}

std::string Task::stateName() const {
  const Phase phase = shownPhase_.load(std::memory_order_relaxed);
  if (phase == Phase::kFinished) return "finished";
  for (const auto& output : outputs_) {
    if (output->isFull()) return "waiting for room in its output";
  }
  if (phase == Phase::kAdvancing) return "firing";
  if (phase == Phase::kAligned) return "at a barrier";
  if (phase != Phase::kReady) return "running";
  return source_ == nullptr && queued() == 0 ? "waiting for input" : "running";
}

std::size_t Task::queued() const {
  std::size_t items = 0;
  for (const Input& input : inputs_) items += input.channel->size();
  return items;
}

std::size_t Task::queueLimit() const {
  std::size_t items = 0;
  for (const Input& input : inputs_) items += input.channel->capacity();
  return items;
}

std::string Task::heldBackBy() const {
  const std::size_t slowest = shownSlowest_.load(std::memory_order_relaxed);
  return slowest < inputs_.size() ? inputs_[slowest].from : std::string();
}

}  // namespace millrace
