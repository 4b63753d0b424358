// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace {

/// heapBytes(value): an estimate of what a value holds outside itself, for memory
/// figures. A user's type that owns memory may say so by a free function found by
/// argument-dependent look-up: `std::size_t millraceHeapBytes(const Order&)`; where
/// nothing is known the answer is 0.
template <typename T>
std::size_t heapBytes(const T& value);

namespace detail {

template <typename T>
concept KnowsHeapBytes = requires(const T& value) {
  { millraceHeapBytes(value) } -> std::convertible_to<std::size_t>;
};

template <typename T>
concept ElementContainer = requires(const T& value) {
  typename T::value_type;
  value.begin();
  value.end();
  value.size();
};

template <typename T>
struct HeapBytes {
  static std::size_t of(const T& value) {
    if constexpr (KnowsHeapBytes<T>) {
      return millraceHeapBytes(value);
    } else if constexpr (ElementContainer<T>) {
      // Hash tables and trees hold about a word and a half besides each element.
      std::size_t bytes = value.size() * (sizeof(typename T::value_type) + 12);
      if constexpr (!std::is_trivially_copyable_v<typename T::value_type>) {
        for (const auto& element : value) bytes += heapBytes(element);
      }
      return bytes;
    } else {
      return 0;
    }
  }
};

template <>
struct HeapBytes<std::string> {
  static std::size_t of(const std::string& value) {
    static const std::size_t inlineCapacity = std::string().capacity();
    return value.capacity() > inlineCapacity ? value.capacity() + 1 : 0;
  }
};

template <typename T>
struct HeapBytes<std::vector<T>> {
  static std::size_t of(const std::vector<T>& value) {
    std::size_t bytes = value.capacity() * sizeof(T);
    if constexpr (!std::is_trivially_copyable_v<T>) {
      for (const T& element : value) bytes += heapBytes(element);
    }
    return bytes;
  }
};

template <typename T>
struct HeapBytes<std::optional<T>> {
  static std::size_t of(const std::optional<T>& value) { return value ? heapBytes(*value) : 0; }
};

template <typename A, typename B>
struct HeapBytes<std::pair<A, B>> {
  static std::size_t of(const std::pair<A, B>& value) {
    return heapBytes(value.first) + heapBytes(value.second);
  }
};

template <typename... Ts>
struct HeapBytes<std::tuple<Ts...>> {
  static std::size_t of(const std::tuple<Ts...>& value) {
    return std::apply([](const Ts&... each) { return (heapBytes(each) + ... + 0); }, value);
  }
};

}  // namespace detail

template <typename T>
std::size_t heapBytes(const T& value) {
  if constexpr (std::is_trivially_copyable_v<T>) {
    return 0;
  } else {
    return detail::HeapBytes<T>::of(value);
  }
}

/// What an entry of a table holds on the heap, on average, cheap enough to be asked for with every
/// batch: measured anew when the number of entries has changed by more than an eighth, and, for
/// values grow, after each barrier and every kCallsBetween calls.
class HeapPerEntry {
 public:
  static constexpr std::size_t kCallsBetween = 64;

  /// As it was measured last; 0 before.
  std::size_t bytes() const noexcept { return bytes_; }

  /// Of a table with so many entries. `measure()` says what it is now; called for a table that is
  /// not empty alone.
  template <typename Measure>
  std::size_t of(std::size_t entries, Measure&& measure) {
    const std::size_t distance =
        entries > measuredAt_ ? entries - measuredAt_ : measuredAt_ - entries;
    if (entries > 0 && (distance > measuredAt_ / 8 || ++calls_ >= kCallsBetween)) {
      bytes_ = measure();
      measuredAt_ = entries;
      calls_ = 0;
    }
    return bytes_;
  }

  void noteBarrier() noexcept { measuredAt_ = 0; }

 private:
  std::size_t bytes_ = 0;
  std::size_t calls_ = 0;       // since
  std::size_t measuredAt_ = 0;  // when there were so many entries; 0: to be measured
};

}  // namespace millrace
