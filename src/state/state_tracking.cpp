// SPDX-License-Identifier: MIT
// The half of KeyedStateStore that checkpoints see: what changed, and how it comes back.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <millrace/state/keyed_state_store.hpp>

namespace millrace {
namespace {

// What looking at a row costs, in bytes of a snapshot's limit: rows that are written
// already must not make a call long either.
constexpr std::size_t kRowCost = 16;
constexpr std::size_t kRowsAhead = 8;

}  // namespace

StateDeclaration KeyedStateStore::declarationOf(std::size_t state) const {
  const StateDescriptor& descriptor = states_[state];
  return {descriptor.name, std::string(nameOf(descriptor.kind)), keyTypeName(), descriptor.typeName,
          descriptor.schemas};
}

void KeyedStateStore::setStateIds(std::vector<StateId> ids) {
  MILLRACE_CHECK(ids.size() == states_.size(), "each state has an id");
  ids_ = std::move(ids);
}

std::optional<std::size_t> KeyedStateStore::indexOf(StateId id) const noexcept {
  const auto found = std::find(ids_.begin(), ids_.end(), id);
  if (found == ids_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - ids_.begin());
}

Status KeyedStateStore::setSavedSchemas(std::size_t state,
                                        const std::vector<std::string>& schemas) {
  const std::string doing =
      fmt::format("reading what was saved of state '{}'", states_[state].name);
  StatusOr<SavedSchemas> saved = SavedSchemas::parse(schemas);
  if (!saved.ok()) return annotate(saved.status(), doing);
  MILLRACE_RETURN_IF_ERROR(annotate(saved->checkReadableAs(states_[state].schemas), doing));
  savedSchemas_[state] = *std::move(saved);
  return absl::OkStatus();
}

bool KeyedStateStore::isFrozen(const RowHead& row) const noexcept {
  const std::uint32_t tag = row.marks & RowMarks::kTags;
  return tag != 0 && tag != tag_;
}

std::uint32_t KeyedStateStore::marksOfNewRow(std::uint32_t before) const noexcept {
  if (!isTracked()) return RowMarks::kInUse | RowMarks::kStates;
  const bool isListed = (before & RowMarks::kTags) == tag_;
  return RowMarks::kInUse | RowMarks::kNew | (isListed ? tag_ : 0);
}

void KeyedStateStore::noteWrite(RowHead& row, std::uint32_t stateBit) {
  if ((row.marks & RowMarks::kTags) != tag_) {
    changedRows_.push_back(&row);
    if (isFrozen(row)) writeFrozen(row, frozenChanges_);
    row.marks = (row.marks & ~RowMarks::kGeneration) | tag_ |
                settling_.generation() << RowMarks::kGenerationShift;
  }
  row.marks |= stateBit;
}

std::uint32_t KeyedStateStore::noteRemoval(const RowHead& row) {
  // A row is removed because a cell was, in this epoch; but for rows that failed to be made.
  const std::uint32_t tag = row.marks & RowMarks::kTags;
  if (isTracked() && tag == tag_ && (row.marks & RowMarks::kNew) == 0) {
    for (std::size_t state = 0; state < states_.size(); ++state) {
      const bool hasChanged = (row.marks & 1U << state) != 0;
      if (!hasChanged || states_[state].ops->elements != nullptr) continue;
      CellLog(*this, row, state, changes_).erase();
    }
  }
  return tag;
}

void KeyedStateStore::beginSnapshot() {
  MILLRACE_CHECK(isTracked(), "a snapshot of state whose changes are not tracked");
  MILLRACE_CHECK(frozenRows_.empty() && frozenChanges_.isEmpty(),
                 "a snapshot begins before the last one is written");
  beforeBarrier();
  if (isOverBase()) settling_.begin(*below_);
  std::swap(changedRows_, frozenRows_);
  std::swap(changes_, frozenChanges_);
  tag_ ^= RowMarks::kTags;
}

bool KeyedStateStore::writeSnapshot(StateChanges& out, std::size_t limit) {
  const std::size_t before = out.size();
  out.append(std::move(frozenChanges_));
  for (std::size_t rows = 0; nextFrozen_ < frozenRows_.size(); ++rows) {
    if (rows > 0 && out.size() - before + rows * kRowCost >= limit) return true;
    // They lie anywhere in memory.
    if (nextFrozen_ + kRowsAhead < frozenRows_.size())
      __builtin_prefetch(frozenRows_[nextFrozen_ + kRowsAhead]);
    RowHead& row = *frozenRows_[nextFrozen_++];
    if (isFrozen(row)) writeFrozen(row, out);
  }
  frozenRows_.clear();
  nextFrozen_ = 0;
  return false;
}

// Leaves the row without a tag. The state bits of a place that is not in use mean nothing.
void KeyedStateStore::writeFrozen(RowHead& row, StateChanges& out) {
  const bool isInUse = (row.marks & RowMarks::kInUse) != 0;
  for (std::size_t state = 0; isInUse && state < states_.size(); ++state) {
    const std::uint32_t bit = 1U << state;
    if ((row.marks & bit) == 0) continue;
    const CellOps& ops = *states_[state].ops;
    CellLog log(*this, row, state, out);
    if ((row.present & bit) == 0) {
      if (ops.elements == nullptr && (row.marks & RowMarks::kNew) == 0) log.erase();
    } else if (ops.elements != nullptr) {
      ops.elements->writeChanged(valueOf(row, state), stampOf(row, state), log);
    } else {
      log.put([&](ByteWriter& to) { ops.write(valueOf(row, state), stampOf(row, state), to); });
    }
  }
  row.marks &= RowMarks::kInUse | RowMarks::kGeneration | RowMarks::kUsed | RowMarks::kEmpty;
}

void KeyedStateStore::writeCells(const RowHead& row, StateChanges& out) const {
  auto& head = const_cast<RowHead&>(row);  // only looked at: see CellOps::write
  for (std::size_t state = 0; state < states_.size(); ++state) {
    if ((row.present & 1U << state) == 0) continue;
    const CellOps& ops = *states_[state].ops;
    CellLog log(*this, row, state, out);
    if (ops.elements != nullptr) {
      ops.elements->writeAll(valueOf(head, state), stampOf(head, state), log);
    } else {
      log.put([&](ByteWriter& to) { ops.write(valueOf(head, state), stampOf(head, state), to); });
    }
  }
}

bool KeyedStateStore::readCell(RowHead& row, std::size_t state, ByteReader& key,
                               std::string_view value) {
  const CellOps& ops = *states_[state].ops;
  const std::uint32_t bit = 1U << state;
  const bool isThere = (row.present & bit) != 0;
  ByteReader in(value, &savedSchemas_[state]);
  bool isRead = false;
  if (ops.elements != nullptr) {
    isRead =
        ops.elements->readOne(key, in, isThere, valueOf(row, state), stampOf(row, state), now_);
  } else if (!isThere) {
    isRead = ops.read(in, valueOf(row, state), stampOf(row, state), now_);
  }
  if (isRead) row.present |= bit;
  return isRead && key.isAtEnd() && in.isAtEnd();
}

Status KeyedStateStore::restoreEntry(std::size_t state, std::string_view key,
                                     std::string_view value) {
  MILLRACE_CHECK(state < states_.size(), "an entry of a state that is not declared");
  ByteReader keyIn(key);
  RowHead* row = rowOf(keyIn, true);
  bool isRead = false;
  if (row != nullptr) {
    const std::uint32_t presentBefore = row->present;
    isRead = readCell(*row, state, keyIn, value);
    // Half a cell is none; of a map that was there before, what has been read stays.
    const std::uint32_t bit = 1U << state;
    if (!isRead && (row->present & ~presentBefore & bit) != 0) {
      states_[state].ops->destroy(valueOf(*row, state), stampOf(*row, state));
      row->present &= ~bit;
    }
    if (row->present == 0) removeEmptyRow(*row);
  }
  if (isRead) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("an entry of state '{}' is damaged, or stored twice", states_[state].name));
}

bool KeyedStateStore::readEntry(std::size_t state, std::string_view key, std::string& out) {
  ByteReader keyIn(key);
  RowHead* row = rowOf(keyIn, false);
  if (row == nullptr) return false;
  ExpiryWalk walk{.budget = static_cast<std::size_t>(-1)};
  const bool wasThere = (row->present & 1U << state) != 0;
  if (wasThere && states_[state].ttl) expireCell(*row, state, now_, walk);
  bool isThere = (row->present & 1U << state) != 0;
  if (isThere) {
    const CellOps& ops = *states_[state].ops;
    ByteWriter to(out);
    if (keyIn.isAtEnd()) {
      ops.write(valueOf(*row, state), stampOf(*row, state), to);
    } else {
      isThere = ops.elements != nullptr &&
                ops.elements->writeOne(keyIn, valueOf(*row, state), stampOf(*row, state), to);
    }
  }
  if (row->present == 0) removeEmptyRow(*row);
  return isThere;
}

std::size_t KeyedStateStore::trackingBytes() const noexcept {
  return (changedRows_.capacity() + frozenRows_.capacity()) * sizeof(RowHead*) + changes_.size() +
         frozenChanges_.size();
}

}  // namespace millrace
