// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace {

/// A state of one operator, within one state directory: stored keys carry it. The same from run to
/// run; given out by OperatorContext::declareState().
enum class StateId : std::uint16_t {};

/// What an operator says of a state it keeps, for checkpoints to record and restores to compare.
/// A state is found by the names of its operator and itself, never by a position.
struct StateDeclaration {
  std::string name;       ///< unique within the operator: "count", "timers"
  std::string kind;       ///< "value", "map", "window slices", ...
  std::string keyType;    ///< as typeName() spells it: "string"
  std::string valueType;  ///< as typeName() spells it: "i64"
  /// Schemas of the described structs in it, as schemaText() spells them: with these, bytes of an
  /// older version of a struct can be read.
  std::vector<std::string> schemas;

  friend bool operator==(const StateDeclaration&, const StateDeclaration&) = default;
};

}  // namespace millrace
