// SPDX-License-Identifier: MIT
#include <millrace/testing/test_driver.hpp>

#include "runtime/engine.hpp"

#include <millrace/base/hash.hpp>
#include <millrace/base/random.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <stdexcept>

namespace millrace::testing {

/// One instance of a source, fed by the test.
class TestDriver::Source final : public SourceOperator {
 public:
  struct Queue {
    std::deque<Entry> entries;
    bool isIdle = false;
    bool isEnded = false;
  };

  explicit Source(std::shared_ptr<Queue> queue) : queue_(std::move(queue)) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    return absl::OkStatus();
  }

  // One mark a poll, so that every watermark is passed on, as if it had come alone.
  SourcePoll poll() override {
    OutputPort& out = context_->output(0);
    std::deque<Entry>& entries = queue_->entries;
    while (!entries.empty() && out.open().size() < context_->batchSize()) {
      Entry entry = std::move(entries.front());
      entries.pop_front();
      if (!take(entry)) break;
    }
    return {stateNow(), watermark_, queue_->isIdle};
  }

 private:
  // False after a mark.
  bool take(const Entry& entry) {
    switch (entry.kind) {
      case Entry::Kind::kRecord:
        queue_->isIdle = false;
        context_->counters().in.add(1);
        entry.append(context_->output(0).open());
        return true;
      case Entry::Kind::kReject:
        reject(entry);
        return true;
      case Entry::Kind::kWatermark:
        queue_->isIdle = false;
        watermark_ = std::max(watermark_, entry.time);
        return false;
      case Entry::Kind::kIdle:
        queue_->isIdle = true;
        return false;
      case Entry::Kind::kEnd:
        isEnded_ = true;
        return false;
    }
    return false;
  }

  void reject(const Entry& entry) {
    context_->counters().in.add(1);
    context_->counters().invalid.add(1);
    OutputPort& letters = context_->output(1);
    if (!letters.isConnected()) return;
    entry.append(letters.open());
    auto& batch = static_cast<TypedBatch<DeadLetter>&>(letters.open());
    batch[batch.size() - 1].source = context_->operatorName();
    batch.setTime(batch.size() - 1, context_->processingTime());
  }

  SourcePoll::State stateNow() const {
    if (isEnded_) return SourcePoll::State::kEnd;
    return queue_->entries.empty() ? SourcePoll::State::kQuiet : SourcePoll::State::kMore;
  }

  const std::shared_ptr<Queue> queue_;
  OperatorContext* context_ = nullptr;
  Timestamp watermark_ = kMinTimestamp;
  bool isEnded_ = false;
};

/// Keeps what a sink is given.
class TestDriver::Sink final : public Operator {
 public:
  struct Gathered {
    RecordTypeInfo type;
    std::vector<BatchPtr> batches;
  };

  explicit Sink(std::shared_ptr<Gathered> gathered) : gathered_(std::move(gathered)) {}

  void onBatch(std::size_t, BatchPtr& batch) override {
    // Of no pool, so that it may outlive the job.
    BatchPtr copy(gathered_->type.makeBatch());
    copy->appendCopyOf(*batch);
    gathered_->batches.push_back(std::move(copy));
    batch->setCursor(batch->size());
  }

 private:
  const std::shared_ptr<Gathered> gathered_;
};

class TestDriver::State {
 public:
  struct Input {
    std::string name;
    RecordTypeInfo type;
    std::vector<std::shared_ptr<Source::Queue>> queues;  // by worker
  };
  struct Output {
    std::string name;
    std::shared_ptr<Sink::Gathered> gathered;
  };

  State(const Graph& graph, TestDriverOptions given)
      : options(std::move(given)), clock(options.now), random(options.seed) {
    if (options.workers == 0) {
      throw std::invalid_argument("workers: 0 (a test says how many, at least 1)");
    }
    Graph replaced = graph;
    timeSources(replaced);
    if (replaced.validate().ok()) {
      checkKept(graph);
      replaceEnds(replaced);
    }
    JobOptions job;
    job.workers = options.workers;
    job.batchSize = options.batchSize;
    job.exchangeCapacity = options.exchangeCapacity;
    job.seed = options.seed;
    job.clock = &clock;
    StatusOr<std::unique_ptr<Engine>> created = Engine::create(replaced, job);
    if (!created.ok()) throw JobError(created.status());
    engine = *std::move(created);
  }

