// SPDX-License-Identifier: MIT
#include "flags.hpp"

#include <millrace/base/build_info.hpp>
#include <millrace/time/duration.hpp>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <utility>

namespace millrace::examples {
namespace {

constexpr std::size_t kHelpColumn = 30;
constexpr std::size_t kHelpWidth = 100;

std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = indent;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word(text.data() + at, end - at);
    if (column > indent && column + 1 + word.size() > width) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    at = end + 1;
  }
  return out;
}

// The example comes before everything else: it is what most readers came for.
class ExampleFirst final : public CLI::Formatter {
 public:
  ExampleFirst(std::string purpose, std::string example)
      : purpose_(std::move(purpose)), example_(std::move(example)) {}

  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode mode) const override {
    std::string groups = make_groups(app, mode);
    for (std::size_t at = groups.find("\n\n\n"); at != std::string::npos;
         at = groups.find("\n\n\n", at))
      groups.erase(at, 1);
    return fmt::format("Example:\n{}\n{}\n\nUsage: {} [flags]\n{}", example_, purpose_,
                       app->get_name(), groups);
  }

  std::string make_option(const CLI::Option* option, bool) const override {
    std::string names = "  ";
    names += option->get_snames().empty() ? "    " : "-" + option->get_snames().front() + ", ";
    names += "--" + option->get_lnames().front();
    if (!option->get_type_name().empty()) names += " " + option->get_type_name();
    std::string help = option->get_description();
    if (!option->get_default_str().empty())
      help += fmt::format(" [default: {}]", option->get_default_str());
    const std::string gap = names.size() + 2 > kHelpColumn
                                ? "\n" + std::string(kHelpColumn, ' ')
                                : std::string(kHelpColumn - names.size(), ' ');
    return names + gap + wrapped(help, kHelpColumn, kHelpWidth) + "\n";
  }

 private:
  std::string purpose_;
  std::string example_;
};

// Optimal string alignment: what one wrong, missing, extra or swapped key press costs.
std::size_t slips(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

template <typename Number>
bool readNumber(const std::string& text, Number* number) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && stop == end;
}

}  // namespace

std::optional<std::string> nearestName(std::string_view name,
                                       const std::vector<std::string>& known) {
  constexpr std::size_t kLeastPrefix = 5;  // "--" and three letters
  std::optional<std::string> best;
  std::size_t bestSlips = std::max<std::size_t>(2, name.size() / 4) + 1;
  std::optional<std::string> begun;
  bool beginsOne = name.size() >= kLeastPrefix;
  for (const std::string& candidate : known) {
    const std::size_t distance = slips(name, candidate);
    if (distance < bestSlips) {
      bestSlips = distance;
      best = candidate;
    }
    if (beginsOne && candidate.compare(0, name.size(), name) == 0) {
      beginsOne = !begun.has_value();
      begun = candidate;
    }
  }
  return beginsOne && begun ? begun : best;
}

int finish(const ParseOutcome& outcome) {
  std::fputs(outcome.out.c_str(), stdout);
  std::fputs(outcome.error.c_str(), stderr);
  return outcome.exitCode;
}

int reportFailure(const std::string& program, const std::string& message) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), message.c_str());
  return kJobFailed;
}

struct FlagSet::Parser {
  Parser(std::string program, const std::string& purpose, const std::string& example)
      : app(purpose, std::move(program)) {
    app.formatter(std::make_shared<ExampleFirst>(purpose, example));
    app.set_help_flag("-h,--help", "show this help");
    app.set_version_flag(
        "--version", [this] { return versionText(app.get_name()); },
        "show version, commit and the libraries built in");
  }

  using Setter = std::function<void(const std::string& name, const std::string& value)>;

  CLI::Option* add(const std::string& names, const std::string& unit, const std::string& help,
                   const std::string& shownDefault, Setter set) {
    auto name = std::make_shared<std::string>();
    CLI::Option* option = app.add_option(
        names,
        [name, set = std::move(set)](const CLI::results_t& values) {
          if (values.size() > 1) throw CLI::ValidationError(*name, "given more than once");
          set(*name, values.front());
          return true;
        },
        help);
    *name = option->get_name();
    option->type_name(unit)->default_str(shownDefault)->group(title);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    return option;
  }

  std::vector<std::string> longNames() const {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options())
      for (const std::string& each : option->get_lnames()) names.push_back("--" + each);
    return names;
  }

  std::string unexpected(const std::string& argument) const {
    if (argument.size() < 2 || argument.front() != '-')
      return fmt::format("unexpected argument '{}' (every flag starts with --)", argument);
    const std::string name = argument.substr(0, argument.find('='));
    const std::optional<std::string> near = nearestName(name, longNames());
    return fmt::format(
        "unknown flag {}{}", name,
        near ? fmt::format("; did you mean {}?", *near) : std::string(" (--help lists them)"));
  }

  CLI::App app;
  std::string title = "Options";
  std::vector<std::pair<std::string, std::string>> missing;
};

FlagSet::FlagSet(std::string program, std::string purpose, std::string example)
    : parser_(std::make_unique<Parser>(std::move(program), purpose, example)) {}

FlagSet::~FlagSet() = default;

void FlagSet::group(const std::string& title) { parser_->title = title; }

