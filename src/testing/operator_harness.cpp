// SPDX-License-Identifier: MIT
#include <millrace/testing/operator_harness.hpp>

#include "runtime/task.hpp"

#include <millrace/base/file_system.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

namespace millrace::testing {
namespace {

/// Steps without anything coming out or going in, and steps between two lines of the script, after
/// which an operator counts as spinning.
constexpr int kFruitlessSteps = 10'000;
constexpr int kStepsAtOnce = 100'000;
constexpr std::size_t kInputCapacity = 4;

}  // namespace

std::string HarnessMode::describe() const {
  return fmt::format(
      "input in batches of {}, output in batches of {}, room for {} of them, read {}{}", inputBatch,
      outputBatch, outputCapacity, readsEagerly ? "after every step" : "only when stuck",
      quietens ? ", quiet after every item" : "");
}

/// One run of the script in one mode: a task of the engine, with both ends of its channels in hand.
class OperatorHarness::Play {
 public:
  Play(const OperatorHarness& harness, const HarnessMode& mode) : harness_(harness), mode_(mode) {
    job_.name = "harness";
    job_.workers = harness.workers_;
    job_.batchSize = mode.outputBatch;
    job_.clock = &clock_;
    job_.fileSystem = &posixFileSystem();
    worker_.now = clock_.now();
    task_ = std::make_unique<Task>(
        job_, worker_, "operator", 0, 0, harness.make_(),
        harness.inputs_.empty() ? Task::Role::kSource : Task::Role::kOperator);
    for (const Input& input : harness.inputs_) {
      inputs_.push_back(std::make_unique<Channel>(kInputCapacity, nullptr, nullptr));
      task_->addInput(inputs_.back().get(), input.logicalInput, "input");
    }
    for (const Output& output : harness.outputs_) {
      pools_.push_back(std::make_unique<BatchPool>(output.type.makeBatch));
      OutputPort& port = task_->addOutput(pools_.back().get());
      outputs_.push_back(std::make_unique<Channel>(mode.outputCapacity, nullptr, nullptr));
      if (!output.isUnread) port.connect(outputs_.back().get());
    }
    tokens_.resize(outputs_.size());
    sectionStarts_.resize(outputs_.size());
  }

  std::vector<std::string> run() {
    const Status opened = task_->open();
    if (!opened.ok()) throw std::logic_error(fmt::format("open(): {}", opened.ToString()));
    try {
      pump();
      for (const Step& step : harness_.script_) play(step);
      sendPending();
      rest();
    } catch (const JobError& error) {
      return {fmt::format("failed: {}", error.what())};
    }
    const Status closed = task_->close(task_->isFinished());
    if (!closed.ok()) return {fmt::format("failed: close(): {}", closed.ToString())};
    return lines();
  }

 private:
  void play(const Step& step) {
    const bool joins = step.kind == Step::Kind::kRecord && pending_ != nullptr &&
                       step.channel == pendingChannel_ && pending_->size() < mode_.inputBatch;
    if (!joins) sendPending();
    switch (step.kind) {
      case Step::Kind::kRecord:
        if (pending_ == nullptr) pending_.reset(harness_.inputs_.at(step.channel).type.makeBatch());
        pendingChannel_ = step.channel;
        return step.act(*pending_);
      case Step::Kind::kMark:
        return send(step.channel, {nullptr, step.mark});
      case Step::Kind::kEnd:
        return playEnd(step.mark);
      case Step::Kind::kClock:
        clock_.set(step.now);
        worker_.now = step.now;
        return rest();
      case Step::Kind::kCall: {
        TypedBatch<char> none;
        step.act(none);
        return rest();
      }
    }
  }

  void playEnd(Mark mark) {
    if (inputs_.empty()) job_.stopRequested = !mark.isDrained;
    for (std::size_t i = 0; i < inputs_.size(); ++i) send(i, {nullptr, mark});
    rest();
  }

  void sendPending() {
    if (pending_ != nullptr) send(pendingChannel_, {std::move(pending_), {}});
  }

  void send(std::size_t channel, Item item) {
    inputs_.at(channel)->push(std::move(item));
    rest();
  }

  // As a worker: steps until there is nothing to do, and if it is told to, says so.
  void rest() {
    pump();
    if (!mode_.quietens) return;
    while (task_->becomeQuiet()) pump();
  }

  void pump() {
    int fruitless = 0;
    for (int steps = 0;; ++steps) {
      if (fruitless > kFruitlessSteps || steps > kStepsAtOnce) {
        throw std::logic_error(
            fmt::format("the operator is busy without end ({})", mode_.describe()));
      }
      const bool progressed = task_->step();
      if (!progressed && readOne()) continue;
      if (!progressed) return;
      const bool moved = (mode_.readsEagerly && readOne()) || task_->queued() != lastQueued_ ||
                         task_->counters().in.value() != lastIn_;
      lastQueued_ = task_->queued();
      lastIn_ = task_->counters().in.value();
      fruitless = moved ? 0 : fruitless + 1;
    }
  }

