// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <millrace/base/status.hpp>
#include <millrace/base/type_name.hpp>
#include <millrace/serde/schema.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/heap_bytes.hpp>
#include <millrace/state/keyed_state_store.hpp>

namespace millrace {

/// What a state can hold: it goes into snapshots, and comes back into a fresh value.
template <typename V>
concept StateValue =
    Serialisable<V> && std::is_default_constructible_v<V> && std::is_nothrow_destructible_v<V> &&
    std::is_move_constructible_v<V> && std::is_move_assignable_v<V>;

namespace detail {

// Content of one value with at most one time: has-time (bool), time if so, value.
template <StateValue V>
void writeTimed(const V& value, const Timestamp* time, ByteWriter& out) {
  Serde<bool>::write(time != nullptr, out);
  if (time != nullptr) out.fixed(*time);
  Serde<V>::write(value, out);
}

// Leaves `time` as it is where there is none.
template <StateValue V>
bool readTimed(ByteReader& in, V& value, Timestamp& time) {
  bool hasTime = false;
  return Serde<bool>::read(in, hasTime) && (!hasTime || in.fixed(time)) &&
         Serde<V>::read(in, value);
}

// A cell of one value with at most one time: the ground of value, reducing and
// aggregating state.
template <StateValue V>
class SingleCell {
 public:
  static StatusOr<SingleCell> declare(KeyedStateStore& store, std::string_view name, StateKind kind,
                                      std::optional<StateTtl> ttl) {
    SingleCell single;
    MILLRACE_ASSIGN_OR_RETURN(single.cell_,
                              store.declare(StateDescriptor{std::string(name), kind, typeName<V>(),
                                                            schemasOf<V>(), ttl, &kOps}));
    return single;
  }

  const V* get() const {
    if (!isLive()) return nullptr;
    if (cell_.hasTtl() && cell_.isRefreshedByReads()) {
      cell_.beginWrite();
      stamp() = cell_.now();
    }
    return &value();
  }

  // The value to be written, made by `make()` where there is none; counts as a write.
  template <typename Make>
  V& edit(Make&& make) const {
    const bool isThere = cell_.beginWrite();
    if (!isThere) {
      ::new (cell_.value()) V(make());
      cell_.markPresent();
    } else if (cell_.hasTtl() && stamp() <= cell_.deadline()) {
      value() = make();
    }
    if (cell_.hasTtl()) stamp() = cell_.now();
    return value();
  }

  void set(V&& fresh) const {
    if (cell_.beginWrite()) {
      value() = std::move(fresh);
    } else {
      ::new (cell_.value()) V(std::move(fresh));
      cell_.markPresent();
    }
    if (cell_.hasTtl()) stamp() = cell_.now();
  }

  // True when there is a value that is not expired; an expired one goes at once.
  bool isLive() const {
    if (!cell_.isPresent()) return false;
    if (!cell_.hasTtl() || stamp() > cell_.deadline()) return true;
    cell_.clear();
    return false;
  }

  void clear() const { cell_.clear(); }

 private:
  V& value() const noexcept { return *static_cast<V*>(cell_.value()); }
  Timestamp& stamp() const noexcept { return *static_cast<Timestamp*>(cell_.stamp()); }

  static void destroy(void* value, void*) noexcept { std::destroy_at(static_cast<V*>(value)); }

  static void write(const void* value, const void* stamp, ByteWriter& out) {
    writeTimed(*static_cast<const V*>(value), static_cast<const Timestamp*>(stamp), out);
  }

  static bool read(ByteReader& in, void* value, void* stamp, Timestamp now) {
    Timestamp time = now;
    V fresh{};
    if (!readTimed(in, fresh, time)) return false;
    ::new (value) V(std::move(fresh));
    if (stamp != nullptr) ::new (stamp) Timestamp(time);
    return true;
  }

  static bool expire(void*, void* stamp, Timestamp deadline, ExpiryWalk& walk) {
    if (walk.budget > 0) --walk.budget;
    walk.isFinished = true;
    const bool isExpired = *static_cast<const Timestamp*>(stamp) <= deadline;
    if (isExpired) ++walk.removed;
    return isExpired;
  }

  static std::size_t heapBytesOfCell(const void* value, const void*) {
    return heapBytes(*static_cast<const V*>(value));
  }

  static constexpr CellOps kOps{
      sizeof(V), alignof(V), sizeof(Timestamp), alignof(Timestamp), &destroy,
      &write,    &read,      &expire,           &heapBytesOfCell};

  StateCell cell_;
};

}  // namespace detail

/// Takes the value out of what is stored of a value, reducing or aggregating state (there: the
/// accumulator), or of one entry of a map state. False: the bytes are damaged.
template <StateValue V>
bool readStoredValue(ByteReader& in, V& value) {
  Timestamp time = 0;
  return detail::readTimed(in, value, time) && in.isAtEnd();
}

/// One value per key.
///
/// Every call is about the current key. Pointers and references into the state hold
/// until the value is cleared, set or expires, or the operator returns to the engine.
/// A handle that was never declared reads as empty and throws JobError when written.
/// Thread safety: none. Handles are small and copied freely.
template <StateValue V>
class ValueState {
 public:
  ValueState() = default;

  static StatusOr<ValueState> declare(KeyedStateStore& store, std::string_view name,
                                      std::optional<StateTtl> ttl = {}) {
    ValueState state;
    MILLRACE_ASSIGN_OR_RETURN(state.single_,
                              detail::SingleCell<V>::declare(store, name, StateKind::kValue, ttl));
    return state;
  }

  /// The value, or nullptr when there is none.
  const V* get() const { return single_.get(); }

  V valueOr(V fallback) const {
    const V* value = single_.get();
    return value == nullptr ? std::move(fallback) : *value;
  }

  void set(V value) { single_.set(std::move(value)); }

  /// The value for changing in place, `initial` first where there was none. Counts as a write.
  V& edit(V initial = V{}) {
    return single_.edit([&]() -> V&& { return std::move(initial); });
  }

  /// `change(V&)` on the value, a fresh one where there was none.
  template <typename F>
  void update(F&& change) {
    change(single_.edit([] { return V{}; }));
  }

  bool isEmpty() const { return !single_.isLive(); }
  void clear() { single_.clear(); }

 private:
  detail::SingleCell<V> single_;
};

}  // namespace millrace
