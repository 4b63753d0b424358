// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/decimal.hpp>
#include <millrace/formats/loose.hpp>
#include <millrace/formats/record_type.hpp>
#include <millrace/time/timestamp.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace millrace {

/// A struct is described once; JSON in, JSON out and everything else that needs
/// its members by name follows from that.
///
///     struct Login { Timestamp at = 0; std::string user; std::optional<int> attempts; };
///
///     template <>
///     struct millrace::Description<Login> {
///       static void describe(millrace::Describer<Login>& d) {
///         d.name("Login");
///         d.timestamp("at", &Login::at).required().eventTime();
///         d.field("user", &Login::user).required().nonEmpty();
///         d.field("attempts", &Login::attempts);
///       }
///     };
///
/// Members may be bool, any integer, double, std::string, Decimal, an enum with
/// EnumNames, another described struct, and std::optional, std::vector or Loose of
/// those. A Timestamp is an integer to the compiler, so it has a verb of its own.
/// A member that is absent in the input takes the value it has in a
/// default-constructed struct (an optional one: none), unless it is `required()`.
///
/// A described struct is default-constructible and copyable. Descriptions are read
/// once, on first use; a contradictory one throws InternalError then.
template <typename T>
struct Description;

template <typename T>
class Describer;

template <typename T>
concept Described = requires(Describer<T>& d) {
  Description<T>::describe(d);
};

/// The names of an enum's values in text:
///
///     template <>
///     struct millrace::EnumNames<Colour> {
///       static constexpr millrace::EnumName<Colour> names[] = {
///           {Colour::kRed, "red"}, {Colour::kBlue, "blue"}};
///     };
template <typename E>
struct EnumNames;

template <typename E>
struct EnumName {
  E value;
  std::string_view name;
};

template <typename E>
concept NamedEnum = std::is_enum_v<E> && requires {
  EnumNames<E>::names[0].name;
};

/// The table of a described struct. Thread safety: any thread, at any time.
template <Described T>
const RecordType& recordType();

/// What may be said about a member, in any order: `d.field(...).required().nonEmpty()`.
class MemberOptions {
 public:
  MemberOptions(RecordDraft& draft, std::size_t index) : draft_(draft), index_(index) {}

  /// A record without the member is invalid.
  MemberOptions& required() { return set(&Member::required); }
  /// An empty string or vector is invalid. (Absence is not: see `required`.)
  MemberOptions& nonEmpty() { return set(&Member::nonEmpty); }
  /// null is taken as if the member were absent; without this it is a wrong type
  /// for all but std::optional and Loose members.
  MemberOptions& nullIsAbsent() { return set(&Member::nullIsAbsent); }
  /// This member dates the record.
  MemberOptions& eventTime() {
    draft_.eventTime(index_);
    return *this;
  }

 private:
  MemberOptions& set(bool Member::*flag) {
    draft_.member(index_).*flag = true;
    return *this;
  }

  RecordDraft& draft_;
  std::size_t index_;
};

