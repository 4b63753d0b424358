// SPDX-License-Identifier: MIT
#include <cstdio>
#include <string>
#include <vector>

#include "tools/commands.hpp"

int main(int argc, char** argv) {
  using namespace millrace;
  const tools::Outcome outcome =
      tools::runMillrace(posixFileSystem(), std::vector<std::string>(argv + 1, argv + argc));
  std::fputs(outcome.error.c_str(), stderr);
  const bool isWritten = std::fputs(outcome.out.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  return isWritten ? outcome.exitCode : tools::kNotFine;
}
