// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <millrace/base/decimal.hpp>
#include <millrace/serde/bytes.hpp>

namespace millrace {

/// How a value becomes bytes in state, checkpoints and stored keys, and comes back.
///
///     Serde<T>::write(value, writer);         // appends
///     bool ok = Serde<T>::read(reader, out);  // false: the bytes are damaged
///
/// Provided for bool, integers, enums, float, double, chrono durations, string,
/// optional, pair, tuple, array, vector and everything shaped like a map or a set.
/// A user's type joins in by a pair of free functions found by argument-dependent
/// look-up, or by a specialisation of Serde:
///
///     void millraceWrite(const Order& order, millrace::ByteWriter& out);
///     bool millraceRead(millrace::ByteReader& in, Order& order);
///
/// Invariants:
/// 1. Equal values have equal bytes, on every machine, in every process: unordered
///    containers are written in the order of their elements' bytes. (Floating point:
///    equal bits, so 0.0 and -0.0 differ.) A serialised key is therefore a key.
/// 2. Bytes never hold a sort order: integers are little endian.
/// 3. `read` consumes exactly what `write` wrote, never reads past the end, and never
///    allocates for a length it has not held against the bytes that are there.
///    On false `out` is valid but unspecified.
/// 4. `read` accepts only what `write` can have written, maps and sets in any order.
/// Formats: integers, enums, floats: fixed width, little endian. bool, optional: one
/// byte 0 or 1 first. string, vector, map, set: length, then elements. pair, tuple,
/// array: members in order, nothing between.
/// REQUIRES of a user's type in a container: its encoding takes at least one byte,
/// unless the type is empty.
template <typename T>
struct Serde;

template <typename T>
concept Serialisable = requires(const T& value, T& out, ByteWriter& writer, ByteReader& reader) {
  Serde<T>::write(value, writer);
  { Serde<T>::read(reader, out) } -> std::same_as<bool>;
};

/// The bytes of one value, as a string of its own.
template <Serialisable T>
std::string toBytes(const T& value) {
  std::string bytes;
  ByteWriter writer(bytes);
  Serde<T>::write(value, writer);
  return bytes;
}

/// Reads a value that takes up all of `bytes`; false when it does not.
template <Serialisable T>
bool fromBytes(std::string_view bytes, T& out) {
  ByteReader reader(bytes);
  return Serde<T>::read(reader, out) && reader.isAtEnd();
}

/// For the functions of a user's type: its members one after the other, the same in both.
///
///     void millraceWrite(const Order& o, ByteWriter& out) { writeAll(out, o.id, o.lines); }
///     bool millraceRead(ByteReader& in, Order& o) { return readAll(in, o.id, o.lines); }
template <typename... Ts>
void writeAll(ByteWriter& out, const Ts&... values) {
  (Serde<Ts>::write(values, out), ...);
}
template <typename... Ts>
bool readAll(ByteReader& in, Ts&... values) {
  return (Serde<Ts>::read(in, values) && ...);
}

namespace detail {

template <typename T>
concept SerialisableByLookup = requires(const T& value, T& out, ByteWriter& writer,
                                        ByteReader& reader) {
  millraceWrite(value, writer);
  { millraceRead(reader, out) } -> std::same_as<bool>;
};

template <typename C>
concept SetLike = requires(C& container, const C& constant, typename C::key_type key) {
  { container.insert(std::move(key)).second } -> std::convertible_to<bool>;
  container.clear();
  constant.begin();
  constant.end();
  constant.size();
};

template <typename C>
concept MapLike = requires(C& container, const C& constant, typename C::key_type key,
                           typename C::mapped_type value) {
  { container.emplace(std::move(key), std::move(value)).second } -> std::convertible_to<bool>;
  container.clear();
  constant.begin();
  constant.end();
  constant.size();
};

// Sorted containers are in an order of their own already; the others have none.
template <typename C>
concept Ordered = requires {
  typename C::key_compare;
};

template <typename T>
inline constexpr std::size_t kMinimumBytes = [] {
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) return sizeof(T);
  return std::size_t{1};
}();

// An element without bytes would let a few bytes claim any number of elements.
template <typename T>
void writeElement(const T& value, ByteWriter& out) {
  if constexpr (std::is_empty_v<T>) out.fixed(std::uint8_t{0});
  Serde<T>::write(value, out);
}

template <typename T>
bool readElement(ByteReader& in, T& value) {
  if constexpr (std::is_empty_v<T>) {
    std::uint8_t pad = 0;
    if (!in.fixed(pad) || pad != 0) return false;
  }
  return Serde<T>::read(in, value);
}

// Writes the parts one after the other, in the order of their bytes.
void writeInOrder(std::vector<std::string>& parts, ByteWriter& out);

// Writes the elements of an unordered container in the order of their bytes.
template <typename C, typename WriteOne>
void writeSorted(const C& container, ByteWriter& out, WriteOne&& writeOne) {
  std::vector<std::string> parts;
  parts.reserve(container.size());
  for (const auto& element : container) {
    ByteWriter part(parts.emplace_back());
    writeOne(element, part);
  }
  writeInOrder(parts, out);
}

}  // namespace detail

