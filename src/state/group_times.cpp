// SPDX-License-Identifier: MIT
#include <millrace/state/group_times.hpp>

#include <algorithm>
#include <cstdint>

namespace millrace {

void GroupTimes::raise(KeyGroupRange groups, Timestamp time) {
  const std::uint32_t first = std::max(groups.first, own_.first);
  const std::uint32_t end = std::min(groups.end, own_.end);
  if (first >= end) return;
  times_.resize(own_.size(), kMinTimestamp);
  for (std::uint32_t group = first; group < end; ++group) {
    Timestamp& known = times_[group - own_.first];
    known = std::max(known, time);
  }
  latest_ = std::max(latest_, time);
}

void GroupTimes::write(ByteWriter& out) const {
  if (isEmpty()) return;
  std::size_t ranges = 0;
  for (std::size_t at = 0; at < times_.size(); at = endOfRange(at)) ++ranges;
  out.length(ranges);
  for (std::size_t at = 0, end = 0; at < times_.size(); at = end) {
    end = endOfRange(at);
    out.fixed(static_cast<std::uint32_t>(own_.first + at));
    out.fixed(static_cast<std::uint32_t>(own_.first + end));
    out.fixed(times_[at]);
  }
}

bool GroupTimes::read(ByteReader& in) {
  if (in.isAtEnd()) return true;
  std::size_t ranges = 0;
  if (!in.count(16, ranges)) return false;
  for (; ranges > 0; --ranges) {
    KeyGroupRange groups;
    Timestamp time = 0;
    if (!in.fixed(groups.first) || !in.fixed(groups.end) || !in.fixed(time)) return false;
    raise(groups, time);
  }
  return in.isAtEnd();
}

std::size_t GroupTimes::endOfRange(std::size_t first) const noexcept {
  const auto from = times_.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = std::find_if(from, times_.end(), [&](Timestamp time) { return time != *from; });
  return static_cast<std::size_t>(end - times_.begin());
}

}  // namespace millrace