void FlagSet::text(const std::string& names, const std::string& unit, const std::string& help,
                   std::string* target, const std::string& shownDefault) {
  parser_->add(names, unit, help, shownDefault.empty() ? *target : shownDefault,
               [target](const std::string& name, const std::string& value) {
                 if (value.empty()) throw CLI::ValidationError(name, "the value is empty");
                 *target = value;
               });
}

void FlagSet::duration(const std::string& names, const std::string& help, Duration* target,
                       Duration least, const std::string& shownDefault) {
  parser_->add(names, "DUR", help, shownDefault.empty() ? formatDuration(*target) : shownDefault,
               [target, least](const std::string& name, const std::string& value) {
                 const StatusOr<Duration> parsed = parseDuration(value);
                 if (!parsed.ok())
                   throw CLI::ValidationError(
                       name, fmt::format("'{}' is not a duration (250ms, 30s, 5m, 1h, 1d)", value));
                 if (*parsed < least)
                   throw CLI::ValidationError(name, fmt::format("{} is too short (at least {})",
                                                                value, formatDuration(least)));
                 *target = *parsed;
               });
}

void FlagSet::integer(const std::string& names, const std::string& unit, const std::string& help,
                      std::int64_t* target, std::int64_t least, std::int64_t most,
                      const std::string& shownDefault) {
  parser_->add(names, unit, help, shownDefault.empty() ? std::to_string(*target) : shownDefault,
               [=](const std::string& name, const std::string& value) {
                 std::int64_t number = 0;
                 if (!readNumber(value, &number))
                   throw CLI::ValidationError(name,
                                              fmt::format("'{}' is not a whole number", value));
                 if (number < least || number > most)
                   throw CLI::ValidationError(
                       name, fmt::format("{} is out of range ({} to {})", value, least, most));
                 *target = number;
               });
}

void FlagSet::real(const std::string& names, const std::string& unit, const std::string& help,
                   double* target, double least, double most) {
  parser_->add(names, unit, help, fmt::format("{}", *target),
               [=](const std::string& name, const std::string& value) {
                 double number = 0;
                 if (!readNumber(value, &number))
                   throw CLI::ValidationError(name, fmt::format("'{}' is not a number", value));
                 // Written so that NaN is refused as well.
                 if (!(number >= least && number <= most))
                   throw CLI::ValidationError(
                       name,
                       most == std::numeric_limits<double>::max()
                           ? fmt::format("{} is out of range ({} or more)", value, least)
                           : fmt::format("{} is out of range ({} to {})", value, least, most));
                 *target = number;
               });
}

void FlagSet::choice(const std::string& names, const std::string& help, std::string* target,
                     std::vector<std::string> choices) {
  const std::string listed = fmt::format("{}", fmt::join(choices, "|"));
  parser_->add(
      names, listed, help, *target,
      [target, choices = std::move(choices)](const std::string& name, const std::string& value) {
        if (std::find(choices.begin(), choices.end(), value) == choices.end())
          throw CLI::ValidationError(
              name, fmt::format("'{}' is not one of {}", value, fmt::join(choices, ", ")));
        *target = value;
      });
}

void FlagSet::toggle(const std::string& names, const std::string& help, bool* target) {
  parser_->app.add_flag(names, *target, help)->group(parser_->title);
}

void FlagSet::properties(const std::string& names, const std::string& help,
                         std::vector<std::string>* target) {
  auto name = std::make_shared<std::string>();
  CLI::Option* option = parser_->app.add_option(
      names,
      [name, target](const CLI::results_t& values) {
        // What is wrong may be a secret: it is not repeated.
        for (const std::string& value : values)
          if (value.find('=') == std::string::npos || value.front() == '=')
            throw CLI::ValidationError(*name, "KEY=VALUE is needed (linger.ms=5)");
        *target = values;
        return true;
      },
      help);
  *name = option->get_name();
  option->type_name("KEY=VALUE")->group(parser_->title);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void FlagSet::notAvailable(const std::string& longName, const std::string& what) {
  parser_->missing.emplace_back(longName, what);
}

bool FlagSet::given(const std::string& longName) const {
  return parser_->app.get_option(longName)->count() > 0;
}

ParseOutcome FlagSet::refuse(const std::string& message) const {
  ParseOutcome outcome;
  outcome.exitCode = kWrongCommandLine;
  outcome.error = fmt::format("{}: {}\n", parser_->app.get_name(), message);
  return outcome;
}

ParseOutcome FlagSet::parse(int argc, const char* const* argv) {
  ParseOutcome outcome;
  try {
    parser_->app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    outcome.out = parser_->app.help();
    return outcome;
  } catch (const CLI::CallForVersion&) {
    outcome.out = versionText(parser_->app.get_name());
    return outcome;
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = parser_->app.remaining();
    return refuse(parser_->unexpected(extras.empty() ? "" : extras.front()));
  } catch (const CLI::ArgumentMismatch& mismatch) {
    const std::string text = mismatch.what();
    return refuse(fmt::format("{}: its value is missing", text.substr(0, text.find(':'))));
  } catch (const CLI::ParseError& error) {
    return refuse(error.what());
  }
  for (const auto& [name, what] : parser_->missing)
    if (given(name))
      return refuse(fmt::format("{}: {} is not available in this version", name, what));
  outcome.run = true;
  return outcome;
}

}  // namespace millrace::examples
