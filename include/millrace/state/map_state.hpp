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
#include <millrace/state/element_marks.hpp>
#include <millrace/state/value_state.hpp>

namespace millrace {

/// A map per key; with a TTL each entry expires by itself.
///
/// Every call is about the current key. Pointers, references and `entries()` hold
/// until the state is next written or read, or the operator returns to the engine.
/// Order of entries: that of insertion, until one is removed and the last takes its
/// place; the same in every run of the same calls. A checkpoint does not keep it: each
/// entry is stored by itself, and they come back in any order.
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
        state.cell_, store.declare(StateDescriptor{std::string(name), StateKind::kMap,
                                                   fullTypeName<MK>() + " -> " + typeName<MV>(),
                                                   schemasOf<MV>(), ttl, &kOps}));
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
      for (std::size_t i = 0; i < map().size(); ++i) touch(i);
    }
    return map().entries();
  }

  std::size_t size() const { return dropExpired() ? map().size() : 0; }
  bool isEmpty() const { return !dropExpired(); }
  void clear() { cell_.clear(); }

 private:
  using Stamps = std::vector<Timestamp>;
  struct Content {
    Map map;
    ElementMarks marks;
  };

  Content& content() const noexcept { return *static_cast<Content*>(cell_.value()); }
  Map& map() const noexcept { return content().map; }
  Stamps& stamps() const noexcept { return *static_cast<Stamps*>(cell_.stamp()); }

  void touch(std::size_t position) const {
    cell_.beginWrite();
    stamps()[position] = cell_.now();
    if (cell_.isTracked()) content().marks.setChanged(position);
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
    const bool isNew = position == Map::kNone;
    if (isNew) {
      position = map().size();
      map().append(std::move(key), std::move(initial));
      if (cell_.hasTtl()) stamps().push_back(cell_.now());
    } else if (cell_.hasTtl()) {
      if (stamps()[position] <= cell_.deadline()) map().valueAt(position) = std::move(initial);
      stamps()[position] = cell_.now();
    }
    if (cell_.isTracked()) mark(position, isNew);
    return position;
  }

  void mark(std::size_t position, bool isNew) const {
    ElementMarks& marks = content().marks;
    isNew ? marks.setNew(position) : marks.setChanged(position);
  }

  void beginWrite() const {
    if (cell_.beginWrite()) return;
    ::new (cell_.value()) Content();
    if (cell_.hasTtl()) ::new (cell_.stamp()) Stamps();
    cell_.markPresent();
  }

  void removeAt(std::size_t position) const {
    cell_.beginWrite();
    if (cell_.isTracked()) {
      CellLog log = cell_.log();
      logRemoval(position, content(), log);
    }
    removeEntry(position, content(), cell_.hasTtl() ? &stamps() : nullptr);
    if (map().empty()) cell_.clear();
  }

  // True when entries are left.
  bool dropExpired() const {
    if (!cell_.isPresent()) return false;
    if (!cell_.hasTtl()) return true;
    const Timestamp deadline = cell_.deadline();
    const auto isExpired = [=](Timestamp time) { return time <= deadline; };
    if (std::none_of(stamps().begin(), stamps().end(), isExpired)) return true;
    cell_.beginWrite();
    std::optional<CellLog> log;
    if (cell_.isTracked()) log.emplace(cell_.log());
    ExpiryWalk walk{.budget = map().size(), .log = log ? &*log : nullptr};
    if (!expire(cell_.value(), cell_.stamp(), deadline, walk)) return true;
    cell_.clear();
    return false;
  }

  static void removeEntry(std::size_t position, Content& content, Stamps* stamps) {
    content.marks.removeAt(position, content.map.size() - 1);
    content.map.removeAt(position);
    if (stamps == nullptr) return;
    (*stamps)[position] = stamps->back();
    stamps->pop_back();
  }

  static void logRemoval(std::size_t position, const Content& content, CellLog& log) {
    if (content.marks.isNew(position)) return;
    const Entry& entry = content.map.entries()[position];
    log.eraseElement([&](ByteWriter& out) { detail::writeElement<MK>(entry.key, out); });
  }

  static void logPut(std::size_t position, const Content& content, const Stamps* stamps,
                     CellLog& log) {
    const Entry& entry = content.map.entries()[position];
    log.putElement([&](ByteWriter& out) { detail::writeElement<MK>(entry.key, out); },
                   [&](ByteWriter& out) {
                     detail::writeTimed(entry.value,
                                        stamps == nullptr ? nullptr : &(*stamps)[position], out);
                   });
  }

  static void destroy(void* value, void* stamp) noexcept {
    std::destroy_at(static_cast<Content*>(value));
    if (stamp != nullptr) std::destroy_at(static_cast<Stamps*>(stamp));
  }

  // Content: has-times (bool), count, then key, value and time, if so, of each entry.
  static void write(const void* value, const void* stamp, ByteWriter& out) {
    const Stamps* stamps = static_cast<const Stamps*>(stamp);
    const auto entries = static_cast<const Content*>(value)->map.entries();
    Serde<bool>::write(stamps != nullptr, out);
    out.length(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      detail::writeElement<MK>(entries[i].key, out);
      Serde<MV>::write(entries[i].value, out);
      if (stamps != nullptr) out.fixed((*stamps)[i]);
    }
  }

  static bool expire(void* value, void* stamp, Timestamp deadline, ExpiryWalk& walk) {
    Content& content = *static_cast<Content*>(value);
    Stamps& stamps = *static_cast<Stamps*>(stamp);
    for (; walk.budget > 0 && walk.position < content.map.size(); --walk.budget) {
      if (stamps[walk.position] > deadline) {
        ++walk.position;
      } else {
        if (walk.log != nullptr) logRemoval(walk.position, content, *walk.log);
        removeEntry(walk.position, content, &stamps);
        ++walk.removed;
      }
    }
    walk.isFinished = walk.position >= content.map.size();
    return content.map.empty();
  }

  static void writeChanged(void* value, const void* stamp, CellLog& log) {
    Content& content = *static_cast<Content*>(value);
    for (std::size_t i = 0; i < content.marks.end(); ++i) {
      if (content.marks.isChanged(i)) logPut(i, content, static_cast<const Stamps*>(stamp), log);
    }
    content.marks.clear();
  }

  static void writeAll(const void* value, const void* stamp, CellLog& log) {
    const Content& content = *static_cast<const Content*>(value);
    for (std::size_t i = 0; i < content.map.size(); ++i) {
      logPut(i, content, static_cast<const Stamps*>(stamp), log);
    }
  }

  static void logRemovalOfAll(const void* value, CellLog& log) {
    const Content& content = *static_cast<const Content*>(value);
    for (std::size_t i = 0; i < content.map.size(); ++i) logRemoval(i, content, log);
  }

  static bool readOne(ByteReader& element, ByteReader& in, bool isThere, void* value, void* stamp,
                      Timestamp now) {
    MK key{};
    MV mapped{};
    Timestamp time = now;
    if (!detail::readElement<MK>(element, key) || !detail::readTimed(in, mapped, time))
      return false;
    if (!isThere) {
      ::new (value) Content();
      if (stamp != nullptr) ::new (stamp) Stamps();
    }
    Map& map = static_cast<Content*>(value)->map;
    if (map.find(key) != Map::kNone) return false;
    map.append(std::move(key), std::move(mapped));
    if (stamp != nullptr) static_cast<Stamps*>(stamp)->push_back(time);
    return true;
  }

  static bool writeOne(ByteReader& element, const void* value, const void* stamp, ByteWriter& out) {
    MK key{};
    if (!detail::readElement<MK>(element, key) || !element.isAtEnd()) return false;
    const Map& map = static_cast<const Content*>(value)->map;
    const std::size_t position = map.find(key);
    if (position == Map::kNone) return false;
    const Stamps* stamps = static_cast<const Stamps*>(stamp);
    detail::writeTimed(map.entries()[position].value,
                       stamps == nullptr ? nullptr : &(*stamps)[position], out);
    return true;
  }

  static std::size_t heapBytesOfCell(const void* value, const void* stamp) {
    const Content& content = *static_cast<const Content*>(value);
    return heapBytes(content.map) + content.marks.memoryBytes() +
           (stamp == nullptr ? 0 : heapBytes(*static_cast<const Stamps*>(stamp)));
  }

  static constexpr ElementOps kElements{&writeChanged, &writeAll, &logRemovalOfAll, &readOne,
                                        &writeOne};
  static constexpr CellOps kOps{sizeof(Content),  alignof(Content), sizeof(Stamps), alignof(Stamps),
                                &destroy,         &write,           nullptr,        &expire,
                                &heapBytesOfCell, &kElements};

  StateCell cell_;
};

}  // namespace millrace
