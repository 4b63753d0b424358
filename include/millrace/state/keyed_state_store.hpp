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
#include <millrace/serde/schema.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/settling.hpp>
#include <millrace/state/state_below.hpp>
#include <millrace/state/state_changes.hpp>
#include <millrace/state/state_declaration.hpp>
#include <millrace/state/state_descriptor.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {

/// How many states one operator may declare: each is a bit in its rows.
inline constexpr std::size_t kMaxStatesPerOperator = 20;

/// The head of a row; key and cells lie behind it at fixed offsets.
struct RowHead {
  std::uint32_t present = 0;  ///< bit i: state i has a cell
  std::uint32_t marks = 0;    ///< see RowMarks
};

/// What a row's marks say, where changes are tracked. Epochs take turns with two tags, so that a
/// barrier turns all rows of the epoch into frozen ones by changing what the current tag is:
///
/// - no tag: nothing of the row has changed since its changes were written last;
/// - the current tag: it is in the list of rows that changed in this epoch; bit i says that
///   state i was written or cleared in it, `kNew` that the row was made in it;
/// - the other tag: frozen. The same of the epoch before, whose changes of this row are not
///   written yet: they are before anything else happens to the row.
///
/// A place in the arena that is not in use keeps its tag, and with it its place in a list.
///
/// Over a base (see KeyedStateStore::setBelow()) they also say how old the row's last change is, in
/// generations, whether the row was used of late, and whether it is there only to say that its key
/// has no state although there is some below.
struct RowMarks {
  static constexpr std::uint32_t kNew = 1U << 20;
  static constexpr std::uint32_t kEmpty = 1U << 21;
  static constexpr std::uint32_t kUsed = 1U << 22;
  static constexpr unsigned kGenerationShift = 23;
  static constexpr std::uint32_t kGeneration = 7U << kGenerationShift;  // 0: settled long since
  static constexpr std::uint32_t kTags = 3U << 29;
  static constexpr std::uint32_t kFirstTag = 1U << 29;
  static constexpr std::uint32_t kInUse = 1U << 31;
  static constexpr std::uint32_t kStates = kNew - 1;
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
///    until the next key becomes current). Over a base a row may be away while it is settled and
///    not in use; an empty one stays until its removal is settled.
/// 3. No call on the record path reads a clock: time is what setProcessingTime said.
/// 4. The changes of all epochs, one after the other, put into a map from state and key to value
///    give what the store held at the last barrier. An entry is a state of a key: its key is
///    Serde<K>, its value the cell's content; but maps have an entry for each of theirs: key,
///    then the map's key.
/// Thread safety: none; a worker's own.
class KeyedStateStore {
 public:
  virtual ~KeyedStateStore();
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
  /// Over a base it is those of all the operator's instances together that count: after a change of
  /// workers one of them counts for the others, which may then be below zero, modulo 2^64.
  virtual std::size_t entries() = 0;

  /// What the store holds: rows and table exactly, what values hold on the heap
  /// extrapolated from a few hundred rows.
  virtual std::size_t memoryBytes() const = 0;

  /// Removes expired state, looking at no more than about `limit` rows and elements
  /// (a list is looked at whole); the next call carries on where this one stopped.
  /// Over a base, now and then a few hundred entries below are looked at too.
  /// Ends the use of the current key. Returns how many values and elements went.
  virtual std::size_t expireSome(Timestamp now, std::size_t limit) = 0;

  /// How state `state` is declared to checkpoints.
  StateDeclaration declarationOf(std::size_t state) const;

  /// Which id stands for each state, in order. REQUIRES: as many as states().
  void setStateIds(std::vector<StateId> ids);
  StateId idOf(std::size_t state) const noexcept { return ids_[state]; }
  /// The state's index; kNotFound: none has this id.
  std::optional<std::size_t> indexOf(StateId id) const noexcept;

  /// Lets restoreEntry() read what was written under these schemas too (of a state saved by an
  /// older program). kFailedPrecondition: they cannot be read as today's; the message names
  /// state, struct and field.
  Status setSavedSchemas(std::size_t state, const std::vector<std::string>& schemas);

  /// Notes from now on what changes. REQUIRES: setStateIds(), no keys yet.
  void trackChanges() noexcept { tag_ = RowMarks::kFirstTag; }
  bool isTracked() const noexcept { return tag_ != 0; }

