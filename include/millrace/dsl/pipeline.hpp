// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/dsl/keyed_stream.hpp>
#include <millrace/dsl/nodes.hpp>
#include <millrace/dsl/stream.hpp>
#include <millrace/dsl/windowed_stream.hpp>
#include <millrace/graph/graph.hpp>
#include <millrace/operators/source_operator.hpp>
#include <millrace/runtime/source.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

/// A source's records, and those that could not be read.
template <typename T>
class SourceStream : public Stream<T> {
 public:
  SourceStream(const Stream<T>& records, const LateChoice& onInvalid)
      : Stream<T>(records), onInvalid_(onInvalid) {}

  /// What happens to records that cannot be read. Default: skipped and counted.
  SourceStream onInvalid(OnInvalid policy) const {
    onInvalid_.set(static_cast<int>(policy));
    return *this;
  }

  /// The records that could not be read, with the reasons.
  Stream<DeadLetter> deadLetters() const {
    return Stream<DeadLetter>(this->graph(), this->node(), 1);
  }

 private:
  LateChoice onInvalid_;
};

/// A pipeline being described. Verbs on its streams write its graph; build() checks it; run() or
/// start() runs it, any number of times.
///
/// **Thread safety**: none.
class Pipeline {
 public:
  explicit Pipeline(std::string_view name);

  /// Reads records of a connector whose format knows their event times.
  template <typename C>
  auto source(std::string_view name, C connector, const WatermarkStrategy& watermarks) {
    return add(name, std::move(connector), watermarks, ConnectorTimestamps{});
  }

  /// Reads records and takes their event times from them.
  template <typename C, typename F>
  auto source(std::string_view name, C connector, const TimestampedStrategy<F>& strategy) {
    return add(name, std::move(connector), strategy.watermarks, strategy.timestampOf);
  }

  /// ok, or every fault of the pipeline at once, each with its fix.
  Status build() const;

  std::string explain() const;
  std::string toDot() const;
  std::string toJson() const;
  std::string describe() const;

  const Graph& graph() const { return *graph_; }
  /// So that `run(pipeline)` and `start(pipeline)` of job/job.hpp take a pipeline.
  operator const Graph&() const { return *graph_; }
  Graph& graph() { return *graph_; }

 private:
  template <typename T>
  static T recordOf(const SourceConnector<T>&);

  template <typename C, typename F>
  auto add(std::string_view name, C connector, const WatermarkStrategy& watermarks, F timestampOf) {
    static_assert(
        requires { recordOf(connector); },
        "source takes a connector: collection(...), generator<T>(...), file<T>(...), or a "
        "class derived from SourceConnector<T>");
    if constexpr (requires { recordOf(connector); }) {
      using T = decltype(recordOf(connector));
      static_assert(Record<T>, "source: the record must be default-initialisable and copyable");
      static_assert(
          TimestampFunction<F, T>,
          "source: timestamps(...) takes a pointer to a member of T or a function (const T&) "
          "that gives a Timestamp or an std::optional<Timestamp>, where T is the connector's "
          "type of record");
      if constexpr (TimestampFunction<F, T>) {
        return addReader<T>(name, std::move(connector), watermarks, std::move(timestampOf));
      }
    }
  }

  template <typename T, typename C, typename F>
  SourceStream<T> addReader(std::string_view name, C connector, const WatermarkStrategy& watermarks,
                            F timestampOf) {
    const LateChoice onInvalid(static_cast<int>(OnInvalid::kSkip));
    std::string detail = connector.describe();
    const bool hasEventTimes = !std::same_as<F, ConnectorTimestamps> || connector.hasEventTimes();
    OperatorFactory make([connector = std::move(connector), watermarks,
                          timestampOf = std::move(timestampOf), onInvalid](const TaskInfo& info) {
      return std::make_unique<ReaderSource<T, F>>(connector.makeReader(*info.shared, watermarks),
                                                  watermarks, timestampOf,
                                                  OnInvalid(onInvalid.value()));
    });
    const NodeId id = addSource(*graph_, name, std::move(detail), watermarks, recordTypeInfo<T>(),
                                hasEventTimes, make);
    return SourceStream<T>(Stream<T>(graph_, id), onInvalid);
  }

  SharedGraph graph_;
};

}  // namespace millrace
