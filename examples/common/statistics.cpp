// SPDX-License-Identifier: MIT
#include "statistics.hpp"

#include <millrace/formats/json_writer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace millrace::examples {
namespace {

// A name from the input must not be able to add lines to the block or move a terminal's cursor.
std::string printable(const std::string& name) {
  const bool harmless = std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (harmless) return name;
  std::string quoted;
  JsonWriter(quoted).string(name);
  std::replace(quoted.begin(), quoted.end(), '\x7f', '?');
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

void Statistics::add(const std::string& eventType, const std::string& userId) {
  ++events_;
  ++types_[eventType];
  ++users_[userId];
}

std::string Statistics::block(double elapsedSeconds, std::uint64_t errors) const {
  const double rate = elapsedSeconds > 0 ? static_cast<double>(events_) / elapsedSeconds : 0;
  std::string out = fmt::format(
      "Total Events: {}\nElapsed Time: {:.2f}s\nEvent Rate: {:.2f} events/sec\nErrors: {}\n",
      events_, elapsedSeconds, rate, errors);
  out += "\nTop Event Types:\n";
  appendTop(out, types_, "");
  out += "\nTop Users:\n";
  appendTop(out, users_, " events");
  return out;
}

void Statistics::appendTop(std::string& out, const Counts& counts, const char* unit) const {
  std::vector<std::pair<std::uint64_t, const std::string*>> ranking;
  ranking.reserve(counts.size());
  for (const auto& [name, count] : counts) ranking.emplace_back(count, &name);
  const std::size_t kept = std::min(top_, ranking.size());
  std::partial_sort(ranking.begin(), ranking.begin() + static_cast<std::ptrdiff_t>(kept),
                    ranking.end(), [](const auto& a, const auto& b) {
                      return a.first != b.first ? a.first > b.first : *a.second < *b.second;
                    });
  for (std::size_t i = 0; i < kept; ++i)
    out += fmt::format("  {}: {}{}\n", printable(*ranking[i].second), ranking[i].first, unit);
}

}  // namespace millrace::examples