  ~State() {
    if (isClosed) return;
    engine->cancel();
    engine->close().IgnoreError();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void run() {
    std::vector<char> isStalled(engine->workerCount(), 0);
    std::size_t awake = isStalled.size();
    const auto wakeAll = [&] {
      isStalled.assign(isStalled.size(), 0);
      awake = isStalled.size();
    };
    while (!engine->isOver()) {
      if (awake == 0) {
        if (!quieten()) break;
        wakeAll();
      }
      const std::size_t worker = random.below(isStalled.size());
      const bool progressed = engine->stepWorker(worker);
      note(worker * 2 + (progressed ? 1 : 0));
      if (progressed) {
        wakeAll();
      } else if (isStalled[worker] == 0) {
        isStalled[worker] = 1;
        --awake;
      }
    }
    if (engine->isOver() && !isClosed) {
      isClosed = true;
      result = engine->close();
    }
    throwIfFailed();
  }

  void throwIfFailed() const {
    if (!result.ok()) throw JobError(result);
  }

  const TestDriverOptions options;
  ManualClock clock;
  Random random;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::unique_ptr<Engine> engine;
  std::uint64_t fingerprint = 0;
  bool isClosed = false;
  Status result;

 private:
  bool isKept(const std::string& name) const {
    return std::find(options.keep.begin(), options.keep.end(), name) != options.keep.end();
  }

  void checkKept(const Graph& graph) const {
    for (const std::string& name : options.keep) {
      const bool isThere = std::any_of(
          graph.nodes().begin(), graph.nodes().end(),
          [&](const Node& node) { return node.kind != NodeKind::kOperator && node.name == name; });
      if (!isThere) {
        throw std::invalid_argument(fmt::format("keep: no source or sink is named '{}'", name));
      }
    }
  }

  // What a test sends has the event time that it says.
  void timeSources(Graph& graph) const {
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      Node& node = graph.node(NodeId{i});
      if (node.kind == NodeKind::kSource && !isKept(node.name)) node.hasEventTimes = true;
    }
  }

  void replaceEnds(Graph& graph) {
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      Node& node = graph.node(NodeId{i});
      if (isKept(node.name)) continue;
      if (node.kind == NodeKind::kSource) replaceSource(node);
      if (node.kind == NodeKind::kSink) replaceSink(graph, node);
    }
  }

  void replaceSource(Node& node) {
    Input& input = inputs.emplace_back(Input{node.name, node.outputs.front().type, {}});
    for (std::size_t worker = 0; worker < options.workers; ++worker) {
      input.queues.push_back(std::make_shared<Source::Queue>());
      input.queues.back()->isIdle = worker != 0;
    }
    node.makeOperator = [queues = input.queues](const TaskInfo& info) {
      return std::make_unique<Source>(queues.at(info.worker));
    };
  }

  void replaceSink(const Graph& graph, Node& node) {
    const InputEdge& edge = node.inputs.front();
    auto gathered = std::make_shared<Sink::Gathered>();
    gathered->type = graph.node(edge.from).outputs[edge.port].type;
    outputs.push_back({node.name, gathered});
    node.makeOperator = [gathered](const TaskInfo&) { return std::make_unique<Sink>(gathered); };
  }

  bool quieten() {
    bool progressed = false;
    const std::size_t first = random.below(engine->workerCount());
    for (std::size_t i = 0; i < engine->workerCount(); ++i) {
      const std::size_t worker = (first + i) % engine->workerCount();
      const bool flushed = engine->quietWorker(worker);
      note(1'000 + worker * 2 + (flushed ? 1 : 0));
      progressed = progressed || flushed;
    }
    return progressed;
  }

  void note(std::uint64_t step) { fingerprint = combineHashes(fingerprint, step); }
};

