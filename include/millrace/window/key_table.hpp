// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include <millrace/state/hash_index.hpp>
#include <millrace/window/hashed_key.hpp>

namespace millrace {

/// Elements of different keys, one behind the other, and an index to find them by: what KeyTable
/// and KeySet are made of. There may be a million of these with an element or two each, one in
/// every accumulator, so that a few are found by looking at each of them and have no index.
///
/// Looking up takes keys, what they compare with (a string_view for a string), and HashedKey.
/// `KeyOf{}(element)` is the key; elements may change, their keys may not.
/// Invariants:
///  1. Elements are in the order in which they came until one is erased: the last one then takes
///     its place. So the order is the same in every run of the same calls.
///  2. Pointers to elements are good until the next one is added or erased.
///  3. There is an index exactly when there have been more than `kScanned` elements since there was
///     none.
/// Thread safety: that of a vector. REQUIRES: fewer than 2^32 - 1 elements.
template <typename Element, typename KeyOf>
class KeyedElements {
 public:
  using value_type = Element;
  using iterator = Element*;
  using const_iterator = const Element*;

  std::size_t size() const noexcept { return elements_.size(); }
  bool empty() const noexcept { return elements_.empty(); }
  iterator begin() noexcept { return elements_.data(); }
  iterator end() noexcept { return elements_.data() + elements_.size(); }
  const_iterator begin() const noexcept { return elements_.data(); }
  const_iterator end() const noexcept { return elements_.data() + elements_.size(); }

  /// end() when there is none.
  template <typename Q>
  iterator find(const Q& key) {
    return begin() + placeOf(key);
  }
  template <typename Q>
  const_iterator find(const Q& key) const {
    return begin() + placeOf(key);
  }
  /// An element of a key with this stable hash for which `isIt(element)`, or end().
  template <typename IsIt>
  iterator findHashed(std::uint64_t hash, IsIt&& isIt) {
    const auto matches = [&](std::size_t place) {
      return isIt(elements_[place]) && hashAt(place) == hash;
    };
    if (!index_.empty()) {
      const std::uint32_t found = index_.find(hash, matches);
      return found == HashIndex::kNone ? end() : begin() + found;
    }
    std::size_t place = 0;
    while (place < size() && !matches(place)) ++place;
    return begin() + place;
  }
  template <typename Q>
  bool contains(const Q& key) const {
    return find(key) != end();
  }

  /// The element of `key`, and whether it is new: then it is made by
  /// `addTo(std::vector<Element>&)`, which appends one with that key.
  template <typename Q, typename AddTo>
  std::pair<iterator, bool> findOrAdd(const Q& key, AddTo&& addTo) {
    const iterator found = find(key);
    if (found != end()) [[likely]]
      return {found, false};
    const std::uint64_t hash = stableHashOf(key);  // adding may move from the key
    return {add(hash, addTo), true};
  }

  /// REQUIRES: not end().
  void erase(const_iterator element) {
    const auto place = static_cast<std::uint32_t>(element - begin());
    const auto last = static_cast<std::uint32_t>(size() - 1);
    if (!index_.empty()) index_.erase(hashAt(place), place);
    if (place != last) {
      if (!index_.empty()) index_.replace(hashAt(last), last, place);
      elements_[place] = std::move(elements_[last]);
    }
    elements_.pop_back();
  }

  void clear() {
    elements_.clear();
    index_.clear();
  }

  /// But for what the elements hold on the heap.
  std::size_t memoryBytes() const noexcept {
    return elements_.capacity() * sizeof(Element) + index_.memoryBytes();
  }
  /// What the index takes.
  std::size_t indexBytes() const noexcept { return index_.memoryBytes(); }

  /// Tells the processor that a key of this stable hash will be looked for soon.
  void prefetch(std::uint64_t hash) const { index_.prefetch(hash); }

