// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace millrace::bench {

/// What a contender has found out, made comparable: the order in which rows come does not matter.
struct Outcome {
  std::uint64_t rows = 0;
  std::uint64_t digest = 0;

  /// Takes in one row, given as its members.
  template <typename... Members>
  void add(const Members&... members) {
    // Cheap, because it is part of what is timed, and yet no two likely rows look alike.
    std::uint64_t row = 0;
    ((row = (row ^ static_cast<std::uint64_t>(members)) * 0x9e3779b97f4a7c15ULL), ...);
    ++rows;
    digest += row ^ (row >> 32);
  }

  /// Takes in what another part of the same contender has found.
  void merge(const Outcome& other) {
    rows += other.rows;
    digest += other.digest;
  }

  bool operator==(const Outcome&) const = default;
};

/// Programs that do the same work, timed in turn: a, b, a, b, ... so that whatever else the machine
/// does meets all of them alike. The first round warms up and is not counted.
class Contest {
 public:
  /// `records`: how many one run works through.
  Contest(std::string name, std::uint64_t records) : name_(std::move(name)), records_(records) {}

  /// Of the contenders added this way all must find the same.
  void add(std::string contender, std::function<Outcome()> run);

  /// Different work, timed along with the rest to be compared in time alone.
  void addOther(std::string contender, std::function<Outcome()> run);

  /// Runs all contenders `rounds` times and prints one line of JSON with every time. False, and
  /// a message on stderr, when two of them find different things.
  [[nodiscard]] bool run(int rounds) const;

 private:
  struct Contender {
    std::string name;
    std::function<Outcome()> run;
    bool isCompared;
  };

  const std::string name_;
  const std::uint64_t records_;
  std::vector<Contender> contenders_;
};

/// The command line of a macro benchmark: `--name value` pairs.
class Arguments {
 public:
  Arguments(int argc, const char* const* argv);

  std::string text(const std::string& name, const std::string& fallback) const;
  std::uint64_t number(const std::string& name, std::uint64_t fallback) const;

 private:
  std::vector<std::string> words_;
};

}  // namespace millrace::bench
