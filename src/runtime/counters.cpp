// SPDX-License-Identifier: MIT
#include <millrace/runtime/counters.hpp>

#include <array>

#include <millrace/serde/bytes.hpp>

namespace millrace {
namespace {

// In the order they are written in; new ones go at the end.
constexpr std::array kWritten = {
    &TaskCounters::in,       &TaskCounters::out,     &TaskCounters::absorbed,
    &TaskCounters::filtered, &TaskCounters::late,    &TaskCounters::latePartial,
    &TaskCounters::invalid,  &TaskCounters::bytesIn, &TaskCounters::futureDated};

}  // namespace

void TaskCounters::write(std::string& bytes) const {
  ByteWriter writer(bytes);
  writer.length(kWritten.size());
  for (const auto counter : kWritten) writer.length((this->*counter).value());
}

bool TaskCounters::read(std::string_view& bytes, bool adds) {
  ByteReader reader(bytes);
  std::uint64_t count = 0;
  if (!reader.length(count) || count > kWritten.size()) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t value = 0;
    if (!reader.length(value)) return false;
    if (adds) (this->*kWritten[i]).add(value);
  }
  bytes.remove_prefix(bytes.size() - reader.remaining());
  return true;
}

}  // namespace millrace