  /// The same of the element, when its place in the index should be there by now.
  void prefetchElement(std::uint64_t hash) const {
    const std::uint32_t place = index_.guess(hash);
    if (place == HashIndex::kNone) return;
    const char* const element = reinterpret_cast<const char*>(elements_.data() + place);
    for (std::size_t at = 0; at < std::min(sizeof(Element), kPrefetched); at += kCacheLine)
      __builtin_prefetch(element + at);
  }

 private:
  static constexpr std::size_t kScanned = 8;
  static constexpr std::size_t kCacheLine = 64;
  static constexpr std::size_t kPrefetched = 4 * kCacheLine;

  std::uint64_t hashAt(std::size_t place) const { return stableHashOf(KeyOf{}(elements_[place])); }

  // size() when there is none.
  template <typename Q>
  std::size_t placeOf(const Q& key) const {
    const Element* const elements = elements_.data();
    if (!index_.empty()) {
      const std::uint32_t found = index_.find(stableHashOf(key), [&](std::uint32_t place) {
        return KeyOf{}(elements[place]) == plainKey(key);
      });
      return found == HashIndex::kNone ? size() : found;
    }
    std::size_t place = 0;
    while (place < size() && !(KeyOf{}(elements[place]) == plainKey(key))) ++place;
    return place;
  }

  template <typename AddTo>
  [[gnu::noinline]] iterator add(std::uint64_t hash, AddTo&& addTo) {
    addTo(elements_);
    const auto last = static_cast<std::uint32_t>(size() - 1);
    if (!index_.empty()) {
      index_.insert(hash, last);
    } else if (size() > kScanned) {
      for (std::uint32_t place = 0; place <= last; ++place) index_.insert(hashAt(place), place);
    }
    return &elements_.back();
  }

  std::vector<Element> elements_;
  HashIndex index_;
};

namespace detail {
struct ElementItself {
  template <typename K>
  const K& operator()(const K& key) const {
    return key;
  }
};
struct FirstOfElement {
  template <typename K, typename V>
  const K& operator()(const std::pair<K, V>& element) const {
    return element.first;
  }
};
}  // namespace detail

/// As far as windows and aggregates need one, a set of stably hashed keys.
template <typename K>
class KeySet : public KeyedElements<K, detail::ElementItself> {
 public:
  using key_type = K;

  template <typename Q>
  std::pair<const K*, bool> insert(Q&& key) {
    return this->findOrAdd(key, [&](auto& to) { to.emplace_back(std::forward<Q>(key)); });
  }
};

/// As far as windows and aggregates need one, a map with stably hashed keys.
template <typename K, typename V>
class KeyTable : public KeyedElements<std::pair<K, V>, detail::FirstOfElement> {
 public:
  using key_type = K;
  using mapped_type = V;

  /// `value` is let go when the key has one.
  std::pair<std::pair<K, V>*, bool> emplace(K key, V value) {
    return this->findOrAdd(key,
                           [&](auto& to) { to.emplace_back(std::move(key), std::move(value)); });
  }
  /// The entry of `key`, with an empty value where there is none.
  template <typename Q>
  std::pair<K, V>* findOrDefault(const Q& key) {
    return this
        ->findOrAdd(key,
                    [&](auto& to) {
                      to.emplace_back(std::piecewise_construct,
                                      std::forward_as_tuple(plainKey(key)),
                                      std::forward_as_tuple());
                    })
        .first;
  }
  template <typename Q>
  V& operator[](const Q& key) {
    return findOrDefault(key)->second;
  }
};

/// The value of `key`, made by `create()` where there is none. `isNew` tells which.
template <typename K, typename V, typename Q, typename Create>
V& findOrCreate(KeyTable<K, V>& table, const Q& key, Create&& create, bool& isNew) {
  const auto [entry, isAdded] =
      table.findOrAdd(key, [&](auto& to) { to.emplace_back(K(plainKey(key)), create()); });
  isNew = isAdded;
  return entry->second;
}

}  // namespace millrace
