// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/dsl/function_shapes.hpp>
#include <millrace/dsl/nodes.hpp>
#include <millrace/graph/graph.hpp>
#include <millrace/operators/sink_operator.hpp>
#include <millrace/operators/stateless.hpp>
#include <millrace/runtime/sink.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace {

template <typename T, typename KeyOf>
class KeyedStream;

/// A sink written for one type of record, or one that can be made for any.
template <typename S, typename T>
concept SinkFor = std::derived_from<S, SinkConnector<T>> || requires(const S& sink) {
  sink.template connector<T>();
};

/// Records of type T on their way through a pipeline: one output of one node of its graph. Each
/// verb adds a node and gives the stream behind it; a stream may be read by any number of verbs.
///
/// **Thread safety**: none; a pipeline is described on one thread.
///
/// User functions are copied, one copy for each worker, and each copy is called by its worker
/// alone. They may throw: the job then fails, naming the operator and the record.
template <typename T>
class Stream {
 public:
  using RecordType = T;

  Stream(const SharedGraph& graph, NodeId node, std::size_t port = 0)
      : graph_(graph), end_{node, port} {}

  /// One result for each record: `U f(const T&)` or a pointer to a member.
  template <typename F>
  auto map(F f) const {
    static_assert(MapFunction<F, T>,
                  "map takes a function U(const T&) or a pointer to a member of T, where T is the "
                  "stream's type of record");
    if constexpr (MapFunction<F, T>) {
      using U = std::remove_cvref_t<std::invoke_result_t<F&, const T&>>;
      static_assert(Record<U>, "map: the result must be default-initialisable and copyable");
      return add<U>("map",
                    [f](const TaskInfo&) { return std::make_unique<MapOperator<T, U, F>>(f); });
    }
  }

  /// Only the records `keep` holds for: `bool keep(const T&)`.
  template <typename F>
  Stream<T> filter(F keep) const {
    static_assert(
        FilterFunction<F, T>,
        "filter takes a predicate bool(const T&), where T is the stream's type of record");
    return add<T>("filter",
                  [keep](const TaskInfo&) { return std::make_unique<FilterOperator<T, F>>(keep); });
  }

  /// Any number of results of type U for each record: `void f(const T&, Collector<U>&)`.
  template <typename U, typename F>
  Stream<U> flatMap(F f) const {
    static_assert(FlatMapFunction<F, T, U>,
                  "flatMap<U> takes a function void(const T&, Collector<U>&), where T is the "
                  "stream's type of record");
    static_assert(Record<U>, "flatMap: the result must be default-initialisable and copyable");
    return add<U>("flatMap",
                  [f](const TaskInfo&) { return std::make_unique<FlatMapOperator<T, U, F>>(f); });
  }

  /// Shows every record to `f` on its way: `void f(const T&)`.
  template <typename F>
  Stream<T> peek(F f) const {
    static_assert(PeekFunction<F, T>, "peek takes a function void(const T&)");
    return add<T>("peek", [f](const TaskInfo&) { return std::make_unique<PeekOperator<T, F>>(f); });
  }

  /// The stream by keys: a pointer to a member, or `K f(const T&)`. The key decides which
  /// worker has the record's state.
  template <typename F>
  auto keyBy(F keyOf) const {
    static_assert(
        KeyFunction<F, T>,
        "keyBy takes a pointer to a member of T or a function K(const T&), where T is the "
        "stream's type of record");
    if constexpr (KeyFunction<F, T>) {
      static_assert(StateKey<KeyTypeOf<F, T>>,
                    "keyBy: the key must be hashable the same on every machine (integers, enums, "
                    "strings, pairs, tuples, or a type with millraceHash), comparable and "
                    "serialisable (a Serde)");
      return KeyedStream<T, F>(*this, std::move(keyOf));
    }
  }

  /// This stream and others of the same type as one. Order is kept within each, not across.
  template <typename... Others>
  Stream<T> unite(const Others&... others) const {
    static_assert((std::is_same_v<typename Others::RecordType, T> && ...),
                  "unite takes streams of the same type of record");
    Node node = operatorNode("unite", end_);
    (connect(*graph_, node, *others.graph(), {others.node(), others.port()}), ...);
    node.addOutput("", recordTypeInfo<T>());
    node.makeOperator = [](const TaskInfo&) { return std::make_unique<ForwardOperator>(); };
    return Stream<T>(graph_, graph_->add(std::move(node)));
  }

  /// Sends each record to the first stream whose predicate holds; records that none holds for go
  /// to the last stream returned, which comes after the predicates'. The streams come as an array:
  /// `auto [small, large] = orders.split(isSmall);`
  template <typename... Predicates>
  auto split(Predicates... predicates) const {
    static_assert((FilterFunction<Predicates, T> && ...), "split takes predicates bool(const T&)");
    if constexpr ((FilterFunction<Predicates, T> && ...)) return addSplit(std::move(predicates)...);
  }

  /// Ends the stream in a sink. `name` is unique in the pipeline.
  template <typename S>
  void sink(std::string_view name, S sink) const {
    static_assert(
        SinkFor<S, T>,
        "sink takes toStdout(format), toFiles(directory, format), collectInto(collected), "
        "forEach(function), discard(), or a class derived from SinkConnector<T>, where T is "
        "the stream's type of record and a format is std::string(const T&) or void(const "
        "T&, std::string&)");
    if constexpr (std::derived_from<S, SinkConnector<T>>) {
      addConnector(name, std::move(sink));
    } else if constexpr (SinkFor<S, T>) {
      addConnector(name, sink.template connector<T>());
    }
  }

  /// Names the operator this stream comes out of: in plans, metrics and messages.
  Stream<T> named(std::string_view name) const {
    graph_->rename(node(), name);
    return *this;
  }

  const SharedGraph& graph() const { return graph_; }
  NodeId node() const { return end_.node; }
  std::size_t port() const { return end_.port; }
  StreamEnd end() const { return end_; }

 private:
  template <typename... Predicates>
  auto addSplit(Predicates... predicates) const {
    auto choose = [predicates...](const T& record) mutable {
      std::size_t index = 0;
      static_cast<void>(((std::invoke(predicates, record) ? true : (++index, false)) || ...));
      return index;
    };
    constexpr std::size_t kOutputs = sizeof...(Predicates) + 1;
    Node node = operatorNode("split", end_);
    for (std::size_t i = 0; i < kOutputs; ++i) {
      // The main output has no name; an unnamed one must be read, a named one may be.
      node.addOutput("split-" + std::to_string(i), recordTypeInfo<T>());
    }
    node.makeOperator = [choose, outputs = kOutputs](const TaskInfo&) {
      return std::make_unique<SplitOperator<T, decltype(choose)>>(choose, outputs);
    };
    const NodeId id = graph_->add(std::move(node));
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<Stream<T>, kOutputs>{Stream<T>(graph_, id, I)...};
    }
    (std::make_index_sequence<kOutputs>());
  }

  template <typename C>
  void addConnector(std::string_view name, C connector) const {
    const SharedSink shared(new C(std::move(connector)));
    addSink(*graph_, name, shared.as<C>().describe(), end_, shared, [shared](const TaskInfo& info) {
      return std::make_unique<WriterSink<T>>(shared.as<C>().makeWriter(*info.shared));
    });
  }

  template <typename U>
  Stream<U> add(std::string_view verb, const OperatorFactory& make) const {
    return Stream<U>(graph_, addOperator(*graph_, verb, end_, recordTypeInfo<U>(), make));
  }

  SharedGraph graph_;
  StreamEnd end_;
};

}  // namespace millrace
