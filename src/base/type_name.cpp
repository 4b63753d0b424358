// SPDX-License-Identifier: MIT
#include <millrace/base/type_name.hpp>

namespace millrace::detail {

std::string shortTypeName(std::string_view compilerName) {
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

namespace {

// "a::B<C, D>" as "a::B". The arguments end the name, so their bracket is found from the end.
std::string_view templateNameOf(std::string_view compilerName) {
  std::size_t depth = 0;
  for (std::size_t at = compilerName.size(); at-- > 0;) {
    if (compilerName[at] == '>') ++depth;
    if (compilerName[at] == '<' && --depth == 0) return compilerName.substr(0, at);
  }
  return compilerName;
}

// True for allocators, hashers and comparators, which do not change what a container holds.
bool isPlumbing(std::string_view compilerName) {
  std::string_view name = templateNameOf(compilerName);
  const std::size_t scope = name.rfind("::");
  if (scope != std::string_view::npos) name.remove_prefix(scope + 2);
  for (const std::string_view plumbing : {"allocator", "less", "greater", "hash", "equal_to",
                                          "Hash", "Eq", "StringHash", "StringEq"}) {
    if (name == plumbing) return true;
  }
  return false;
}

}  // namespace

std::string templateTypeName(std::string_view compilerName,
                             std::initializer_list<NamedType> arguments) {
  std::string name = shortTypeName(templateNameOf(compilerName)) + "<";
  bool isFirst = true;
  for (const NamedType& argument : arguments) {
    if (isPlumbing(argument.compilerName)) continue;
    if (!isFirst) name += ", ";
    isFirst = false;
    name += argument.name();
  }
  return name + ">";
}

std::string numberName(char kind, std::size_t bytes) { return kind + std::to_string(bytes * 8); }

}  // namespace millrace::detail
