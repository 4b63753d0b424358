// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/time/timestamp.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::examples {

/// The exit codes every program here keeps.
enum ExitCode : int { kDone = 0, kJobFailed = 1, kWrongCommandLine = 2 };

/// What the command line asks for.
struct ParseOutcome {
  bool run = false;  ///< go on; otherwise print `out` and `error` and leave with `exitCode`
  int exitCode = kDone;
  std::string out;    ///< for stdout: the help or the version
  std::string error;  ///< for stderr: what is wrong, naming the flag
};

/// Prints what the outcome holds and returns its exit code. REQUIRES: !outcome.run.
int finish(const ParseOutcome& outcome);

/// Says on stderr why the program failed and returns kJobFailed.
int reportFailure(const std::string& program, const std::string& message);

/// The flags of one program: declared once with their place to store, unit,
/// default (the target's value at declaration) and help; then parsed.
///
/// Names are written `"--window"` or `"-b,--bootstrap-servers"`. Every value is
/// checked while parsing, and the message of a bad one names its flag. Parsing
/// neither prints nor exits. `-h/--help` and `--version` are always there.
class FlagSet {
 public:
  FlagSet(std::string program, std::string purpose, std::string example);
  ~FlagSet();
  FlagSet(const FlagSet&) = delete;
  FlagSet& operator=(const FlagSet&) = delete;

  /// Flags declared from here on stand under this title in the help.
  void group(const std::string& title);

  void text(const std::string& names, const std::string& unit, const std::string& help,
            std::string* target, const std::string& shownDefault = {});
  /// DUR: 250ms, 30s, 5m, 1h, 1d. Values below `least` are refused.
  void duration(const std::string& names, const std::string& help, Duration* target,
                Duration least = Duration(0), const std::string& shownDefault = {});
  void integer(const std::string& names, const std::string& unit, const std::string& help,
               std::int64_t* target, std::int64_t least, std::int64_t most,
               const std::string& shownDefault = {});
  void real(const std::string& names, const std::string& unit, const std::string& help,
            double* target, double least, double most = std::numeric_limits<double>::max());
  void choice(const std::string& names, const std::string& help, std::string* target,
              std::vector<std::string> choices);
  void toggle(const std::string& names, const std::string& help, bool* target);
  /// KEY=VALUE, may be given again and again.
  void properties(const std::string& names, const std::string& help,
                  std::vector<std::string>* target);

  /// Giving this flag ends in "--name: <what> is not available in this version".
  void notAvailable(const std::string& longName, const std::string& what);

  /// True once parsing met the flag. REQUIRES: a declared long name, with dashes.
  bool given(const std::string& longName) const;

  ParseOutcome parse(int argc, const char* const* argv);

  /// A refusal found after parsing, in the form parsing itself uses.
  ParseOutcome refuse(const std::string& message) const;

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

/// The known name nearest to `name`, if it is near enough to be a slip of the
/// fingers (Damerau and Levenshtein's distance, or `name` begins just one of them).
std::optional<std::string> nearestName(std::string_view name,
                                       const std::vector<std::string>& known);

}  // namespace millrace::examples
