// SPDX-License-Identifier: MIT
#include "tools/commands.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <millrace/base/build_info.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "tools/report.hpp"

namespace millrace::tools {
namespace {

constexpr std::array<std::string_view, 3> kCommands = {"inspect", "verify", "diff"};
constexpr std::size_t kMostSlips = 3;

constexpr std::string_view kPurpose =
    "Example: millrace inspect /var/lib/jobs/event-count\n\n"
    "Looks into state directories and savepoints, also while their job runs.\n"
    "Leaves with 0; with 1 when something is damaged, cannot be read or differs; with 2 when the\n"
    "command line is wrong.";

Outcome failed(const Status& status) {
  return {kNotFine, "",
          fmt::format("millrace: {}\n",
                      std::string_view(status.message().data(), status.message().size()))};
}

StatusOr<Outcome> inspect(FileSystem& files, const std::string& directory, bool json) {
  MILLRACE_ASSIGN_OR_RETURN(const auto reader, CheckpointReader::open(files, directory));
  Inspection inspection{directory, *reader, {}};
  MILLRACE_ASSIGN_OR_RETURN(inspection.sizes, reader->sizes());
  return Outcome{kFine, json ? asJson(inspection) : asText(inspection), ""};
}

StatusOr<Outcome> verify(FileSystem& files, const std::string& directory) {
  MILLRACE_ASSIGN_OR_RETURN(const auto reader, CheckpointReader::open(files, directory));
  MILLRACE_RETURN_IF_ERROR(reader->verify());
  return Outcome{kFine,
                 fmt::format("{}: epoch {} is whole, every checksum of {} is right\n", directory,
                             reader->summary().epoch.number,
                             readableSize(reader->logBytes() + reader->baseBytes())),
                 ""};
}

StatusOr<Outcome> diff(FileSystem& files, const std::string& first, const std::string& second) {
  MILLRACE_ASSIGN_OR_RETURN(const auto a, CheckpointReader::open(files, first));
  MILLRACE_ASSIGN_OR_RETURN(const auto b, CheckpointReader::open(files, second));
  MILLRACE_ASSIGN_OR_RETURN(const auto differences, compareCheckpoints(*a, *b));
  const bool isSame = std::all_of(differences.begin(), differences.end(),
                                  [](const StateDifference& state) { return state.isEmpty(); });
  return Outcome{isSame ? kFine : kNotFine, asText(differences), ""};
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t i = 0; i <= b.size(); ++i) row[i] = i;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::optional<Outcome> refuseUnknownCommand(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front().starts_with('-')) return std::nullopt;
  const std::string& given = arguments.front();
  const auto nearest = std::min_element(kCommands.begin(), kCommands.end(),
                                        [&](std::string_view a, std::string_view b) {
                                          return distance(given, a) < distance(given, b);
                                        });
  if (*nearest == given) return std::nullopt;
  std::string message = fmt::format("millrace: there is no command '{}'", given);
  if (distance(given, *nearest) <= kMostSlips)
    message += fmt::format(" (did you mean {}?)", *nearest);
  return Outcome{kWrongCommandLine, "", message + "\nmillrace --help lists the commands\n"};
}

}  // namespace

Outcome runMillrace(FileSystem& files, std::vector<std::string> arguments) {
  if (auto refused = refuseUnknownCommand(arguments)) return *refused;
  CLI::App app{std::string(kPurpose), "millrace"};
  app.set_version_flag("--version", versionText("millrace"),
                       "show version, commit and the libraries built in");
  app.require_subcommand(1);
  std::string first;
  std::string second;
  bool json = false;
  CLI::App* inspecting = app.add_subcommand(
      "inspect",
      "Shows the epochs, operators, states and their sizes, and the positions of sources.");
  inspecting->add_option("DIR", first, "a state directory or savepoint")->required();
  inspecting->add_flag("--json", json, "one JSON object instead of text");
  CLI::App* verifying = app.add_subcommand("verify", "Checks every checksum.");
  verifying->add_option("DIR", first, "a state directory or savepoint")->required();
  CLI::App* comparing =
      app.add_subcommand("diff", "Counts the entries that differ, state by state.");
  comparing->add_option("A", first, "a state directory or savepoint")->required();
  comparing->add_option("B", second, "another one")->required();
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    return {kFine, app.help(), ""};
  } catch (const CLI::CallForVersion&) {
    return {kFine, versionText("millrace"), ""};
  } catch (const CLI::ParseError& error) {
    return {kWrongCommandLine, "",
            fmt::format("millrace: {}\nmillrace --help lists the commands\n", error.what())};
  }
  StatusOr<Outcome> outcome = inspecting->parsed()  ? inspect(files, first, json)
                              : verifying->parsed() ? verify(files, first)
                                                    : diff(files, first, second);
  return outcome.ok() ? *std::move(outcome) : failed(outcome.status());
}

}  // namespace millrace::tools
