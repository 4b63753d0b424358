// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/dsl/keyed_stream.hpp>
#include <millrace/dsl/stream.hpp>
#include <millrace/dsl/windowed_stream.hpp>
#include <millrace/graph/graph.hpp>
#include <millrace/operators/source_operator.hpp>
#include <millrace/runtime/source.hpp>

#include <memory>
#include <string>
#include <utility>

namespace millrace {

/// A source's records, and those that could not be read.
template <typename T>
class SourceStream : public Stream<T> {
 public:
  SourceStream(Stream<T> records, std::shared_ptr<OnInvalid> onInvalid)
      : Stream<T>(std::move(records)), onInvalid_(std::move(onInvalid)) {}

  /// What happens to records that cannot be read. Default: skipped and counted.
  SourceStream onInvalid(OnInvalid policy) const {
    *onInvalid_ = policy;
    return *this;
  }

  /// The records that could not be read, with the reasons.
  Stream<DeadLetter> deadLetters() const { return Stream<DeadLetter>(this->graph(), this->node(), 1); }

 private:
  std::shared_ptr<OnInvalid> onInvalid_;
};

/// A pipeline being described. Verbs on its streams write its graph; build() checks it; run() or
/// start() runs it, any number of times.
///
/// **Thread safety**: none.
class Pipeline {
 public:
  explicit Pipeline(std::string name) : graph_(std::make_shared<Graph>(std::move(name))) {}

  /// Reads records of a connector whose format knows their event times.
  template <typename C>
  auto source(std::string name, C connector, WatermarkStrategy watermarks) {
    return add(std::move(name), std::move(connector), std::move(watermarks), ConnectorTimestamps{});
  }

  /// Reads records and takes their event times from them.
  template <typename C, typename F>
  auto source(std::string name, C connector, TimestampedStrategy<F> strategy) {
    return add(std::move(name), std::move(connector), std::move(strategy.watermarks),
               std::move(strategy.timestampOf));
  }

  /// ok, or every fault of the pipeline at once, each with its fix.
  Status build() const { return graph_->validate(); }

  std::string explain() const { return millrace::explain(*graph_); }
  std::string toDot() const { return millrace::toDot(*graph_); }
  std::string toJson() const { return millrace::toJson(*graph_); }
  std::string describe() const { return millrace::describe(*graph_); }

  const Graph& graph() const { return *graph_; }
  /// So that `run(pipeline)` and `start(pipeline)` of job/job.hpp take a pipeline.
  operator const Graph&() const { return *graph_; }
  Graph& graph() { return *graph_; }

 private:
  template <typename T>
  static T recordOf(const SourceConnector<T>&);

  template <typename C, typename F>
  auto add(std::string name, C connector, WatermarkStrategy watermarks, F timestampOf) {
    static_assert(requires { recordOf(connector); },
                  "source takes a connector: collection(...), generator<T>(...), file<T>(...), or a "
                  "class derived from SourceConnector<T>");
    if constexpr (requires { recordOf(connector); }) {
      using T = decltype(recordOf(connector));
      static_assert(Record<T>, "source: the record must be default-initialisable and copyable");
      static_assert(TimestampFunction<F, T>,
                    "source: timestamps(...) takes a pointer to a member of T or a function (const T&) "
                    "that gives a Timestamp or an std::optional<Timestamp>, where T is the connector's "
                    "type of record");
      if constexpr (TimestampFunction<F, T>) {
        return addReader<T>(std::move(name), std::move(connector), std::move(watermarks),
                            std::move(timestampOf));
      }
    }
  }

  template <typename T, typename C, typename F>
  SourceStream<T> addReader(std::string name, C connector, WatermarkStrategy watermarks,
                            F timestampOf) {
    auto shared = std::make_shared<const C>(std::move(connector));
    auto onInvalid = std::make_shared<OnInvalid>(OnInvalid::kSkip);
    if (watermarks.outOfOrderness < Duration(0)) {
      graph_->addFinding("source '" + name + "': the out-of-orderness is negative (0s or more)");
    }
    Node node;
    node.kind = NodeKind::kSource;
    node.verb = "source";
    node.detail = shared->describe();
    node.isNamed = true;
    if (name.empty()) graph_->addFinding("a source needs a name (.source(\"events\", ...))");
    node.name = std::move(name);
    node.hasEventTimes = !std::same_as<F, ConnectorTimestamps> || shared->hasEventTimes();
    node.addOutput("", recordTypeInfo<T>());
    node.addOutput("dead-letters", recordTypeInfo<DeadLetter>());
    node.makeOperator = [shared, watermarks, timestampOf, onInvalid](const TaskInfo& info) {
      return std::make_unique<ReaderSource<T, F>>(shared->makeReader(*info.shared, watermarks),
                                                  watermarks, timestampOf, *onInvalid);
    };
    const NodeId id = graph_->add(std::move(node));
    return SourceStream<T>(Stream<T>(graph_, id), std::move(onInvalid));
  }

  std::shared_ptr<Graph> graph_;
};

}  // namespace millrace
