// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/state/value_state.hpp>

namespace millrace {

namespace detail {

// Content of a list: has-times (bool), elements, as many times if so; without, they are `now`. An
// empty list is not kept.
template <StateValue V>
bool readTimedList(ByteReader& in, std::vector<V>& values, std::vector<Timestamp>& times,
                   Timestamp now) {
  bool hasTimes = false;
  if (!Serde<bool>::read(in, hasTimes) || !Serde<std::vector<V>>::read(in, values)) return false;
  if (values.empty()) return false;
  times.assign(values.size(), now);
  for (Timestamp& time : times) {
    if (hasTimes && !in.fixed(time)) return false;
  }
  return true;
}

}  // namespace detail

/// Takes the elements out of what is stored of a list state. False: the bytes are damaged.
template <StateValue V>
bool readStoredList(ByteReader& in, std::vector<V>& values) {
  std::vector<Timestamp> times;
  return detail::readTimedList(in, values, times, 0) && in.isAtEnd();
}

/// A list per key, in the order of adding; with a TTL each element expires by itself.
///
/// Every call is about the current key. A view holds until the state is next written
/// or read, or the operator returns to the engine.
/// Thread safety: none. Handles are small and copied freely.
template <StateValue V>
class ListState {
  static_assert(!std::is_same_v<V, bool>,
                "ListState<bool> has no contiguous view: keep std::uint8_t or an enum instead");

 public:
  ListState() = default;

  static StatusOr<ListState> declare(KeyedStateStore& store, std::string_view name,
                                     std::optional<StateTtl> ttl = {}) {
    ListState state;
    MILLRACE_ASSIGN_OR_RETURN(
        state.cell_, store.declare(StateDescriptor{std::string(name), StateKind::kList,
                                                   typeName<V>(), schemasOf<V>(), ttl, &kOps}));
    return state;
  }

  void add(V value) {
    beginWrite();
    values().push_back(std::move(value));
    if (cell_.hasTtl()) stamps().push_back(cell_.now());
  }

  /// Adds every element of a range; an empty range changes nothing.
  template <typename Range>
  void addAll(const Range& range) {
    if (std::begin(range) == std::end(range)) return;
    beginWrite();
    values().insert(values().end(), std::begin(range), std::end(range));
    if (cell_.hasTtl()) stamps().resize(values().size(), cell_.now());
  }

  /// The elements that are not expired.
  std::span<const V> view() const {
    if (!dropExpired()) return {};
    if (cell_.hasTtl() && cell_.isRefreshedByReads()) {
      cell_.beginWrite();
      std::fill(stamps().begin(), stamps().end(), cell_.now());
    }
    return values();
  }

  std::size_t size() const { return dropExpired() ? values().size() : 0; }
  bool isEmpty() const { return !dropExpired(); }
  void clear() { cell_.clear(); }

 private:
  using Values = std::vector<V>;
  using Stamps = std::vector<Timestamp>;

  Values& values() const noexcept { return *static_cast<Values*>(cell_.value()); }
  Stamps& stamps() const noexcept { return *static_cast<Stamps*>(cell_.stamp()); }

  void beginWrite() const {
    if (cell_.beginWrite()) return;
    ::new (cell_.value()) Values();
    if (cell_.hasTtl()) ::new (cell_.stamp()) Stamps();
    cell_.markPresent();
  }

  // True when elements are left.
  bool dropExpired() const {
    if (!cell_.isPresent()) return false;
    if (!cell_.hasTtl()) return true;
    const Timestamp deadline = cell_.deadline();
    const auto isExpired = [=](Timestamp time) { return time <= deadline; };
    if (std::none_of(stamps().begin(), stamps().end(), isExpired)) return true;
    cell_.beginWrite();
    removeUpTo(deadline, values(), stamps());
    if (!values().empty()) return true;
    cell_.clear();
    return false;
  }

  static void removeUpTo(Timestamp deadline, Values& values, Stamps& stamps) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < stamps.size(); ++i) {
      if (stamps[i] <= deadline) continue;
      if (kept != i) {
        values[kept] = std::move(values[i]);
        stamps[kept] = stamps[i];
      }
      ++kept;
    }
    const auto end = static_cast<std::ptrdiff_t>(kept);
    values.erase(values.begin() + end, values.end());
    stamps.erase(stamps.begin() + end, stamps.end());
  }

  static void destroy(void* value, void* stamp) noexcept {
    std::destroy_at(static_cast<Values*>(value));
    if (stamp != nullptr) std::destroy_at(static_cast<Stamps*>(stamp));
  }

  static void write(const void* value, const void* stamp, ByteWriter& out) {
    Serde<bool>::write(stamp != nullptr, out);
    Serde<Values>::write(*static_cast<const Values*>(value), out);
    if (stamp == nullptr) return;
    for (const Timestamp time : *static_cast<const Stamps*>(stamp)) out.fixed(time);
  }

  static bool read(ByteReader& in, void* value, void* stamp, Timestamp now) {
    Values values;
    Stamps stamps;
    if (!detail::readTimedList(in, values, stamps, now)) return false;
    ::new (value) Values(std::move(values));
    if (stamp != nullptr) ::new (stamp) Stamps(std::move(stamps));
    return true;
  }

  // Whole at a time: taking elements out of the middle moves all later ones anyway.
  static bool expire(void* value, void* stamp, Timestamp deadline, ExpiryWalk& walk) {
    Values& values = *static_cast<Values*>(value);
    const std::size_t before = values.size();
    removeUpTo(deadline, values, *static_cast<Stamps*>(stamp));
    walk.budget -= std::min(walk.budget, before);
    walk.removed += before - values.size();
    walk.isFinished = true;
    return values.empty();
  }

  static std::size_t heapBytesOfCell(const void* value, const void* stamp) {
    return heapBytes(*static_cast<const Values*>(value)) +
           (stamp == nullptr ? 0 : heapBytes(*static_cast<const Stamps*>(stamp)));
  }

  static constexpr CellOps kOps{sizeof(Values),  alignof(Values), sizeof(Stamps),
                                alignof(Stamps), &destroy,        &write,
                                &read,           &expire,         &heapBytesOfCell};

  StateCell cell_;
};

}  // namespace millrace
