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

#include <millrace/state/dense_map.hpp>
#include <millrace/state/value_state.hpp>

namespace millrace {

/// A map per key; with a TTL each entry expires by itself.
///
/// Every call is about the current key. Pointers, references and `entries()` hold
/// until the state is next written or read, or the operator returns to the engine.
/// Order of entries: that of insertion, until one is removed and the last takes its
/// place; the same in every run of the same calls.
/// Thread safety: none. Handles are small and copied freely.
template <typename MK, typename MV>
requires StateValue<MK> && StablyHashable<MK> && StateValue<MV>
class MapState {
 public:
  using Map = DenseMap<MK, MV>;
  /// { MK key; MV value; }: `for (const auto& [key, value] : state.entries())`.
  using Entry = typename Map::Entry;

  MapState() = default;

  static StatusOr<MapState> declare(KeyedStateStore& store, std::string_view name,
                                    std::optional<StateTtl> ttl = {}) {
    MapState state;
    MILLRACE_ASSIGN_OR_RETURN(
        state.cell_,
        store.declare(StateDescriptor{std::string(name), StateKind::kMap,
                                      typeName<MK>() + " -> " + typeName<MV>(), ttl, &kOps}));
    return state;
  }

  /// The entry's value, or nullptr.
  const MV* get(const MK& key) const {
    const std::size_t position = findLive(key);
    if (position == Map::kNone) return nullptr;
    if (cell_.hasTtl() && cell_.isRefreshedByReads()) touch(position);
    return &map().valueAt(position);
  }
  bool contains(const MK& key) const { return get(key) != nullptr; }

  void put(MK key, MV value) {
    const std::size_t position = positionForWrite(std::move(key));
    map().valueAt(position) = std::move(value);
  }

  /// The entry's value for changing in place, `initial` first where there was none.
  /// Counts as a write.
  MV& edit(MK key, MV initial = MV{}) {
    const std::size_t position = positionForWrite(std::move(key), std::move(initial));
    return map().valueAt(position);
  }

  /// True when there was such an entry.
  bool remove(const MK& key) {
    const std::size_t position = findLive(key);
    if (position == Map::kNone) return false;
    removeAt(position);
    return true;
  }

  /// The entries that are not expired.
  std::span<const Entry> entries() const {
    if (!dropExpired()) return {};
    if (cell_.hasTtl() && cell_.isRefreshedByReads()) {
      cell_.beginWrite();
      std::fill(stamps().begin(), stamps().end(), cell_.now());
    }
    return map().entries();
  }

  std::size_t size() const { return dropExpired() ? map().size() : 0; }
  bool isEmpty() const { return !dropExpired(); }
  void clear() { cell_.clear(); }

 private:
  using Stamps = std::vector<Timestamp>;

  Map& map() const noexcept { return *static_cast<Map*>(cell_.value()); }
  Stamps& stamps() const noexcept { return *static_cast<Stamps*>(cell_.stamp()); }

  void touch(std::size_t position) const {
    cell_.beginWrite();
    stamps()[position] = cell_.now();
  }

  // The position of an entry that is not expired; an expired one goes at once.
  std::size_t findLive(const MK& key) const {
    if (!cell_.isPresent()) return Map::kNone;
    const std::size_t position = map().find(key);
    if (position == Map::kNone || !cell_.hasTtl() || stamps()[position] > cell_.deadline()) {
      return position;
    }
    removeAt(position);
    return Map::kNone;
  }

  // The position of the key's entry, made of `initial` where there is none alive.
  std::size_t positionForWrite(MK&& key, MV&& initial = MV{}) const {
    beginWrite();
    std::size_t position = map().find(key);
    if (position == Map::kNone) {
      position = map().size();
      map().append(std::move(key), std::move(initial));
      if (cell_.hasTtl()) stamps().push_back(cell_.now());
    } else if (cell_.hasTtl()) {
      if (stamps()[position] <= cell_.deadline()) map().valueAt(position) = std::move(initial);
      stamps()[position] = cell_.now();
    }
    return position;
  }

  void beginWrite() const {
    if (cell_.beginWrite()) return;
    ::new (cell_.value()) Map();
    if (cell_.hasTtl()) ::new (cell_.stamp()) Stamps();
    cell_.markPresent();
  }

  void removeAt(std::size_t position) const {
    cell_.beginWrite();
    removeEntry(position, map(), cell_.hasTtl() ? &stamps() : nullptr);
    if (map().empty()) cell_.clear();
  }

  // True when entries are left.
  bool dropExpired() const {
    if (!cell_.isPresent()) return false;
    if (!cell_.hasTtl()) return true;
    ExpiryWalk walk{.budget = map().size()};
    if (expire(&map(), &stamps(), cell_.deadline(), walk)) {
      cell_.clear();
      return false;
    }
    if (walk.removed > 0) cell_.beginWrite();
    return true;
  }

  static void removeEntry(std::size_t position, Map& map, Stamps* stamps) {
    map.removeAt(position);
    if (stamps == nullptr) return;
    (*stamps)[position] = stamps->back();
    stamps->pop_back();
  }

  static void destroy(void* value, void* stamp) noexcept {
    std::destroy_at(static_cast<Map*>(value));
    if (stamp != nullptr) std::destroy_at(static_cast<Stamps*>(stamp));
  }

  // Content: has-times (bool), count, then key, value and time, if so, of each entry.
  static void write(const void* value, const void* stamp, ByteWriter& out) {
    const Stamps* stamps = static_cast<const Stamps*>(stamp);
    const auto entries = static_cast<const Map*>(value)->entries();
    Serde<bool>::write(stamps != nullptr, out);
    out.length(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      detail::writeElement<MK>(entries[i].key, out);
      Serde<MV>::write(entries[i].value, out);
      if (stamps != nullptr) out.fixed((*stamps)[i]);
    }
  }

  static bool read(ByteReader& in, void* value, void* stamp, Timestamp now) {
    bool hasTimes = false;
    std::size_t count = 0;
    if (!Serde<bool>::read(in, hasTimes)) return false;
    if (!in.count(detail::kMinimumBytes<MK>, count) || count == 0) return false;
    Map map;
    Stamps stamps;
    for (std::size_t i = 0; i < count; ++i) {
      MK key{};
      MV mapped{};
      Timestamp time = now;
      if (!detail::readElement<MK>(in, key) || !Serde<MV>::read(in, mapped)) return false;
      if ((hasTimes && !in.fixed(time)) || map.find(key) != Map::kNone) return false;
      map.append(std::move(key), std::move(mapped));
      stamps.push_back(time);
    }
    ::new (value) Map(std::move(map));
    if (stamp != nullptr) ::new (stamp) Stamps(std::move(stamps));
    return true;
  }

  static bool expire(void* value, void* stamp, Timestamp deadline, ExpiryWalk& walk) {
    Map& map = *static_cast<Map*>(value);
    Stamps& stamps = *static_cast<Stamps*>(stamp);
    for (; walk.budget > 0 && walk.position < map.size(); --walk.budget) {
      if (stamps[walk.position] > deadline) {
        ++walk.position;
      } else {
        removeEntry(walk.position, map, &stamps);
        ++walk.removed;
      }
    }
    walk.isFinished = walk.position >= map.size();
    return map.empty();
  }

  static std::size_t heapBytesOfValue(const void* value) {
    return heapBytes(*static_cast<const Map*>(value));
  }

  static constexpr CellOps kOps{sizeof(Map),     alignof(Map), sizeof(Stamps),
                                alignof(Stamps), &destroy,     &write,
                                &read,           &expire,      &heapBytesOfValue};

  StateCell cell_;
};

}  // namespace millrace
