// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
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

/// "a::B<C, D>" as "a::B".
std::string_view templateNameOf(std::string_view compilerName);

/// True for allocators, hashers and comparators, which do not change what a container holds.
bool isPlumbing(std::string_view compilerName);

template <typename T>
struct TypeNameOf {
  static std::string get() { return shortTypeName(compilerTypeName<T>()); }
};

template <template <typename...> class C, typename... Args>
struct TypeNameOf<C<Args...>> {
  static std::string get() {
    std::string name = shortTypeName(templateNameOf(compilerTypeName<C<Args...>>())) + "<";
    bool first = true;
    (append<Args>(name, first), ...);
    return name + ">";
  }

 private:
  template <typename Arg>
  static void append(std::string& name, bool& first) {
    if (isPlumbing(compilerTypeName<Arg>())) return;
    if (!first) name += ", ";
    first = false;
    name += typeName<Arg>();
  }
};

template <typename T>
std::string integerName() {
  return (std::is_signed_v<T> ? "i" : "u") + std::to_string(sizeof(T) * 8);
}

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
    return detail::integerName<T>();
  } else if constexpr (std::is_floating_point_v<T>) {
    return "f" + std::to_string(sizeof(T) * 8);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "string";
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    return "string_view";
  } else {
    return detail::TypeNameOf<T>::get();
  }
}

}  // namespace millrace
