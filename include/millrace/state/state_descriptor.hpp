// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

/// Where a walk over one cell's elements stands, and what it did.
struct ExpiryWalk {
  std::size_t position = 0;  ///< the element to look at next
  std::size_t budget = 0;    ///< elements still to be looked at
  std::size_t removed = 0;   ///< elements taken out so far
  bool isFinished = false;   ///< the cell has no element at `position`
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
  std::size_t (*heapBytes)(const void* value);
};

/// A declared state: what snapshots record about it and restores compare.
struct StateDescriptor {
  std::string name;
  StateKind kind;
  std::string typeName;  ///< of what it holds, e.g. "i64" or "string -> vector<f64>"
  std::optional<StateTtl> ttl;
  const CellOps* ops;

  /// "list<string>": kind and type, for messages and snapshots.
  std::string typeText() const;
};

}  // namespace millrace
