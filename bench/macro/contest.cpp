// SPDX-License-Identifier: MIT
#include "contest.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <utility>

namespace millrace::bench {
namespace {

struct Times {
  std::vector<double> wall;
  std::vector<double> cpu;
};

double processCpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

Outcome timed(const std::function<Outcome()>& run, Times& times) {
  const double cpuBefore = processCpuSeconds();
  const auto before = std::chrono::steady_clock::now();
  const Outcome outcome = run();
  const auto after = std::chrono::steady_clock::now();
  times.cpu.push_back(processCpuSeconds() - cpuBefore);
  times.wall.push_back(std::chrono::duration<double>(after - before).count());
  return outcome;
}

std::string listOf(const std::vector<double>& seconds) {
  std::string list;
  for (const double each : seconds) list += fmt::format("{}{:.6f}", list.empty() ? "" : ",", each);
  return "[" + list + "]";
}

}  // namespace

void Contest::add(std::string contender, std::function<Outcome()> run) {
  contenders_.push_back({std::move(contender), std::move(run), true});
}

void Contest::addOther(std::string contender, std::function<Outcome()> run) {
  contenders_.push_back({std::move(contender), std::move(run), false});
}

bool Contest::run(int rounds) const {
  std::vector<Times> times(contenders_.size());
  Outcome expected;
  for (int round = 0; round <= rounds; ++round) {
    for (std::size_t i = 0; i < contenders_.size(); ++i) {
      Times warmUp;
      const Outcome found = timed(contenders_[i].run, round == 0 ? warmUp : times[i]);
      if (round == 0 && i == 0) expected = found;
      if (found == expected || !contenders_[i].isCompared) continue;
      fmt::print(stderr, "{}: '{}' found {} rows (digest {:x}), '{}' {} (digest {:x})\n", name_,
                 contenders_.front().name, expected.rows, expected.digest, contenders_[i].name,
                 found.rows, found.digest);
      return false;
    }
  }
  std::string runs;
  for (std::size_t i = 0; i < contenders_.size(); ++i)
    runs += fmt::format(R"({}"{}":{{"wall":{},"cpu":{}}})", i == 0 ? "" : ",", contenders_[i].name,
                        listOf(times[i].wall), listOf(times[i].cpu));
  fmt::print(R"({{"name":"{}","records":{},"rows":{},"runs":{{{}}}}})"
             "\n",
             name_, records_, expected.rows, runs);
  std::fflush(stdout);
  return true;
}

Arguments::Arguments(int argc, const char* const* argv) : words_(argv + 1, argv + argc) {}

std::string Arguments::text(const std::string& name, const std::string& fallback) const {
  for (std::size_t i = 0; i + 1 < words_.size(); i += 2)
    if (words_[i] == "--" + name) return words_[i + 1];
  return fallback;
}

std::uint64_t Arguments::number(const std::string& name, std::uint64_t fallback) const {
  const std::string value = text(name, "");
  return value.empty() ? fallback : std::stoull(value);
}

}  // namespace millrace::bench
