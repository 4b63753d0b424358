// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/serde/bytes.hpp>
#include <millrace/state/state_ttl.hpp>

namespace millrace {

enum class StateKind : std::uint8_t {
  kValue = 1,
  kList = 2,
  kMap = 3,
  kReducing = 4,
  kAggregating = 5,
};

/// "value", "list", ...
std::string_view nameOf(StateKind kind) noexcept;

class CellLog;

/// Where a walk over one cell's elements stands, and what it did.
struct ExpiryWalk {
  std::size_t position = 0;  ///< the element to look at next
  std::size_t budget = 0;    ///< elements still to be looked at
  std::size_t removed = 0;   ///< elements taken out so far
  bool isFinished = false;   ///< the cell has no element at `position`
  CellLog* log = nullptr;    ///< told of each element taken out, where elements are stored singly
};

/// For cells that are stored as an entry for each element, so that changing one of many costs
/// one: maps. Such a cell marks the elements that have changed since its changes were written
/// last, and those that are new since then; it logs the removal of the others at once.
struct ElementOps {
  /// Logs a put of each element that has changed, or of all; in the first case unmarks them.
  void (*writeChanged)(void* value, const void* stamp, CellLog& log);
  void (*writeAll)(const void* value, const void* stamp, CellLog& log);
  /// Logs the removal of each element, before the cell is destroyed.
  void (*logRemovalOfAll)(const void* value, CellLog& log);
  /// Adds one element, making the cell first unless it is there; it counts as unchanged. False,
  /// and nothing done, when the bytes are damaged or the cell has the element already.
  bool (*readOne)(ByteReader& element, ByteReader& in, bool isThere, void* value, void* stamp,
                  Timestamp now);
  /// Appends what is stored of one element; false when the cell does not have it.
  bool (*writeOne)(ByteReader& element, const void* value, const void* stamp, ByteWriter& out);
};

/// What the store does to a cell without knowing its type. A cell is a value and,
/// with a TTL, a stamp beside it (`stamp` is null without): one time for a value, one
/// for each element of a list or map.
struct CellOps {
  std::size_t valueSize;
  std::size_t valueAlign;
  std::size_t stampSize;
  std::size_t stampAlign;
  void (*destroy)(void* value, void* stamp) noexcept;
  /// Appends the cell's content, times included.
  void (*write)(const void* value, const void* stamp, ByteWriter& out);
  /// Makes a cell in raw memory. Content without times is as if used at `now`. False,
  /// and no cell made, when the bytes are damaged or hold nothing.
  bool (*read)(ByteReader& in, void* value, void* stamp, Timestamp now);
  /// Takes out elements with time <= deadline; true when none is left.
  bool (*expire)(void* value, void* stamp, Timestamp deadline, ExpiryWalk& walk);
  std::size_t (*heapBytes)(const void* value, const void* stamp);
  const ElementOps* elements = nullptr;  ///< null: the cell is stored whole
};

/// A declared state: what snapshots record about it and restores compare.
struct StateDescriptor {
  std::string name;
  StateKind kind;
  std::string typeName;              ///< of what it holds, e.g. "i64" or "string -> vector<f64>"
  std::vector<std::string> schemas;  ///< of the described structs in what it holds
  std::optional<StateTtl> ttl;
  const CellOps* ops;

  /// "list<string>": kind and type, for messages and snapshots.
  std::string typeText() const;
};

}  // namespace millrace