/// User types: `millraceWrite` and `millraceRead` beside the type.
template <detail::SerialisableByLookup T>
struct Serde<T> {
  static void write(const T& value, ByteWriter& out) { millraceWrite(value, out); }
  static bool read(ByteReader& in, T& value) { return millraceRead(in, value); }
};

template <>
struct Serde<bool> {
  static void write(bool value, ByteWriter& out) { out.fixed(std::uint8_t{value}); }
  static bool read(ByteReader& in, bool& value) {
    std::uint8_t byte = 0;
    if (!in.fixed(byte) || byte > 1) return false;
    value = byte == 1;
    return true;
  }
};

template <typename T>
requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) struct Serde<T> {
  static void write(T value, ByteWriter& out) { out.fixed(value); }
  static bool read(ByteReader& in, T& value) { return in.fixed(value); }
};

template <typename T>
requires(std::is_enum_v<T> && !detail::SerialisableByLookup<T>) struct Serde<T> {
  using Underlying = std::underlying_type_t<T>;
  static void write(T value, ByteWriter& out) {
    Serde<Underlying>::write(static_cast<Underlying>(value), out);
  }
  static bool read(ByteReader& in, T& value) {
    Underlying underlying{};
    if (!Serde<Underlying>::read(in, underlying)) return false;
    value = static_cast<T>(underlying);
    return true;
  }
};

template <typename T>
requires(std::is_same_v<T, float> || std::is_same_v<T, double>) struct Serde<T> {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  static void write(T value, ByteWriter& out) { out.fixed(std::bit_cast<Bits>(value)); }
  static bool read(ByteReader& in, T& value) {
    Bits bits = 0;
    if (!in.fixed(bits)) return false;
    value = std::bit_cast<T>(bits);
    return true;
  }
};

template <typename Rep, typename Period>
struct Serde<std::chrono::duration<Rep, Period>> {
  static void write(std::chrono::duration<Rep, Period> value, ByteWriter& out) {
    Serde<Rep>::write(value.count(), out);
  }
  static bool read(ByteReader& in, std::chrono::duration<Rep, Period>& value) {
    Rep count{};
    if (!Serde<Rep>::read(in, count)) return false;
    value = std::chrono::duration<Rep, Period>(count);
    return true;
  }
};

/// Money is its millionths.
template <>
struct Serde<Decimal> {
  static void write(Decimal value, ByteWriter& out) { out.fixed(value.micros()); }
  static bool read(ByteReader& in, Decimal& value) {
    std::int64_t micros = 0;
    if (!in.fixed(micros)) return false;
    value = Decimal::fromMicros(micros);
    return true;
  }
};

template <>
struct Serde<std::string> {
  static void write(std::string_view value, ByteWriter& out) {
    out.length(value.size());
    out.bytes(value);
  }
  static bool read(ByteReader& in, std::string& value) {
    std::size_t size = 0;
    std::string_view bytes;
    if (!in.count(1, size) || !in.bytes(size, bytes)) return false;
    value.assign(bytes);
    return true;
  }
};

template <Serialisable T>
struct Serde<std::optional<T>> {
  static void write(const std::optional<T>& value, ByteWriter& out) {
    Serde<bool>::write(value.has_value(), out);
    if (value) Serde<T>::write(*value, out);
  }
  static bool read(ByteReader& in, std::optional<T>& value) {
    bool isThere = false;
    if (!Serde<bool>::read(in, isThere)) return false;
    value.reset();
    return !isThere || Serde<T>::read(in, value.emplace());
  }
};