namespace describing {

template <typename X>
inline constexpr bool kIsOptional = false;
template <typename X>
inline constexpr bool kIsOptional<std::optional<X>> = true;
template <typename X>
inline constexpr bool kIsVector = false;
template <typename X>
inline constexpr bool kIsVector<std::vector<X>> = true;
template <typename X>
inline constexpr bool kIsLoose = false;
template <typename X>
inline constexpr bool kIsLoose<Loose<X>> = true;

template <typename X>
inline constexpr bool kIsDescribable =
    std::is_integral_v<X> || std::is_same_v<X, double> || std::is_same_v<X, std::string> ||
    std::is_same_v<X, Decimal> || NamedEnum<X> || Described<X>;

template <typename X>
void assign(void* to, const void* from) {
  *static_cast<X*>(to) = *static_cast<const X*>(from);
}

template <typename X>
const OptionalAccess& optionalAccess() {
  using Optional = std::optional<X>;
  static constexpr OptionalAccess kAccess{
      .get = [](const void* optional) -> const void* {
        const auto& typed = *static_cast<const Optional*>(optional);
        return typed ? std::addressof(*typed) : nullptr;
      },
      .engage = [](void* optional) -> void* {
        auto& typed = *static_cast<Optional*>(optional);
        if (!typed) typed.emplace();
        return std::addressof(*typed);
      },
      .clear = [](void* optional) { static_cast<Optional*>(optional)->reset(); }};
  return kAccess;
}

template <typename X>
const VectorAccess& vectorAccess() {
  static_assert(!std::is_same_v<X, bool>,
                "a std::vector<bool> cannot be described: use std::uint8_t");
  using Vector = std::vector<X>;
  static constexpr VectorAccess kAccess{
      .size = [](const void* vector) { return static_cast<const Vector*>(vector)->size(); },
      .at = [](const void* vector, std::size_t index) -> const void* {
        return static_cast<const Vector*>(vector)->data() + index;
      },
      .slot = [](void* vector, std::size_t index) -> void* {
        auto& typed = *static_cast<Vector*>(vector);
        if (index == typed.size()) typed.emplace_back();
        return typed.data() + index;
      },
      .truncate = [](void* vector,
                     std::size_t length) { static_cast<Vector*>(vector)->resize(length); }};
  return kAccess;
}

template <typename E>
const std::vector<EnumValue>& enumValues() {
  static const std::vector<EnumValue> values = [] {
    std::vector<EnumValue> list;
    for (const auto& each : EnumNames<E>::names)
      list.push_back({static_cast<std::int64_t>(each.value), each.name});
    return list;
  }();
  return values;
}

template <typename X, bool kTime>
const ValueType& valueType();

template <typename X>
constexpr ValueKind scalarKind() {
  if constexpr (std::is_same_v<X, bool>) return ValueKind::kBool;
  if constexpr (std::is_integral_v<X>) return ValueKind::kInteger;
  if constexpr (std::is_same_v<X, double>) return ValueKind::kDouble;
  if constexpr (std::is_same_v<X, std::string>) return ValueKind::kString;
  if constexpr (std::is_same_v<X, Decimal>) return ValueKind::kDecimal;
  if constexpr (std::is_enum_v<X>) return ValueKind::kEnum;
  return ValueKind::kRecord;
}

template <typename X, bool kTime>
ValueType makeValueType() {
  ValueType type{.kind = ValueKind::kTimestamp, .size = sizeof(X), .assign = &assign<X>};
  if constexpr (kIsOptional<X>) {
    type.kind = ValueKind::kOptional;
    type.element = &valueType<typename X::value_type, kTime>();
    type.optional = &optionalAccess<typename X::value_type>();
  } else if constexpr (kIsVector<X>) {
    type.kind = ValueKind::kVector;
    type.element = &valueType<typename X::value_type, kTime>();
    type.vector = &vectorAccess<typename X::value_type>();
  } else if constexpr (kIsLoose<X>) {
    using Value = std::remove_cvref_t<decltype(std::declval<X&>().value())>;
    type.kind = ValueKind::kLoose;
    type.element = &valueType<Value, kTime>();
    type.loose = &LooseParts::of<Value>;
  } else if constexpr (kTime) {
    static_assert(
        std::is_same_v<X, Timestamp>,
        "timestamp(): the member must be a Timestamp, or an optional, vector or Loose of it");
  } else {
    static_assert(
        kIsDescribable<X>,
        "field(): the member must be bool, an integer, double, std::string, Decimal, an enum "
        "with millrace::EnumNames, a struct with a millrace::Description, or a std::optional, "
        "std::vector or millrace::Loose of those");
    type.kind = scalarKind<X>();
    type.isSigned = std::is_signed_v<X>;
    if constexpr (std::is_enum_v<X>) {
      type.isSigned = std::is_signed_v<std::underlying_type_t<X>>;
      type.names = &enumValues<X>();
    }
    if constexpr (std::is_class_v<X> && Described<X>) type.record = &recordType<X>;
  }
  return type;
}

template <typename X, bool kTime>
const ValueType& valueType() {
  static const ValueType type = makeValueType<X, kTime>();
  return type;
}

}  // namespace describing

/// Collects a description; see Description.
template <typename T>
class Describer {
 public:
  Describer(RecordDraft& draft, const T& prototype) : draft_(draft), prototype_(prototype) {}

  /// What messages and schemas call the struct. Required.
  void name(std::string_view name) { draft_.name(name); }

  template <typename X, typename Owner>
  requires std::derived_from<T, Owner> MemberOptions field(std::string_view name,
                                                           X Owner::*member) {
    return add<X, false>(name, member);
  }

  /// As `field`, for a time that is written as RFC 3339 text.
  template <typename X, typename Owner>
  requires std::derived_from<T, Owner> MemberOptions timestamp(std::string_view name,
                                                               X Owner::*member) {
    return add<X, true>(name, member);
  }

  /// `refusal` sees each record whose members are good one by one, and returns
  /// nullptr or the reason why the record as a whole is invalid: a text that lives
  /// for ever. It may run on any thread and may not throw.
  void check(const char* (*refusal)(const T& record)) {
    draft_.check(
        [](void (*erased)(), const void* record) {
          return reinterpret_cast<const char* (*)(const T&)>(erased)(
              *static_cast<const T*>(record));
        },
        reinterpret_cast<void (*)()>(refusal));
  }

 private:
  template <typename X, bool kTime, typename Owner>
  MemberOptions add(std::string_view name, X Owner::*member) {
    const Owner& owner = prototype_;
    const auto& type = describing::valueType<X, kTime>();
    return MemberOptions(draft_, draft_.add(name, type, std::addressof(owner.*member)));
  }

  RecordDraft& draft_;
  const T& prototype_;
};

template <Described T>
const RecordType& recordType() {
  static_assert(std::is_default_constructible_v<T> && std::is_copy_assignable_v<T>,
                "a described struct must be default-constructible and copyable");
  static const T prototype{};
  static const RecordType type = [] {
    RecordDraft draft(sizeof(T), &prototype);
    Describer<T> describer(draft, prototype);
    Description<T>::describe(describer);
    return draft.finish();
  }();
  return type;
}

}  // namespace millrace
