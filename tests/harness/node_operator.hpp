// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include <millrace/dsl/pipeline.hpp>
#include <millrace/testing/operator_harness.hpp>

namespace millrace::test {

inline const Node& nodeNamed(const Graph& graph, const std::string& name) {
  for (const Node& node : graph.nodes()) {
    if (node.name == name) return node;
  }
  throw std::invalid_argument("no node is named " + name);
}

/// Makes the operator that a verb has put into the pipeline under `name`.
inline testing::OperatorHarness::MakeOperator operatorOf(const Pipeline& pipeline,
                                                         const std::string& name,
                                                         std::size_t workers = 1) {
  return [make = nodeNamed(pipeline.graph(), name).makeOperator, workers] {
    std::shared_ptr<void> shared;
    return make({0, workers, &shared});
  };
}

/// Makes the sending half of the shuffle in front of `name`.
inline testing::OperatorHarness::MakeOperator partitionerOf(const Pipeline& pipeline,
                                                            const std::string& name,
                                                            std::size_t workers) {
  return [make = nodeNamed(pipeline.graph(), name).inputs.at(0).exchange.value().makePartitioner,
          workers] {
    return make({0, workers, nullptr});
  };
}

}  // namespace millrace::test