namespace {

template <typename Ends>
std::string namesOf(const Ends& ends) {
  std::vector<std::string> names;
  for (const auto& end : ends) names.push_back("'" + end.name + "'");
  return names.empty() ? std::string("none") : fmt::format("{}", fmt::join(names, ", "));
}

template <typename Ends, typename TypeOf>
std::size_t find(const Ends& ends, std::string_view what, std::string_view name,
                 const RecordTypeInfo& type, TypeOf typeOf) {
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (ends[i].name != name) continue;
    if (typeOf(ends[i]).id == type.id) return i;
    throw std::invalid_argument(fmt::format("the records of {} '{}' are of type {}, not {}", what,
                                            name, typeOf(ends[i]).name(), type.name()));
  }
  throw std::invalid_argument(
      fmt::format("no replaced {} is named '{}' (there are: {})", what, name, namesOf(ends)));
}

}  // namespace

TestDriver::TestDriver(const Pipeline& pipeline, TestDriverOptions options)
    : TestDriver(pipeline.graph(), std::move(options)) {}

TestDriver::TestDriver(const Graph& graph, TestDriverOptions options)
    : state_(std::make_unique<State>(graph, std::move(options))) {
  run();
}

TestDriver::~TestDriver() = default;

std::size_t TestDriver::findInput(std::string_view name, const RecordTypeInfo& type) const {
  return find(state_->inputs, "source", name, type, [](const auto& input) { return input.type; });
}

std::size_t TestDriver::findOutput(std::string_view name, const RecordTypeInfo& type) const {
  return find(state_->outputs, "sink", name, type,
              [](const auto& output) { return output.gathered->type; });
}

void TestDriver::push(std::size_t input, std::optional<std::size_t> worker, Entry entry) {
  state_->throwIfFailed();
  auto& [name, type, queues] = state_->inputs[input];
  if (worker && *worker >= queues.size()) {
    throw std::invalid_argument(fmt::format("source '{}' has no worker {} (there are {} workers)",
                                            name, *worker, queues.size()));
  }
  if (entry.kind == Entry::Kind::kWatermark && entry.time == kMaxTimestamp) {
    throw std::invalid_argument(
        fmt::format("source '{}': the watermark kMaxTimestamp says the end (call end())", name));
  }
  const bool isMark = entry.kind != Entry::Kind::kRecord && entry.kind != Entry::Kind::kReject;
  const std::size_t from = worker.value_or(0);
  const std::size_t to = isMark && !worker ? queues.size() : from + 1;
  for (std::size_t i = from; i < to; ++i) {
    if (queues[i]->isEnded || state_->isClosed) {
      throw std::invalid_argument(
          fmt::format("source '{}' has ended on worker {}: it takes nothing more", name, i));
    }
    queues[i]->isEnded = entry.kind == Entry::Kind::kEnd;
    queues[i]->entries.push_back(entry);
  }
}

void TestDriver::ran() {
  if (state_->options.runsAtOnce) run();
}

std::vector<BatchPtr> TestDriver::take(std::size_t output) {
  return std::exchange(state_->outputs[output].gathered->batches, {});
}

void TestDriver::advanceClock(Duration step) {
  state_->clock.advance(step);
  ran();
}

void TestDriver::setClock(Timestamp now) {
  state_->clock.set(now);
  ran();
}

const Clock& TestDriver::clock() const { return state_->clock; }

void TestDriver::run() { state_->run(); }

void TestDriver::stop() {
  state_->engine->stop();
  run();
}

bool TestDriver::isFinished() const { return state_->isClosed; }
Status TestDriver::result() const { return state_->result; }
JobCounts TestDriver::counts() const { return state_->engine->counts(); }
std::vector<TaskStatus> TestDriver::status() const { return state_->engine->status(); }

OperatorCounts TestDriver::countsOf(std::string_view operatorName) const {
  const JobCounts all = counts();
  for (const OperatorCounts& each : all.operators) {
    if (each.name == operatorName) return each;
  }
  throw std::invalid_argument(fmt::format("no operator is named '{}' (there are: {})", operatorName,
                                          namesOf(all.operators)));
}

std::uint64_t TestDriver::fingerprint() const { return state_->fingerprint; }
std::size_t TestDriver::workers() const { return state_->engine->workerCount(); }

}  // namespace millrace::testing
