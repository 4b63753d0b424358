// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>

#include <string>
#include <vector>

namespace millrace::tools {

/// Exit codes of the program `millrace`.
enum ExitCode : int {
  kFine = 0,
  kNotFine = 1,  ///< damaged, not readable, or, of two, not the same
  kWrongCommandLine = 2,
};

/// What to print and how to leave.
struct Outcome {
  int exitCode = kFine;
  std::string out;
  std::string error;
};

/// Runs the program with these arguments (without its name).
Outcome runMillrace(FileSystem& files, std::vector<std::string> arguments);

}  // namespace millrace::tools
