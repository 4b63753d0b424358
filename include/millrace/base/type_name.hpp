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

// "std::__cxx11::list" as "list": standard and versioned namespaces say nothing.
inline std::string shortTypeName(std::string_view compilerName) {
  std::string name(compilerName);
  // Abseil's inline namespace is named by whoever packaged it.
  for (std::size_t at = name.find("absl::"); at != std::string::npos; at = name.find("absl::")) {
    const std::size_t packager = name.find("::", at + 6);
    const bool hasPackager =
        name.compare(at + 6, 4, "lts_") == 0 || name.compare(at + 6, 6, "debian") == 0;
    name.erase(at, hasPackager ? packager + 2 - at : 6);
  }
  for (const std::string_view noise : {"std::", "__cxx11::", "__1::", "millrace::"}) {
    for (std::size_t at = name.find(noise); at != std::string::npos; at = name.find(noise, at)) {
      name.erase(at, noise.size());
    }
  }
  return name;
}

// "a::B<C, D>" as "a::B": the arguments end the name, so their bracket is found from the end.
constexpr std::string_view templateNameOf(std::string_view compilerName) {
  std::size_t depth = 0;
  for (std::size_t at = compilerName.size(); at-- > 0;) {
    if (compilerName[at] == '>') ++depth;
    if (compilerName[at] == '<' && --depth == 0) return compilerName.substr(0, at);
  }
  return compilerName;
}

// True for allocators, hashers and comparators, which do not change what a container holds.
constexpr bool isPlumbing(std::string_view compilerName) {
  std::string_view name = templateNameOf(compilerName);
  const std::size_t scope = name.rfind("::");
  if (scope != std::string_view::npos) name.remove_prefix(scope + 2);
  for (const std::string_view plumbing : {"allocator", "less", "greater", "hash", "equal_to",
                                          "Hash", "Eq", "StringHash", "StringEq", "StableHash"}) {
    if (name == plumbing) return true;
  }
  return false;
}

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
