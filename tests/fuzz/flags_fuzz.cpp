// SPDX-License-Identifier: MIT
#include "fuzz.hpp"

#include "common/job_settings.hpp"

#include <string>
#include <vector>

// The input is a job's command line, one argument a line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  std::vector<std::string> arguments{"event_count", ""};
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == '\n') {
      arguments.emplace_back();
    } else if (data[i] != 0) {
      arguments.back() += static_cast<char>(data[i]);
    }
  }
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  const examples::JobKind kind{.program = "event_count", .purpose = "Counts.", .example = "  x\n"};
  const examples::JobCommandLine line =
      examples::parseJobCommandLine(kind, static_cast<int>(argv.size()), argv.data());
  if (line.outcome.run) {
    promise(line.settings.window > Duration(0) && line.settings.slide > Duration(0));
    promise(line.settings.workers > 0 && line.settings.batchSize > 0);
    promise(line.settings.allowedLateness >= Duration(0));
  } else if (line.outcome.exitCode == examples::kDone) {
    promise(!line.outcome.out.empty());
  } else {
    promise(line.outcome.exitCode == examples::kWrongCommandLine && !line.outcome.error.empty());
  }
  return 0;
}
