// SPDX-License-Identifier: MIT
#include <millrace/dsl/nodes.hpp>

#include <millrace/runtime/source.hpp>

#include <fmt/format.h>

#include <utility>

namespace millrace {

LateChoice::LateChoice(int value) : value_(std::make_shared<int>(value)) {}
LateChoice::~LateChoice() = default;
LateChoice::LateChoice(const LateChoice&) noexcept = default;
LateChoice& LateChoice::operator=(const LateChoice&) noexcept = default;

SharedSink::SharedSink(const SinkCommitter* connector) : connector_(connector) {}
SharedSink::~SharedSink() = default;
SharedSink::SharedSink(const SharedSink&) noexcept = default;
SharedSink& SharedSink::operator=(const SharedSink&) noexcept = default;

NodeId addSource(Graph& graph, std::string_view name, std::string detail,
                 const WatermarkStrategy& watermarks, const RecordTypeInfo& records,
                 bool hasEventTimes, const OperatorFactory& make) {
  if (watermarks.outOfOrderness < Duration(0)) {
    graph.addFinding(
        fmt::format("source '{}': the out-of-orderness is negative (0s or more)", name));
  }
  if (name.empty()) graph.addFinding("a source needs a name (.source(\"events\", ...))");
  Node node;
  node.kind = NodeKind::kSource;
  node.verb = "source";
  node.name = name;
  node.isNamed = true;
  node.detail = std::move(detail);
  node.hasEventTimes = hasEventTimes;
  node.addOutput("", records);
  node.addOutput("dead-letters", recordTypeInfo<DeadLetter>());
  node.makeOperator = make;
  return graph.add(std::move(node));
}

Node operatorNode(std::string_view verb, StreamEnd from) {
  Node node;
  node.verb = verb;
  node.addInput(from.node, from.port);
  return node;
}

NodeId addOperator(Graph& graph, std::string_view verb, StreamEnd from,
                   const RecordTypeInfo& output, const OperatorFactory& make) {
  Node node = operatorNode(verb, from);
  node.addOutput("", output);
  node.makeOperator = make;
  return graph.add(std::move(node));
}

void addSink(Graph& graph, std::string_view name, std::string detail, StreamEnd from,
             const SharedSink& connector, const OperatorFactory& make) {
  if (name.empty()) graph.addFinding("a sink needs a name (.sink(\"results\", ...))");
  Node node = operatorNode("sink", from);
  node.kind = NodeKind::kSink;
  node.name = name;
  node.isNamed = true;
  node.detail = std::move(detail);
  node.committer = connector.committer();
  node.makeOperator = make;
  graph.add(std::move(node));
}

Node keyedNode(Graph& graph, std::string_view verb, std::string_view name, StreamEnd from) {
  if (name.empty()) {
    graph.addFinding(fmt::format("{0} keeps state and needs a name (.{0}(\"name\", ...))", verb));
  }
  Node node = operatorNode(verb, from);
  node.name = name;
  node.isNamed = true;
  node.isStateful = true;
  return node;
}

void checkWindows(Graph& graph, const Node& node, const Status& windows, const Status& options) {
  for (const Status* status : {&windows, &options}) {
    if (status->ok()) continue;
    const std::string_view message(status->message().data(), status->message().size());
    graph.addFinding(fmt::format("{} '{}': {}", node.verb, node.name, message));
  }
}

void noteUndeclaredOutput(Graph& graph, NodeId node, std::string_view tag) {
  graph.addFinding(
      fmt::format("side output '{}' of '{}' is not declared (give its tag to "
                  ".process(name, function, tags...))",
                  tag, graph.node(node).name));
}

void connect(Graph& graph, Node& node, const Graph& other, StreamEnd from) {
  if (&other == &graph) return node.addInput(from.node, from.port);
  graph.addFinding(
      fmt::format("{}: a stream of pipeline '{}' is not one of '{}' (take both from one "
                  "pipeline)",
                  node.verb, other.name(), graph.name()));
}

}  // namespace millrace