  /// Lets rows go to what lies below when memory is short, and fetches them when their keys come.
  /// `holdsEntries`: there are entries of these states below already; restoreEntry() is then not
  /// called for them. `own`: the key groups whose keys come here. REQUIRES: isTracked(), no keys
  /// yet; `below` outlives the store.
  void setBelow(StateBelow& below, bool holdsEntries, KeyGroupRange own);
  bool isOverBase() const noexcept { return below_ != nullptr; }
  /// Counts entries that are below.
  void addEntriesBelow(std::size_t entries) noexcept { entriesBelow_ += entries; }

  /// Ends an epoch: the changes up to now are what writeSnapshot() writes. Takes the same time
  /// however many they are. REQUIRES: isTracked(), writeSnapshot() has answered false.
  void beginSnapshot();

  /// Appends about `limit` bytes of them to `out`, with the values of the time of beginSnapshot();
  /// the states may be used between the calls. True: there are more. One key's state is written
  /// at once, however large.
  bool writeSnapshot(StateChanges& out, std::size_t limit);

  /// Appends a put of every entry. REQUIRES: setStateIds().
  virtual void writeAll(StateChanges& out) = 0;

  /// Puts an entry back that was written before; it counts as unchanged. Content without a time
  /// is as if used now. kDataLoss: the bytes are damaged, or the entry is there already.
  /// Ends the use of the current key.
  Status restoreEntry(std::size_t state, std::string_view key, std::string_view value);

  /// Appends the content of an entry, as writeSnapshot() would write it now; with the key alone,
  /// of a whole map: has-times (bool), count, then key, value and time, if so, of each entry.
  /// False, and nothing appended: there is no such entry. Ends the use of the current key.
  bool readEntry(std::size_t state, std::string_view key, std::string& out);

 protected:
  friend class StateCell;
  friend class CellLog;

  struct CellPlace {
    std::uint32_t value;
    std::uint32_t stamp;  // 0: no TTL
  };

  explicit KeyedStateStore(std::size_t cellsBegin);

  // Makes the row of the current key. Throws JobError when there is no current key.
  virtual RowHead& createRow() = 0;
  // The row of a serialised key, a new one where there is none and `mayMake`; null: there is
  // none, or the bytes are no key. Ends the use of the current key.
  virtual RowHead* rowOf(ByteReader& key, bool mayMake) = 0;
  virtual void removeEmptyRow(RowHead& row) = 0;
  virtual void writeKey(const RowHead& row, ByteWriter& out) const = 0;
  virtual KeyGroup groupOf(const RowHead& row) const = 0;
  virtual std::string keyTypeName() const = 0;
  // A row that has lost its last cell goes before the epoch ends.
  virtual void beforeBarrier() = 0;

  void* valueOf(RowHead& row, std::size_t state) const noexcept;
  void* stampOf(RowHead& row, std::size_t state) const noexcept;
  void destroyCells(RowHead& row) const noexcept;
  // REQUIRES: noteWrite() of it.
  void destroyCell(RowHead& row, std::size_t state);
  // Walks the row's cells from state `state`; false when the budget ended it.
  bool expireRow(RowHead& row, std::size_t& state, Timestamp now, ExpiryWalk& walk);
  // REQUIRES: the row has the cell, and the state a TTL. False: the budget ended it.
  bool expireCell(RowHead& row, std::size_t state, Timestamp now, ExpiryWalk& walk);
  std::size_t heapBytesOf(const RowHead& row) const;

  // The marks of a new row, in a place that had `before`.
  std::uint32_t marksOfNewRow(std::uint32_t before) const noexcept;
  // Notes that a state is about to change. Out of the way of StateCell::beginWrite(), which calls
  // it once a row, state and epoch.
  void noteWrite(RowHead& row, std::uint32_t stateBit);
  // Reads what is below of a key; false when nothing is. Throws JobError.
  bool fetch(KeyGroup group, std::string_view key);
  // Walks on through what is below, if it is time, and removes what has expired there, as if its
  // keys had come. Ends the use of the current key. Returns how many went. Throws JobError.
  std::size_t sweepBelow(Timestamp now);
  // Makes the cells of a new row of what was fetched.
  void fillFetched(RowHead& row);
  // Whether a row may go now. Clears the mark of its use, so that the answer may be another next
  // time.
  bool mayEvict(RowHead& row) const noexcept;

