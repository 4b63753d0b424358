// SPDX-License-Identifier: MIT
#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace millrace::examples {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBarColumns = 24;
constexpr auto kLineEvery = std::chrono::milliseconds(250);
constexpr auto kLogEvery = std::chrono::seconds(5);

// 812, 81.2k, 1.2M, 3.4G: four characters or so.
std::string rounded(double value) {
  constexpr std::string_view kUnits = " kMGT";
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{:.0f}", value);
  return fmt::format("{:.{}f}{}", value, value < 99.95 ? 1 : 0, kUnits[unit]);
}

std::string lasting(double seconds) {
  constexpr double kTooLong = 1e7;
  if (!(seconds < kTooLong)) return "a long time";
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

// What is left takes as long, in proportion, as what is done; empty before there is a proportion.
std::string timeLeft(const ProgressSample& sample, double elapsedSeconds) {
  if (!sample.fraction || *sample.fraction <= 0) return {};
  const double fraction = std::min(*sample.fraction, 1.0);
  return lasting(elapsedSeconds * (1 - fraction) / fraction) + " left";
}

int percent(double fraction) { return static_cast<int>(std::clamp(fraction, 0.0, 1.0) * 100); }

std::string bar(double fraction) {
  const auto filled = static_cast<std::size_t>(std::clamp(fraction, 0.0, 1.0) * kBarColumns);
  std::string cells(kBarColumns, ' ');
  std::fill_n(cells.begin(), filled, '=');
  if (filled > 0 && filled < kBarColumns) cells[filled - 1] = '>';
  return "[" + cells + "]";
}

}  // namespace

std::string progressLine(const ProgressSample& sample, double recordsPerSecond,
                         double elapsedSeconds) {
  std::string line;
  if (sample.fraction)
    line = fmt::format("{} {:3}%  ", bar(*sample.fraction), percent(*sample.fraction));
  line += fmt::format("{} records  {}/s  ", rounded(static_cast<double>(sample.records)),
                      rounded(recordsPerSecond));
  const std::string left = timeLeft(sample, elapsedSeconds);
  line += left.empty() ? lasting(elapsedSeconds) : left;
  if (!sample.note.empty()) line += "  " + sample.note;
  if (line.size() > kProgressColumns) line.resize(kProgressColumns);
  return line;
}

std::string progressLogLine(const ProgressSample& sample, double recordsPerSecond,
                            double elapsedSeconds) {
  std::string line = fmt::format("{}: {} records, {:.0f} records/s", lasting(elapsedSeconds),
                                 sample.records, recordsPerSecond);
  if (sample.fraction) line += fmt::format(", {}%", percent(*sample.fraction));
  if (const std::string left = timeLeft(sample, elapsedSeconds); !left.empty()) line += ", " + left;
  if (!sample.note.empty()) line += ", " + sample.note;
  if (!sample.detail.empty()) line += ", " + sample.detail;
  return line;
}

bool isTerminal(std::FILE* stream) { return isatty(fileno(stream)) != 0; }

ProgressMode progressModeFor(bool wanted) {
  if (!wanted) return ProgressMode::kOff;
  const char* terminal = std::getenv("TERM");
  const bool canOverwrite = terminal != nullptr && std::string_view(terminal) != "dumb";
  return isTerminal(stderr) && canOverwrite ? ProgressMode::kLine : ProgressMode::kLog;
}

ProgressReporter::ProgressReporter(std::string program, ProgressMode mode,
                                   std::function<ProgressSample()> sample)
    : program_(std::move(program)),
      mode_(mode),
      coloured_(std::getenv("NO_COLOR") == nullptr),
      sample_(std::move(sample)) {
  if (mode_ != ProgressMode::kOff) thread_ = std::thread([this] { run(); });
}

ProgressReporter::~ProgressReporter() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ended_.notify_one();
  thread_.join();
}

void ProgressReporter::run() {
  const auto every = mode_ == ProgressMode::kLine ? Clock::duration(kLineEvery) : kLogEvery;
  const Clock::time_point start = Clock::now();
  Clock::time_point before = start;
  std::uint64_t recordsBefore = 0;
  bool shown = false;
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, every, [this] { return stopping_; })) {
    const ProgressSample sample = sample_();
    const Clock::time_point now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - before).count();
    const double elapsed = std::chrono::duration<double>(now - start).count();
    const double rate = static_cast<double>(sample.records - recordsBefore) / seconds;
    before = now;
    recordsBefore = sample.records;
    if (mode_ == ProgressMode::kLog) {
      std::fprintf(stderr, "%s: %s\n", program_.c_str(),
                   progressLogLine(sample, rate, elapsed).c_str());
      continue;
    }
    const std::string line = progressLine(sample, rate, elapsed);
    std::fprintf(stderr, coloured_ ? "\r\x1b[36m%s\x1b[0m\x1b[K" : "\r%s\x1b[K", line.c_str());
    std::fflush(stderr);
    shown = true;
  }
  if (shown) std::fputs("\r\x1b[K", stderr);
}

}  // namespace millrace::examples
