// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

/// What a probe is told, `KEY=VALUE` each; a key may come more than once.
using Arguments = std::multimap<std::string, std::string>;

/// Those behind the first word, which says what to do.
inline Arguments argumentsOf(int count, char** words) {
  Arguments arguments;
  for (int i = 2; i < count; ++i) {
    const std::string word = words[i];
    const std::size_t at = word.find('=');
    arguments.emplace(word.substr(0, at), at == std::string::npos ? "" : word.substr(at + 1));
  }
  return arguments;
}

inline std::string get(const Arguments& arguments, const std::string& name,
                       std::string otherwise = "") {
  const auto it = arguments.find(name);
  return it == arguments.end() ? otherwise : it->second;
}

inline std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}