  // Takes one item of each output (all of them, when reading eagerly). False: there was none.
  bool readOne() {
    bool any = false;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      while (outputs_[i]->front() != nullptr) {
        show(i, outputs_[i]->pop());
        any = true;
        if (!mode_.readsEagerly) break;
      }
    }
    return any;
  }

  void show(std::size_t output, Item item) {
    std::vector<std::string>& tokens = tokens_[output];
    if (item.batch == nullptr) {
      endSection(output);
      tokens.push_back(textOf(item.mark));
      sectionStarts_[output] = tokens.size();
      return;
    }
    const Batch& batch = *item.batch;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      tokens.push_back(
          fmt::format("{}@{}", harness_.outputs_[output].render(batch, i), batch.time(i)));
    }
  }

  void endSection(std::size_t output) {
    std::vector<std::string>& tokens = tokens_[output];
    const auto from = tokens.begin() + static_cast<std::ptrdiff_t>(sectionStarts_[output]);
    std::vector<std::string> section(from, tokens.end());
    if (harness_.normalise_) harness_.normalise_(section);
    if (harness_.isUnordered_) std::sort(section.begin(), section.end());
    tokens.erase(from, tokens.end());
    tokens.insert(tokens.end(), section.begin(), section.end());
  }

  static std::string textOf(const Mark& mark) {
    switch (mark.kind) {
      case Mark::Kind::kWatermark:
        return fmt::format("wm:{}", mark.time);
      case Mark::Kind::kIdle:
        return "idle";
      case Mark::Kind::kActive:
        return "active";
      case Mark::Kind::kBarrier:
        return fmt::format("barrier:{}", mark.barrier);
      case Mark::Kind::kEnd:
        break;
    }
    return mark.isDrained ? "end" : "stopped";
  }

  std::vector<std::string> lines() {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (harness_.outputs_[i].isUnread) continue;
      endSection(i);
      const std::string text = fmt::format("{}", fmt::join(tokens_[i], " "));
      lines.push_back(harness_.outputs_[i].name + ":" + (text.empty() ? "" : " ") + text);
    }
    lines.push_back(account());
    return lines;
  }

  std::string account() const {
    const TaskCounters& all = task_->counters();
    std::vector<std::string> parts;
    const auto add = [&](const char* name, const Counter& counter) {
      if (counter.value() != 0) parts.push_back(fmt::format("{} {}", name, counter.value()));
    };
    add("in", all.in);
    add("out", all.out);
    add("absorbed", all.absorbed);
    add("filtered", all.filtered);
    add("late", all.late);
    add("latePartial", all.latePartial);
    add("invalid", all.invalid);
    add("held", all.held);
    add("bytesIn", all.bytesIn);
    add("futureDated", all.futureDated);
    return fmt::format("counts: {}", fmt::join(parts, ", "));
  }

  const OperatorHarness& harness_;
  const HarnessMode mode_;
  ManualClock clock_;
  JobContext job_;
  WorkerContext worker_;
  // Batches go home to their pools: the pools go last.
  std::vector<std::unique_ptr<BatchPool>> pools_;
  std::vector<std::unique_ptr<Channel>> inputs_;
  std::vector<std::unique_ptr<Channel>> outputs_;
  std::unique_ptr<Task> task_;
  BatchPtr pending_;
  std::size_t pendingChannel_ = 0;
  std::size_t lastQueued_ = 0;
  std::uint64_t lastIn_ = 0;
  std::vector<std::vector<std::string>> tokens_;  // by output
  std::vector<std::size_t> sectionStarts_;  // where each output's records since its last mark begin
};

std::vector<HarnessMode> OperatorHarness::modes() {
  std::vector<HarnessMode> modes;
  for (const std::size_t inputBatch : {std::size_t{1}, std::size_t{2}, std::size_t{1024}}) {
    for (const std::size_t outputBatch : {std::size_t{1024}, std::size_t{1}, std::size_t{3}}) {
      for (const bool readsEagerly : {true, false}) {
        for (const bool quietens : {false, true}) {
          modes.push_back({inputBatch, outputBatch, 1, readsEagerly, quietens});
        }
      }
      modes.push_back({inputBatch, outputBatch, 4, false, false});
    }
  }
  return modes;
}

std::vector<std::string> OperatorHarness::run(const HarnessMode& mode) const {
  return Play(*this, mode).run();
}

std::vector<std::string> OperatorHarness::run() const {
  const std::vector<HarnessMode> all = modes();
  const std::vector<std::string> expected = run(all.front());
  for (const HarnessMode& mode : all) {
    const std::vector<std::string> got = run(mode);
    if (got == expected) continue;
    throw std::logic_error(fmt::format("the output depends on how it is run\n{}:\n  {}\n{}:\n  {}",
                                       all.front().describe(), fmt::join(expected, "\n  "),
                                       mode.describe(), fmt::join(got, "\n  ")));
  }
  return expected;
}

}  // namespace millrace::testing
