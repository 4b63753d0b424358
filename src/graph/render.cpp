// SPDX-License-Identifier: MIT
#include <millrace/graph/graph.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>

namespace millrace {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string edgeLabel(const Graph& graph, const InputEdge& input) {
  const OutputInfo& output = graph.node(input.from).outputs[input.port];
  std::string label = input.exchange ? fmt::format("hash({}){}", input.exchange->key,
                                                   input.exchange->isCombining ? ", combined" : "")
                                     : std::string("forward");
  if (!output.name.empty()) label += ", " + output.name;
  return label;
}

std::string headline(const Node& node) {
  std::string line = fmt::format("{} '{}'", node.verb, node.name);
  if (!node.detail.empty()) line += " " + node.detail;
  if (!node.outputs.empty()) line += " -> " + node.outputs.front().type.name();
  return line;
}

void explainInputs(const Graph& graph, const Node& node, std::string indent, std::string& out) {
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const InputEdge& input = node.inputs[i];
    const bool isLast = i + 1 == node.inputs.size();
    const Node& from = graph.node(input.from);
    out += fmt::format("{}{}[{}] {}\n", indent, isLast ? "`- " : "|- ", edgeLabel(graph, input),
                       headline(from));
    explainInputs(graph, from, indent + (isLast ? "   " : "|  "), out);
  }
}

bool isLeaf(const Graph& graph, std::size_t index) {
  const Node& node = graph.nodes()[index];
  for (std::size_t port = 0; port < node.outputs.size(); ++port) {
    if (graph.isRead(NodeId{index}, port)) return false;
  }
  return true;
}

std::string names(const std::vector<std::string>& all) {
  return all.empty() ? std::string("none") : fmt::format("{}", fmt::join(all, ", "));
}

std::vector<std::string> readersOf(const Graph& graph, std::size_t index) {
  std::vector<std::string> readers;
  for (const Node& node : graph.nodes()) {
    for (const InputEdge& input : node.inputs) {
      if (input.from == NodeId{index}) readers.push_back(node.name);
    }
  }
  return readers;
}

// Kafka Streams' viewers split names at white space.
std::string topologyName(std::string name) {
  constexpr std::string_view kWhiteSpace = " \t\n\r\v\f";
  std::replace_if(
      name.begin(), name.end(),
      [&](char c) { return kWhiteSpace.find(c) != std::string_view::npos; }, '-');
  return name;
}

std::size_t rootOf(std::vector<std::size_t>& parents, std::size_t i) {
  while (parents[i] != i) i = parents[i] = parents[parents[i]];
  return i;
}

// Nodes joined without a shuffle form one sub-topology.
std::vector<std::size_t> stagesOf(const Graph& graph) {
  std::vector<std::size_t> parents(graph.nodes().size());
  for (std::size_t i = 0; i < parents.size(); ++i) parents[i] = i;
  for (std::size_t i = 0; i < parents.size(); ++i) {
    for (const InputEdge& input : graph.nodes()[i].inputs) {
      if (input.exchange) continue;
      const std::size_t a = rootOf(parents, static_cast<std::size_t>(input.from));
      const std::size_t b = rootOf(parents, i);
      parents[std::max(a, b)] = std::min(a, b);
    }
  }
  for (std::size_t i = 0; i < parents.size(); ++i) parents[i] = rootOf(parents, i);
  return parents;
}

std::string describeNode(const Graph& graph, std::size_t index) {
  const Node& node = graph.nodes()[index];
  const std::string name = topologyName(node.name);
  std::vector<std::string> readers = readersOf(graph, index);
  for (std::string& reader : readers) reader = topologyName(reader);
  std::vector<std::string> feeders;
  for (const InputEdge& input : node.inputs)
    feeders.push_back(topologyName(graph.node(input.from).name));
  switch (node.kind) {
    case NodeKind::kSource:
      return fmt::format("    Source: {} (topics: [{}])\n      --> {}\n", name, name,
                         names(readers));
    case NodeKind::kSink:
      return fmt::format("    Sink: {} (topic: {})\n      <-- {}\n", name, name, names(feeders));
    case NodeKind::kOperator:
      break;
  }
  return fmt::format("    Processor: {} (stores: [{}])\n      --> {}\n      <-- {}\n", name,
                     node.isStateful ? name : "", names(readers), names(feeders));
}

}  // namespace

std::string explain(const Graph& graph) {
  std::string out = fmt::format("pipeline '{}'\n", graph.name());
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    if (!isLeaf(graph, i)) continue;
    out += headline(graph.nodes()[i]) + "\n";
    explainInputs(graph, graph.nodes()[i], "", out);
  }
  return out;
}

std::string toDot(const Graph& graph) {
  std::string out =
      fmt::format("digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n", quoted(graph.name()));
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    out += fmt::format("  n{} [label={}];\n", i,
                       quoted(fmt::format("{}\n{}{}{}", node.name, node.verb,
                                          node.detail.empty() ? "" : " ", node.detail)));
  }
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    for (const InputEdge& input : graph.nodes()[i].inputs) {
      out += fmt::format("  n{} -> n{} [label={}];\n", static_cast<std::size_t>(input.from), i,
                         quoted(edgeLabel(graph, input)));
    }
  }
  return out + "}\n";
}

std::string toJson(const Graph& graph) {
  std::vector<std::string> nodes;
  std::vector<std::string> edges;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    const char* kind = node.kind == NodeKind::kSource ? "source"
                       : node.kind == NodeKind::kSink ? "sink"
                                                      : "operator";
    nodes.push_back(fmt::format(
        R"({{"id":{},"kind":"{}","verb":{},"name":{},"detail":{},"stateful":{}}})", i, kind,
        quoted(node.verb), quoted(node.name), quoted(node.detail), node.isStateful));
    for (const InputEdge& input : node.inputs) {
      const OutputInfo& output = graph.node(input.from).outputs[input.port];
      edges.push_back(fmt::format(R"({{"from":{},"to":{},"ship":"{}","output":{},"type":{}}})",
                                  static_cast<std::size_t>(input.from), i,
                                  input.exchange ? "hash" : "forward", quoted(output.name),
                                  quoted(output.type.name())));
    }
  }
  return fmt::format(R"({{"name":{},"nodes":[{}],"edges":[{}]}})", quoted(graph.name()),
                     fmt::join(nodes, ","), fmt::join(edges, ","));
}

std::string describe(const Graph& graph) {
  const std::vector<std::size_t> stages = stagesOf(graph);
  std::string out = "Topologies:\n";
  int number = 0;
  for (std::size_t root = 0; root < stages.size(); ++root) {
    if (stages[root] != root) continue;
    out += fmt::format("   Sub-topology: {}\n", number++);
    for (std::size_t i = root; i < stages.size(); ++i) {
      if (stages[i] == root) out += describeNode(graph, i);
    }
  }
  return out;
}

}  // namespace millrace
