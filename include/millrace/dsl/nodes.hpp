// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/graph/graph.hpp>
#include <millrace/runtime/sink.hpp>
#include <millrace/runtime/watermark_strategy.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace millrace {

/// What the verbs do to the graph that has nothing to do with the user's types: compiled once in
/// the library instead of in each program for each verb. For the verbs alone.

/// Where a verb reads: one output of one node.
struct StreamEnd {
  NodeId node{};
  std::size_t port = 0;
};

/// A choice that a stream offers after the verb that it belongs to; the verb's factory looks it up.
/// A handle: copies share the choice.
class LateChoice {
 public:
  explicit LateChoice(int value);
  ~LateChoice();
  LateChoice(const LateChoice&) noexcept;
  LateChoice& operator=(const LateChoice&) noexcept;

  int value() const { return *value_; }
  void set(int value) const { *value_ = value; }

 private:
  std::shared_ptr<int> value_;
};

/// A sink's connector, which its node and its factory have in common.
class SharedSink {
 public:
  /// Takes ownership.
  explicit SharedSink(const SinkCommitter* connector);
  ~SharedSink();
  SharedSink(const SharedSink&) noexcept;
  SharedSink& operator=(const SharedSink&) noexcept;

  /// REQUIRES: it was made with a C.
  template <typename C>
  const C& as() const {
    return static_cast<const C&>(*connector_);
  }
  const std::shared_ptr<const SinkCommitter>& committer() const { return connector_; }

 private:
  std::shared_ptr<const SinkCommitter> connector_;
};

/// Adds a source with its records' output and its dead letters'. `hasEventTimes`: its records
/// come with event times.
NodeId addSource(Graph& graph, std::string_view name, std::string detail,
                 const WatermarkStrategy& watermarks, const RecordTypeInfo& records,
                 bool hasEventTimes, const OperatorFactory& make);

/// A node that reads `from`, without a shuffle.
Node operatorNode(std::string_view verb, StreamEnd from);

/// Adds a node with one output.
NodeId addOperator(Graph& graph, std::string_view verb, StreamEnd from,
                   const RecordTypeInfo& output, const OperatorFactory& make);

/// Adds a node that ends a stream.
void addSink(Graph& graph, std::string_view name, std::string detail, StreamEnd from,
             const SharedSink& connector, const OperatorFactory& make);

/// A stateful node that reads `from`; the verb adds the shuffle, and what else it needs.
Node keyedNode(Graph& graph, std::string_view verb, std::string_view name, StreamEnd from);

/// Notes what is wrong with the windows of `node`.
void checkWindows(Graph& graph, const Node& node, const Status& windows, const Status& options);

/// Notes that a side output was asked for that its function does not declare.
void noteUndeclaredOutput(Graph& graph, NodeId node, std::string_view tag);

/// Lets `node` read `from` of `other` too, if that is the same graph.
void connect(Graph& graph, Node& node, const Graph& other, StreamEnd from);

}  // namespace millrace
