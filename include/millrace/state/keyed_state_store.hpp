// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/base/check.hpp>
#include <millrace/base/status.hpp>
#include <millrace/state/state_descriptor.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {

/// How many states one operator may declare: each is a bit in its rows.
inline constexpr std::size_t kMaxStatesPerOperator = 31;

/// The head of a row; key and cells lie behind it at fixed offsets.
struct RowHead {
  std::uint32_t present = 0;  ///< bit i: state i has a cell
  std::uint32_t changed = 0;  ///< bit i: state i was written or cleared since clearChanges()
};

class StateCell;

/// The keyed states of one operator instance: one row per key, one cell per declared
/// state and key. This half knows no user type; `KeyedRows<K>` adds the key.
///
/// Use: states are declared once, in open(), through the handles' `declare` (or the
/// user's context, see state_context.hpp). Then for every record the engine makes the
/// record's key current, and all handles work on that key's row.
///
/// Invariants:
/// 1. The layout of rows is fixed from the first row on: declaring later is an error.
/// 2. A row is there exactly while it has a cell (the current key's row may be empty
///    until the next key becomes current).
/// 3. No call on the record path reads a clock: time is what setProcessingTime said.
/// Thread safety: none; a worker's own.
class KeyedStateStore {
 public:
  virtual ~KeyedStateStore() = default;
  KeyedStateStore(const KeyedStateStore&) = delete;
  KeyedStateStore& operator=(const KeyedStateStore&) = delete;

  /// Declares a state and lays out its cell. Errors (kInvalidArgument): the name is
  /// empty or taken (the message shows both types), the TTL is not positive, too many
  /// states; kFailedPrecondition: there are rows already. Called by the handles.
  StatusOr<StateCell> declare(StateDescriptor descriptor);

  /// In order of declaration; the position is the state's index.
  const std::vector<StateDescriptor>& states() const noexcept { return states_; }

  /// Sets the time of what follows, in milliseconds; once a batch is enough. At first it
  /// is 0; an earlier time than the last is ignored, for what has expired stays expired
  /// when the clock is set back.
  void setProcessingTime(Timestamp now) noexcept { now_ = now > now_ ? now : now_; }
  Timestamp processingTime() const noexcept { return now_; }

  /// Keys with any state.
  virtual std::size_t entries() = 0;

  /// What the store holds: rows and table exactly, what values hold on the heap
  /// extrapolated from a few hundred rows.
  virtual std::size_t memoryBytes() const = 0;

  /// Removes expired state, looking at no more than about `limit` rows and elements
  /// (a list is looked at whole); the next call carries on where this one stopped.
  /// Ends the use of the current key. Returns how many values and elements went.
  virtual std::size_t expireSome(Timestamp now, std::size_t limit) = 0;

 protected:
  friend class StateCell;

  struct CellPlace {
    std::uint32_t value;
    std::uint32_t stamp;  // 0: no TTL
  };

  explicit KeyedStateStore(std::size_t cellsBegin) : rowSize_(cellsBegin) {}

  // Makes the row of the current key. Throws JobError when there is no current key.
  virtual RowHead& createRow() = 0;

  void* valueOf(RowHead& row, std::size_t state) const noexcept;
  void* stampOf(RowHead& row, std::size_t state) const noexcept;
  void destroyCells(RowHead& row) const noexcept;
  void destroyCell(RowHead& row, std::size_t state) const noexcept;
  // Walks the row's cells from state `state`; false when the budget ended it.
  bool expireRow(RowHead& row, std::size_t& state, Timestamp now, ExpiryWalk& walk);
  std::size_t heapBytesOf(const RowHead& row) const;
  void writeCells(const RowHead& row, ByteWriter& out) const;
  Status readCells(RowHead& row, ByteReader& in) const;

  RowHead* current_ = nullptr;  // null: no key, or a key without a row
  Timestamp now_ = 0;
  bool mayBeEmpty_ = false;  // the current row may have lost its last cell
  bool isSealed_ = false;    // set by the first row
  bool hasTtl_ = false;
  std::size_t rowSize_;
  std::size_t rowAlign_ = alignof(RowHead);
  std::vector<StateDescriptor> states_;
  std::vector<CellPlace> places_;

 private:
  Status checkDeclaration(const StateDescriptor& descriptor) const;
};

/// One state's place in the rows: what every handle is made of. A cell that was never
/// declared is absent for every key, and writing it throws JobError.
class StateCell {
 public:
  StateCell() noexcept;

  /// True when the current key has this cell.
  bool isPresent() const noexcept {
    const RowHead* row = store_->current_;
    return row != nullptr && (row->present & bit_) != 0;
  }

  /// REQUIRES: isPresent(), or createCell's memory is meant.
  void* value() const noexcept { return at(value_); }
  void* stamp() const noexcept { return stamp_ == 0 ? nullptr : at(stamp_); }

  bool hasTtl() const noexcept { return stamp_ != 0; }
  bool isRefreshedByReads() const noexcept { return refreshesOnRead_; }
  Timestamp now() const noexcept { return store_->now_; }

  /// What was last used then or before is expired now.
  Timestamp deadline() const noexcept { return saturatingSubtract(store_->now_, ttlMillis_); }

  /// Notes that the cell is about to be written, making the row first when there is
  /// none. True when the cell is there; else its memory is raw, and the caller makes
  /// value and stamp in it, then calls markPresent().
  bool beginWrite() const {
    if (store_->current_ == nullptr) [[unlikely]]
      store_->current_ = &store_->createRow();
    store_->current_->changed |= bit_;
    return (store_->current_->present & bit_) != 0;
  }
  void markPresent() const noexcept { store_->current_->present |= bit_; }

  /// Removes the cell, if there is one.
  void clear() const noexcept;

 private:
  friend class KeyedStateStore;

  void* at(std::uint32_t offset) const noexcept {
    return reinterpret_cast<std::byte*>(store_->current_) + offset;
  }

  KeyedStateStore* store_;
  std::uint32_t value_ = 0;
  std::uint32_t stamp_ = 0;
  std::uint32_t bit_ = 1;
  std::uint32_t index_ = 0;
  Timestamp ttlMillis_ = 0;
  bool refreshesOnRead_ = false;
};

}  // namespace millrace
