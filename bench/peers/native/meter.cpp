// SPDX-License-Identifier: MIT
#include "meter.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <ctime>
#include <exception>
#include <fstream>
#include <stdexcept>

namespace millrace::bench {
namespace {

std::uint64_t peakMebibytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) / 1024;
  }
  return 0;
}

}  // namespace

void Meter::warm(std::uint64_t records) {
  const std::lock_guard lock(mutex_);
  if (begin_) return;
  if (onWarm_) onWarm_();
  begin_ = now(records);
}

Meter::Point Meter::now(std::uint64_t records) {
  timespec cpu{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  return {std::chrono::steady_clock::now(),
          static_cast<double>(cpu.tv_sec) + static_cast<double>(cpu.tv_nsec) * 1e-9, records};
}

std::string Meter::report(const Outcome& outcome) const {
  if (!begin_ || !end_) throw std::logic_error("the program has not told where it stands");
  const double wall = std::chrono::duration<double>(end_->time - begin_->time).count();
  return fmt::format(
      R"({{"records":{},"counted":{},"wall_s":{:.6f},"cpu_s":{:.6f},"peak_mib":{},"checkpoints":{},)"
      R"("rows":{},"digest":"{:016x}"}})",
      records_, records_ - begin_->records, wall, end_->cpuSeconds - begin_->cpuSeconds,
      peakMebibytes(), checkpoints_, outcome.rows, outcome.digest);
}

int runContender(const Arguments& arguments, const std::vector<PeerContender>& known) {
  const std::string wanted = arguments.text("contender", "millrace");
  for (const PeerContender& each : known) {
    if (each.name != wanted) continue;
    try {
      const std::uint64_t records = arguments.number("records", 0);
      Meter meter(records, arguments.number("warm-up", records / 3));
      const Outcome outcome = each.run(meter);
      meter.end();
      fmt::print("{}\n", meter.report(outcome));
      return 0;
    } catch (const std::exception& failure) {
      fmt::print(stderr, "{}: {}\n", wanted, failure.what());
      return 1;
    }
  }
  fmt::print(stderr, "no such contender: {}\n", wanted);
  return 2;
}

}  // namespace millrace::bench
