// SPDX-License-Identifier: MIT
#include <millrace/graph/graph.hpp>

#include <millrace/base/check.hpp>

#include <fmt/format.h>

#include <map>

namespace millrace {

// Members are out of line, so that a user's program does not compile them with every verb.
std::string RecordTypeInfo::name() const { return nameOf(); }

OperatorFactory::OperatorFactory() = default;
OperatorFactory::OperatorFactory(const Maker* maker) : maker_(maker) {}
OperatorFactory::~OperatorFactory() = default;
OperatorFactory::OperatorFactory(const OperatorFactory&) noexcept = default;
OperatorFactory& OperatorFactory::operator=(const OperatorFactory&) noexcept = default;
OperatorFactory::Maker::~Maker() = default;

std::unique_ptr<Operator> OperatorFactory::operator()(const TaskInfo& info) const {
  MILLRACE_CHECK(maker_ != nullptr, "a node of the graph has no operator");
  return maker_->make(info);
}

Exchange::Exchange() = default;
Exchange::~Exchange() = default;
Exchange::Exchange(const Exchange&) = default;
Exchange& Exchange::operator=(const Exchange&) = default;

Node::Node() = default;
Node::~Node() = default;
Node::Node(const Node&) = default;
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(const Node&) = default;
Node& Node::operator=(Node&&) noexcept = default;

void Node::addInput(NodeId from, std::size_t port) { inputs.push_back({from, port, std::nullopt}); }

void Node::addOutput(std::string_view outputName, const RecordTypeInfo& type) {
  outputs.push_back({std::string(outputName), type});
}

void Node::setExchange(std::string (*keyName)(), bool isCombining, const RecordTypeInfo& type,
                       const OperatorFactory& makePartitioner) {
  Exchange& exchange = inputs.at(0).exchange.emplace();
  exchange.key = keyName();
  exchange.isCombining = isCombining;
  exchange.type = type;
  exchange.makePartitioner = makePartitioner;
}

Graph::Graph(std::string name) : name_(std::move(name)) {}
Graph::~Graph() = default;
Graph::Graph(const Graph&) = default;
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(const Graph&) = default;
Graph& Graph::operator=(Graph&&) noexcept = default;

SharedGraph::SharedGraph(std::string_view name)
    : graph_(std::make_shared<Graph>(std::string(name))) {}
SharedGraph::~SharedGraph() = default;
SharedGraph::SharedGraph(const SharedGraph&) noexcept = default;
SharedGraph& SharedGraph::operator=(const SharedGraph&) noexcept = default;

void Graph::addFinding(std::string finding) { findings_.push_back(std::move(finding)); }

NodeId Graph::add(Node node) {
  const NodeId id{nodes_.size()};
  if (node.name.empty()) node.name = fmt::format("{}-{}", node.verb, nodes_.size());
  nodes_.push_back(std::move(node));
  return id;
}

void Graph::rename(NodeId id, std::string_view name) {
  Node& renamed = node(id);
  if (name.empty()) {
    addFinding(
        fmt::format("{} '{}' is given an empty name (give it a word)", renamed.verb, renamed.name));
    return;
  }
  renamed.name = name;
  renamed.isNamed = true;
}

bool Graph::isRead(NodeId id, std::size_t port) const {
  for (const Node& reader : nodes_) {
    for (const InputEdge& input : reader.inputs) {
      if (input.from == id && input.port == port) return true;
    }
  }
  return false;
}

void Graph::findNameFaults(std::vector<std::string>& findings) const {
  std::map<std::string_view, int> uses;
  for (const Node& node : nodes_) ++uses[node.name];
  for (const auto& [name, count] : uses) {
    if (count > 1) {
      findings.push_back(fmt::format(
          "{} operators are named '{}' (names tell state and metrics apart: choose different ones)",
          count, name));
    }
  }
}

void Graph::findDanglingOutputs(std::vector<std::string>& findings) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (node.kind == NodeKind::kSink || isRead(NodeId{i}, 0)) continue;
    if (!node.outputs.empty() && node.outputs.front().name.empty()) {
      findings.push_back(fmt::format(
          "nothing reads the output of {} '{}' (end it with .sink(...), or .sink(\"name\", "
          "discard()) to drop it knowingly)",
          node.verb, node.name));
    }
  }
}

void Graph::findMissingTimes(std::vector<std::string>& findings) const {
  // By node, the source for want of which its records have no event times; null where they may.
  std::vector<const Node*> untimedSource(nodes_.size(), nullptr);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (node.kind == NodeKind::kSource && !node.hasEventTimes) untimedSource[i] = &node;
    for (const InputEdge& input : node.inputs) {
      const Node* source = untimedSource[static_cast<std::size_t>(input.from)];
      if (source == nullptr) continue;
      if (node.needsEventTimes) {
        findings.push_back(fmt::format(
            "{} '{}' needs event times, and source '{}' has none (take them from its records: "
            ".source(name, connector, boundedOutOfOrderness(5s).timestamps(&Record::time)))",
            node.verb, node.name, source->name));
        break;
      }
      // A node with state may emit at times of its own, as those of its timers.
      if (!node.isStateful) untimedSource[i] = source;
    }
  }
}

Status Graph::validate() const {
  std::vector<std::string> findings = findings_;
  if (nodes_.empty()) {
    findings.emplace_back(
        "the pipeline is empty (start it with .source(name, connector, watermarks))");
  }
  findNameFaults(findings);
  findDanglingOutputs(findings);
  findMissingTimes(findings);
  if (findings.empty()) return absl::OkStatus();
  std::string message = fmt::format("pipeline '{}' has {} error{}:", name_, findings.size(),
                                    findings.size() == 1 ? "" : "s");
  for (const std::string& finding : findings) message += "\n  - " + finding;
  return absl::InvalidArgumentError(message);
}

}  // namespace millrace
