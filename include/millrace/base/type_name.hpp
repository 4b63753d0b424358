// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace millrace {

/// typeName<T>(): a readable name of a type for messages, plans and state
/// descriptors: "i32", "string", "vector<optional<f64>>", "shop::Order".
///
/// Invariants:
/// 1. Names of built-in types speak of their meaning, not their spelling: `long`
///    and `long long` are both "i64".
/// 2. Allocators, hashers and comparators are left out.
/// 3. A class may fix its own name against renaming and compilers' tastes by a
///    member `static constexpr std::string_view kTypeName`.
template <typename T>
std::string typeName();

namespace detail {

template <typename T>
constexpr std::string_view prettyFunction() {
  return __PRETTY_FUNCTION__;
}

// What the compiler calls T, cut out of the function's name: the text around the
// type is the same for every T, so `void` shows where it begins and ends.
template <typename T>
constexpr std::string_view compilerTypeName() {
  constexpr std::string_view sample = prettyFunction<void>();
  constexpr std::size_t before = sample.find("void");
  constexpr std::size_t after = sample.size() - before - 4;
  std::string_view name = prettyFunction<T>();
  name.remove_prefix(before);
  name.remove_suffix(after);
  return name;
}

/// "std::__cxx11::list" as "list": standard and versioned namespaces say nothing.
std::string shortTypeName(std::string_view compilerName);

/// An argument of a template.
struct NamedType {
  std::string_view compilerName;
  std::string (*name)();
};

/// "C<A, B>" from what the compiler calls it and the names of its arguments.
std::string templateTypeName(std::string_view compilerName,
                             std::initializer_list<NamedType> arguments);

/// "i32": `kind` and the number of bits.
std::string numberName(char kind, std::size_t bytes);

template <typename T>
struct TypeNameOf {
  static std::string get() { return shortTypeName(compilerTypeName<T>()); }
};

template <template <typename...> class C, typename... Args>
struct TypeNameOf<C<Args...>> {
  static std::string get() {
    return templateTypeName(compilerTypeName<C<Args...>>(),
                            {NamedType{compilerTypeName<Args>(), &typeName<Args>}...});
  }
};

}  // namespace detail

template <typename T>
std::string typeName() {
  if constexpr (requires { std::string_view(T::kTypeName); }) {
    return std::string(T::kTypeName);
  } else if constexpr (std::is_same_v<T, bool>) {
    return "bool";
  } else if constexpr (std::is_same_v<T, char>) {
    return "char";
  } else if constexpr (std::is_integral_v<T>) {
    return detail::numberName(std::is_signed_v<T> ? 'i' : 'u', sizeof(T));
  } else if constexpr (std::is_floating_point_v<T>) {
    return detail::numberName('f', sizeof(T));
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "string";
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    return "string_view";
  } else {
    return detail::TypeNameOf<T>::get();
  }
}

}  // namespace millrace
