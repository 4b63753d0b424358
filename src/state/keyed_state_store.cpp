// SPDX-License-Identifier: MIT
#include <millrace/state/keyed_state_store.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace {
namespace {

constexpr std::size_t alignUp(std::size_t offset, std::size_t align) {
  return (offset + align - 1) / align * align;
}

// Where handles point that were never declared: no key is ever current here.
class UndeclaredStates final : public KeyedStateStore {
 public:
  UndeclaredStates() : KeyedStateStore(sizeof(RowHead)) {}
  std::size_t entries() override { return 0; }
  std::size_t memoryBytes() const override { return 0; }
  std::size_t expireSome(Timestamp, std::size_t) override { return 0; }
  void writeAll(StateChanges&) override {}

 private:
  RowHead* rowOf(ByteReader&, bool) override { return nullptr; }
  void removeEmptyRow(RowHead&) override {}
  void writeKey(const RowHead&, ByteWriter&) const override {}
  KeyGroup groupOf(const RowHead&) const override { return {}; }
  std::string keyTypeName() const override { return {}; }
  void beforeBarrier() override {}
  RowHead& createRow() override {
    throw JobError("a state is used that open() never declared (assign the handle there)");
  }
};

KeyedStateStore& undeclaredStates() {
  static UndeclaredStates store;
  return store;
}

}  // namespace

KeyedStateStore::KeyedStateStore(std::size_t cellsBegin) : rowSize_(cellsBegin) {}
KeyedStateStore::~KeyedStateStore() = default;

std::string_view nameOf(StateKind kind) noexcept {
  switch (kind) {
    case StateKind::kValue:
      return "value";
    case StateKind::kList:
      return "list";
    case StateKind::kMap:
      return "map";
    case StateKind::kReducing:
      return "reducing";
    case StateKind::kAggregating:
      return "aggregating";
  }
  return "unknown";
}

std::string StateDescriptor::typeText() const {
  return fmt::format("{}<{}>", nameOf(kind), typeName);
}

Status KeyedStateStore::checkDeclaration(const StateDescriptor& wanted) const {
  if (wanted.name.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("a {} state has no name (state is found by name)", wanted.typeText()));
  }
  for (const StateDescriptor& other : states_) {
    if (other.name != wanted.name) continue;
    return absl::InvalidArgumentError(
        fmt::format("state '{}' is declared twice, as {} and as {} (give each state its own name)",
                    wanted.name, other.typeText(), wanted.typeText()));
  }
  if (wanted.ttl && wanted.ttl->duration <= Duration::zero()) {
    return absl::InvalidArgumentError(
        fmt::format("state '{}' has a time to live of {} ms (must be positive)", wanted.name,
                    wanted.ttl->duration.count()));
  }
  if (states_.size() == kMaxStatesPerOperator) {
    return absl::InvalidArgumentError(
        fmt::format("state '{}' is one too many: an operator may declare {}", wanted.name,
                    kMaxStatesPerOperator));
  }
  if (isSealed_) {
    return absl::FailedPreconditionError(fmt::format(
        "state '{}' is declared after the first record (declare states in open())", wanted.name));
  }
  return absl::OkStatus();
}

StatusOr<StateCell> KeyedStateStore::declare(StateDescriptor descriptor) {
  MILLRACE_RETURN_IF_ERROR(checkDeclaration(descriptor));
  const CellOps& ops = *descriptor.ops;
  CellPlace place{};
  place.value = static_cast<std::uint32_t>(alignUp(rowSize_, ops.valueAlign));
  rowSize_ = place.value + ops.valueSize;
  rowAlign_ = std::max(rowAlign_, ops.valueAlign);
  StateCell cell;
  if (descriptor.ttl) {
    place.stamp = static_cast<std::uint32_t>(alignUp(rowSize_, ops.stampAlign));
    rowSize_ = place.stamp + ops.stampSize;
    rowAlign_ = std::max(rowAlign_, ops.stampAlign);
    hasTtl_ = true;
    cell.ttlMillis_ = descriptor.ttl->duration.count();
    cell.refreshesOnRead_ = descriptor.ttl->refresh == TtlRefresh::kOnReadAndWrite;
  }
  cell.store_ = this;
  cell.value_ = place.value;
  cell.stamp_ = place.stamp;
  cell.index_ = static_cast<std::uint32_t>(states_.size());
  cell.bit_ = 1U << cell.index_;
  places_.push_back(place);
  states_.push_back(std::move(descriptor));
  savedSchemas_.emplace_back();
  return cell;
}