  // Logs the end of a row without cells; what its place keeps as marks.
  std::uint32_t noteRemoval(const RowHead& row);
  void writeCells(const RowHead& row, StateChanges& out) const;
  std::size_t trackingBytes() const noexcept;
  std::size_t changedRows() const noexcept { return changedRows_.size(); }

  RowHead* current_ = nullptr;  // null: no key, or a key without a row
  Timestamp now_ = 0;
  std::uint32_t tag_ = 0;    // of the current epoch; 0: not tracked
  bool mayBeEmpty_ = false;  // the current row may have lost its last cell
  bool isSealed_ = false;    // set by the first row
  bool hasTtl_ = false;
  StateBelow* below_ = nullptr;   // null: all there is is in the table
  bool looksBelow_ = false;       // there may be entries below that are not in the table
  std::size_t entriesBelow_ = 0;  // ... and so many keys of them
  std::string fetchKey_;          // of the key being fetched
  std::size_t rowSize_;
  std::size_t rowAlign_ = alignof(RowHead);
  std::vector<StateDescriptor> states_;
  std::vector<CellPlace> places_;

 private:
  struct Fetched {
    std::size_t state;
    std::string element;  // of a map; else empty
    std::string value;
  };

  // Where sweepBelow() goes on.
  struct Sweep {
    std::uint32_t group = 0;
    std::size_t state = 0;
    std::string begin;
    Timestamp roundAt = kMinTimestamp;  // when this round began
    Timestamp nextAt = kMinTimestamp;
  };

  bool sweepState(Timestamp now, std::size_t& budget, std::vector<std::string>& expired);
  std::size_t expireBelow(std::string_view key, Timestamp now);
  Status fetchCell(std::size_t state, KeyGroup group, std::string_view key);
  Status checkDeclaration(const StateDescriptor& descriptor) const;
  bool isFrozen(const RowHead& row) const noexcept;
  void writeFrozen(RowHead& row, StateChanges& out);
  bool readCell(RowHead& row, std::size_t state, ByteReader& key, std::string_view value);

  std::vector<StateId> ids_;
  std::vector<SavedSchemas> savedSchemas_;
  // Rows of this epoch and of the one before. Rows never move, and a place stays one.
  std::vector<RowHead*> changedRows_;
  std::vector<RowHead*> frozenRows_;
  std::size_t nextFrozen_ = 0;
  std::vector<Fetched> fetched_;
  Settling settling_;  // over a base
  KeyGroupRange ownGroups_{};
  Sweep sweep_;
  StateChanges changes_;        // removals of this epoch
  StateChanges frozenChanges_;  // of the one before; rows that had to be written early too
};

/// Where the changes of one cell's elements are written to.
class CellLog {
 public:
  CellLog(const KeyedStateStore& store, const RowHead& row, std::size_t state, StateChanges& out)
      : store_(store), row_(row), state_(store.ids_[state]), out_(out) {}

  /// Each function appends its bytes to a ByteWriter.
  template <typename WriteElement, typename WriteValue>
  void putElement(WriteElement&& writeElement, WriteValue&& writeValue) {
    out_.put(
        state_, group(), [&](ByteWriter& out) { store_.writeKey(row_, out), writeElement(out); },
        writeValue);
  }
  template <typename WriteElement>
  void eraseElement(WriteElement&& writeElement) {
    out_.erase(state_, group(),
               [&](ByteWriter& out) { store_.writeKey(row_, out), writeElement(out); });
  }

  /// The cell as a whole.
  template <typename WriteValue>
  void put(WriteValue&& writeValue) {
    putElement([](ByteWriter&) {}, writeValue);
  }
  void erase();

 private:
  KeyGroup group();

  const KeyedStateStore& store_;
  const RowHead& row_;
  StateId state_;
  StateChanges& out_;
  std::optional<KeyGroup> group_;
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
    RowHead& row = *store_->current_;
    if ((row.marks & (RowMarks::kTags | bit_)) != (store_->tag_ | bit_)) [[unlikely]]
      store_->noteWrite(row, bit_);
    return (row.present & bit_) != 0;
  }
  void markPresent() const noexcept { store_->current_->present |= bit_; }

  /// Whether cells with elements have to mark those that change, and log their removal.
  bool isTracked() const noexcept { return store_->tag_ != 0; }
  /// REQUIRES: isTracked(), isPresent(), beginWrite() just before.
  CellLog log() const { return CellLog(*store_, *store_->current_, index_, store_->changes_); }

  /// Removes the cell, if there is one.
  void clear() const;

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
