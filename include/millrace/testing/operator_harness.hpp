// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/graph/graph.hpp>
#include <millrace/runtime/batch.hpp>
#include <millrace/runtime/mark.hpp>
#include <millrace/runtime/operator.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::testing {

/// One way to run an operator: how its input is cut up and how much room its outputs have.
struct HarnessMode {
  std::size_t inputBatch = 1;      ///< records that come in one batch
  std::size_t outputBatch = 1;     ///< records an output collects before it sends them
  std::size_t outputCapacity = 1;  ///< batches and marks a reader lets wait
  /// True: outputs are read after every step. False: one item at a time, and only when the operator
  /// is stuck, so that it meets a full output wherever it can.
  bool readsEagerly = true;
  bool quietens = false;  ///< tells the operator after every item that nothing more is waiting

  std::string describe() const;
};

/// Runs one operator in all modes and demands the same output of each: whatever the engine does to
/// an operator, what it says depends on its input alone. For authors of operators, connectors and
/// process functions.
///
///     OperatorHarness harness([] { return std::make_unique<Doubling>(); });
///     harness.input<int>().output<int>("main", [](int n) { return std::to_string(n); });
///     harness.record(1, 10).record(2, 20).watermark(15).end();
///     REQUIRE(harness.run() == std::vector<std::string>{"main: 2@10 4@20 wm:15 end"});
///
/// run() gives a line for each output: its records as `text@time` and marks, in order. An account
/// follows: "counts: in 2, out 2" (what is 0 is left out). A failure is the single line "failed:
/// ...".
///
/// **Thread safety**: none.
class OperatorHarness {
 public:
  using MakeOperator = std::function<std::unique_ptr<Operator>()>;

  /// `make` is called for each mode and must give the same operator every time.
  explicit OperatorHarness(MakeOperator make) : make_(std::move(make)) {}

  /// Declares the next logical input, or one more channel of the last with `sameInput`, as a
  /// shuffle brings them. An operator without inputs is a source: it is polled until it is quiet.
  template <typename T>
  OperatorHarness& input(bool sameInput = false) {
    if (!sameInput || inputs_.empty()) ++logicalInputs_;
    inputs_.push_back({logicalInputs_ - 1, recordTypeInfo<T>()});
    return *this;
  }

  /// Declares the next output, with a function that renders its values.
  template <typename T, typename Render>
  OperatorHarness& output(std::string name, Render render) {
    outputs_.push_back({std::move(name), recordTypeInfo<T>(), false,
                        [render](const Batch& batch, std::size_t i) -> std::string {
                          return render(static_cast<const TypedBatch<T>&>(batch)[i]);
                        }});
    return *this;
  }

  /// Declares an output that nobody reads.
  template <typename T>
  OperatorHarness& unreadOutput() {
    outputs_.push_back({"", recordTypeInfo<T>(), true, {}});
    return *this;
  }

  /// Between two marks records may come in any order: lines show them sorted.
  OperatorHarness& unordered() {
    isUnordered_ = true;
    return *this;
  }

  /// Rewrites what came between two marks, where different texts mean the same.
  OperatorHarness& normalise(std::function<void(std::vector<std::string>&)> rewrite) {
    normalise_ = std::move(rewrite);
    return *this;
  }

  OperatorHarness& workers(std::size_t workers) {
    workers_ = workers;
    return *this;
  }

  // The script: what comes in, in this order. `channel` counts the declared inputs.
  template <typename T>
  OperatorHarness& record(T value, Timestamp time, std::size_t channel = 0) {
    return step(
        {Step::Kind::kRecord, channel, {}, 0, [value = std::move(value), time](Batch& batch) {
           static_cast<TypedBatch<T>&>(batch).append(time) = value;
         }});
  }
  OperatorHarness& watermark(Timestamp time, std::size_t channel = 0) {
    return step({Step::Kind::kMark, channel, Mark::watermark(time), 0, {}});
  }
  OperatorHarness& idle(std::size_t channel = 0) {
    return step({Step::Kind::kMark, channel, Mark::idle(), 0, {}});
  }
  OperatorHarness& active(std::size_t channel = 0) {
    return step({Step::Kind::kMark, channel, Mark::active(), 0, {}});
  }
  /// The end of all inputs; `drained` false stands for a stopped job.
  OperatorHarness& end(bool drained = true) {
    return step({Step::Kind::kEnd, 0, Mark::end(drained), 0, {}});
  }
  /// The end of one input.
  OperatorHarness& endOf(std::size_t channel, bool drained = true) {
    return step({Step::Kind::kMark, channel, Mark::end(drained), 0, {}});
  }
  /// Sets the wall clock, which begins at 0.
  OperatorHarness& clock(Timestamp now) { return step({Step::Kind::kClock, 0, {}, now, {}}); }
  /// Calls `f`, to change what a source or a function under test is made to meet.
  OperatorHarness& then(std::function<void()> f) {
    return step({Step::Kind::kCall, 0, {}, 0, [f = std::move(f)](Batch&) { f(); }});
  }

  /// Plays the script in every mode. Throws std::logic_error, with both outputs, when two modes
  /// differ, when a mode never comes to rest, or when the operator cannot be opened.
  std::vector<std::string> run() const;

  /// Plays it in one mode.
  std::vector<std::string> run(const HarnessMode& mode) const;

  /// The modes that run() plays.
  static std::vector<HarnessMode> modes();

 private:
  struct Input {
    std::size_t logicalInput;
    RecordTypeInfo type;
  };
  struct Output {
    std::string name;
    RecordTypeInfo type;
    bool isUnread;
    std::function<std::string(const Batch&, std::size_t)> render;
  };
  struct Step {
    enum class Kind : std::uint8_t { kRecord, kMark, kEnd, kClock, kCall };
    Kind kind;
    std::size_t channel;
    Mark mark;
    Timestamp now;
    std::function<void(Batch&)> act;
  };
  class Play;

  OperatorHarness& step(Step step) {
    script_.push_back(std::move(step));
    return *this;
  }

  MakeOperator make_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  std::vector<Step> script_;
  std::function<void(std::vector<std::string>&)> normalise_;
  std::size_t logicalInputs_ = 0;
  std::size_t workers_ = 1;
  bool isUnordered_ = false;
};

}  // namespace millrace::testing