void* KeyedStateStore::valueOf(RowHead& row, std::size_t state) const noexcept {
  return reinterpret_cast<std::byte*>(&row) + places_[state].value;
}

void* KeyedStateStore::stampOf(RowHead& row, std::size_t state) const noexcept {
  if (places_[state].stamp == 0) return nullptr;
  return reinterpret_cast<std::byte*>(&row) + places_[state].stamp;
}

void KeyedStateStore::destroyCells(RowHead& row) const noexcept {
  for (std::size_t state = 0; state < states_.size(); ++state) {
    if ((row.present & 1U << state) == 0) continue;
    states_[state].ops->destroy(valueOf(row, state), stampOf(row, state));
  }
  row.present = 0;
}

void KeyedStateStore::destroyCell(RowHead& row, std::size_t state) {
  const CellOps& ops = *states_[state].ops;
  if (isTracked() && ops.elements != nullptr) {
    CellLog log(*this, row, state, changes_);
    ops.elements->logRemovalOfAll(valueOf(row, state), log);
  }
  ops.destroy(valueOf(row, state), stampOf(row, state));
  row.present &= ~(1U << state);
}

bool KeyedStateStore::expireRow(RowHead& row, std::size_t& state, Timestamp now, ExpiryWalk& walk) {
  for (; state < states_.size(); ++state, walk.position = 0) {
    if ((row.present & 1U << state) == 0 || !states_[state].ttl) continue;
    if (walk.budget == 0 || !expireCell(row, state, now, walk)) return false;
  }
  return true;
}

bool KeyedStateStore::expireCell(RowHead& row, std::size_t state, Timestamp now, ExpiryWalk& walk) {
  // Elements are taken out before it is known whether there are any to take out.
  if (isFrozen(row)) writeFrozen(row, frozenChanges_);
  const Timestamp deadline = saturatingSubtract(now, states_[state].ttl->duration.count());
  const std::size_t removedBefore = walk.removed;
  walk.isFinished = false;
  std::optional<CellLog> log;
  if (isTracked()) walk.log = &log.emplace(*this, row, state, changes_);
  const bool isEmpty =
      states_[state].ops->expire(valueOf(row, state), stampOf(row, state), deadline, walk);
  walk.log = nullptr;
  if (walk.removed != removedBefore && isTracked()) noteWrite(row, 1U << state);
  if (isEmpty) destroyCell(row, state);
  return isEmpty || walk.isFinished;
}

std::size_t KeyedStateStore::heapBytesOf(const RowHead& row) const {
  std::size_t bytes = 0;
  auto& head = const_cast<RowHead&>(row);  // only looked at: see CellOps::heapBytes
  for (std::size_t state = 0; state < states_.size(); ++state) {
    if ((row.present & (1U << state)) == 0) continue;
    bytes += states_[state].ops->heapBytes(valueOf(head, state), stampOf(head, state));
  }
  return bytes;
}

StateCell::StateCell() noexcept : store_(&undeclaredStates()) {}

void StateCell::clear() const {
  if (!isPresent()) return;
  beginWrite();
  store_->destroyCell(*store_->current_, index_);
  store_->mayBeEmpty_ = true;
}

void CellLog::erase() {
  eraseElement([](ByteWriter&) {});
}

KeyGroup CellLog::group() {
  if (!group_) group_ = store_.groupOf(row_);
  return *group_;
}

}  // namespace millrace
