// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/base/type_name.hpp>
#include <millrace/runtime/batch_pool.hpp>
#include <millrace/runtime/operator.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

namespace millrace {

class SinkCommitter;

/// A type of record as the engine knows it: a name to compare and print, and how to make batches.
struct RecordTypeInfo {
  std::string (*nameOf)() = &typeName<void>;
  std::type_index id = typeid(void);  ///< names need not be distinct, as local types show
  BatchPool::Factory makeBatch = nullptr;

  std::string name() const;
};

template <typename T>
RecordTypeInfo recordTypeInfo() {
  return {&typeName<T>, typeid(T), []() -> Batch* { return new TypedBatch<T>; }};
}

/// A node's place in its graph.
enum class NodeId : std::size_t {};

/// How the plan looks where a task is made; operators that work differently on one worker
/// (nothing to shuffle, nothing to combine) ask it.
struct TaskInfo {
  std::size_t worker = 0;
  std::size_t workers = 1;
  /// Common to all tasks of the node in one job: the first that is made may fill it.
  std::shared_ptr<void>* shared = nullptr;
};

/// Makes a node's operator, once for each task. Holds a function from a TaskInfo to a pointer to an
/// operator; copies share it. (A user's program holds one for each verb, and compiles much less for
/// it than for an std::function.)
class OperatorFactory {
 public:
  OperatorFactory();
  template <typename Make>
  requires(!std::same_as<Make, OperatorFactory> && std::invocable<const Make&, const TaskInfo&>)
      OperatorFactory(Make make)
      : OperatorFactory(static_cast<const Maker*>(new MakerOf<Make>(std::move(make)))) {}
  ~OperatorFactory();
  OperatorFactory(const OperatorFactory&) noexcept;
  OperatorFactory& operator=(const OperatorFactory&) noexcept;

  /// REQUIRES: it holds a function.
  std::unique_ptr<Operator> operator()(const TaskInfo& info) const;

 private:
  struct Maker {
    virtual ~Maker();
    virtual std::unique_ptr<Operator> make(const TaskInfo& info) const = 0;
  };
  template <typename Make>
  struct MakerOf final : Maker {
    explicit MakerOf(Make function) : makeOperator(std::move(function)) {}
    std::unique_ptr<Operator> make(const TaskInfo& info) const override {
      return makeOperator(info);
    }
    const Make makeOperator;
  };

  explicit OperatorFactory(const Maker* maker);

  std::shared_ptr<const Maker> maker_;
};

/// The shuffle in front of a keyed node. With one worker there is none.
struct Exchange {
  Exchange();
  ~Exchange();
  Exchange(const Exchange&);
  Exchange& operator=(const Exchange&);

  std::string key;           ///< what is shown of the key, e.g. "string"
  bool isCombining = false;  ///< sends partial results instead of records
  RecordTypeInfo type;       ///< what travels
  /// Makes the operator that spreads its input over `workers` output ports by key group.
  OperatorFactory makePartitioner;
};

/// Where a node reads from.
struct InputEdge {
  NodeId from{};
  std::size_t port = 0;  ///< of the node read from: 0 is its main output
  std::optional<Exchange> exchange;
};

/// One output of a node.
struct OutputInfo {
  std::string name;  ///< "" for the main output, else "late", "dead-letters", a side output's name
  RecordTypeInfo type;
};

enum class NodeKind : std::uint8_t { kSource, kOperator, kSink };

/// An operator's place in the graph.
struct Node {
  Node();
  ~Node();
  Node(const Node&);
  Node(Node&&) noexcept;
  Node& operator=(const Node&);
  Node& operator=(Node&&) noexcept;

  void addInput(NodeId from, std::size_t port);
  void addOutput(std::string_view outputName, const RecordTypeInfo& type);
  /// Puts the shuffle of a keyed node in front of its input. `keyName()` is what is shown of the
  /// key.
  void setExchange(std::string (*keyName)(), bool isCombining, const RecordTypeInfo& type,
                   const OperatorFactory& makePartitioner);

  NodeKind kind = NodeKind::kOperator;
  std::string verb;              ///< what the user called: "map", "aggregate"
  std::string name;              ///< unique in the graph; given by the user or made from the verb
  std::string detail;            ///< what stands behind the verb: "tumbling(1m), lateness 0"
  bool isNamed = false;          ///< the user chose the name
  bool isStateful = false;       ///< keeps state that will be found by name
  bool hasEventTimes = true;     ///< of a source: its records may have event times
  bool needsEventTimes = false;  ///< cannot do with records that have none
  std::vector<InputEdge> inputs;
  std::vector<OutputInfo> outputs;
  OperatorFactory makeOperator;
  /// Sinks: finishes what the writers prepare for a checkpoint. Null: there is nothing to finish.
  std::shared_ptr<const SinkCommitter> committer;
};

/// The plan of a job: nodes in the order they were added, inputs before consumers.
/// The typed verbs write it, the engine reads it; neither knows the other.
///
/// **Thread safety**: none while it is built; a finished graph may be read by many.
class Graph {
 public:
  explicit Graph(std::string name);
  ~Graph();
  Graph(const Graph&);
  Graph(Graph&&) noexcept;
  Graph& operator=(const Graph&);
  Graph& operator=(Graph&&) noexcept;

  const std::string& name() const { return name_; }

  NodeId add(Node node);

  /// Renames a node; a clash is found by validate().
  void rename(NodeId id, std::string_view name);

  const Node& node(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  Node& node(NodeId id) { return nodes_[static_cast<std::size_t>(id)]; }
  const std::vector<Node>& nodes() const { return nodes_; }

  /// Notes something wrong that a verb has seen; validate() reports it with the rest.
  void addFinding(std::string finding);

  /// ok, or one kInvalidArgument status that lists every finding with its fix.
  Status validate() const;

  /// True when some node reads this output.
  bool isRead(NodeId id, std::size_t port) const;

 private:
  void findNameFaults(std::vector<std::string>& findings) const;
  void findDanglingOutputs(std::vector<std::string>& findings) const;
  void findMissingTimes(std::vector<std::string>& findings) const;

  std::string name_;
  std::vector<Node> nodes_;
  std::vector<std::string> findings_;
};

/// The graph that a pipeline and its streams write together.
class SharedGraph {
 public:
  explicit SharedGraph(std::string_view name);
  ~SharedGraph();
  SharedGraph(const SharedGraph&) noexcept;
  SharedGraph& operator=(const SharedGraph&) noexcept;

  Graph& operator*() const { return *graph_; }
  Graph* operator->() const { return graph_.get(); }

 private:
  std::shared_ptr<Graph> graph_;
};

/// The graph as text, for people: one line a node, indented below what it reads.
std::string explain(const Graph& graph);
/// For Graphviz.
std::string toDot(const Graph& graph);
/// {"name":...,"nodes":[...],"edges":[...]}
std::string toJson(const Graph& graph);
/// In the form of Kafka Streams' Topology.describe(), which its viewers read.
std::string describe(const Graph& graph);

}  // namespace millrace