template <Serialisable A, Serialisable B>
struct Serde<std::pair<A, B>> {
  static void write(const std::pair<A, B>& value, ByteWriter& out) {
    Serde<A>::write(value.first, out);
    Serde<B>::write(value.second, out);
  }
  static bool read(ByteReader& in, std::pair<A, B>& value) {
    return Serde<A>::read(in, value.first) && Serde<B>::read(in, value.second);
  }
};

template <Serialisable... Ts>
struct Serde<std::tuple<Ts...>> {
  static void write(const std::tuple<Ts...>& value, ByteWriter& out) {
    std::apply([&](const Ts&... each) { (Serde<Ts>::write(each, out), ...); }, value);
  }
  static bool read(ByteReader& in, std::tuple<Ts...>& value) {
    return std::apply([&](Ts&... each) { return (Serde<Ts>::read(in, each) && ...); }, value);
  }
};

template <Serialisable T, std::size_t N>
struct Serde<std::array<T, N>> {
  static void write(const std::array<T, N>& value, ByteWriter& out) {
    for (const T& each : value) Serde<T>::write(each, out);
  }
  static bool read(ByteReader& in, std::array<T, N>& value) {
    return std::all_of(value.begin(), value.end(),
                       [&](T& each) { return Serde<T>::read(in, each); });
  }
};

template <Serialisable T>
struct Serde<std::vector<T>> {
  static void write(const std::vector<T>& value, ByteWriter& out) {
    out.length(value.size());
    for (const T& each : value) detail::writeElement<T>(each, out);
  }
  static bool read(ByteReader& in, std::vector<T>& value) {
    std::size_t count = 0;
    if (!in.count(detail::kMinimumBytes<T>, count)) return false;
    value.clear();
    // A large T in few bytes: what the bytes can vouch for is made ready, the rest grows.
    value.reserve(std::min(count, in.remaining() / sizeof(T) + 1));
    for (std::size_t i = 0; i < count; ++i) {
      T element{};
      if (!detail::readElement<T>(in, element)) return false;
      value.push_back(std::move(element));
    }
    return true;
  }
};

template <detail::MapLike M>
requires(!detail::SerialisableByLookup<M> && Serialisable<typename M::key_type> &&
         Serialisable<typename M::mapped_type>) struct Serde<M> {
  using Key = typename M::key_type;
  using Mapped = typename M::mapped_type;

  static void write(const M& value, ByteWriter& out) {
    out.length(value.size());
    const auto writeEntry = [](const auto& entry, ByteWriter& to) {
      detail::writeElement<Key>(entry.first, to);
      Serde<Mapped>::write(entry.second, to);
    };
    if constexpr (detail::Ordered<M>) {
      for (const auto& entry : value) writeEntry(entry, out);
    } else {
      detail::writeSorted(value, out, writeEntry);
    }
  }

  static bool read(ByteReader& in, M& value) {
    std::size_t count = 0;
    if (!in.count(detail::kMinimumBytes<Key>, count)) return false;
    value.clear();
    for (std::size_t i = 0; i < count; ++i) {
      Key key{};
      Mapped mapped{};
      if (!detail::readElement<Key>(in, key) || !Serde<Mapped>::read(in, mapped)) return false;
      if (!value.emplace(std::move(key), std::move(mapped)).second) return false;
    }
    return true;
  }
};

template <detail::SetLike S>
requires(!detail::SerialisableByLookup<S> && !detail::MapLike<S> &&
         Serialisable<typename S::key_type>) struct Serde<S> {
  using Key = typename S::key_type;

  static void write(const S& value, ByteWriter& out) {
    out.length(value.size());
    if constexpr (detail::Ordered<S>) {
      for (const Key& key : value) detail::writeElement<Key>(key, out);
    } else {
      detail::writeSorted(value, out, detail::writeElement<Key>);
    }
  }

  static bool read(ByteReader& in, S& value) {
    std::size_t count = 0;
    if (!in.count(detail::kMinimumBytes<Key>, count)) return false;
    value.clear();
    for (std::size_t i = 0; i < count; ++i) {
      Key key{};
      if (!detail::readElement<Key>(in, key)) return false;
      if (!value.insert(std::move(key)).second) return false;
    }
    return true;
  }
};

}  // namespace millrace
