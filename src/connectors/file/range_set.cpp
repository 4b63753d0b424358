// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/range_set.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace millrace {
namespace {

// No file is longer; keeps sums of offsets from damaged bytes within 64 bits.
constexpr std::uint64_t kMaxOffset = 1ull << 62;

// A pair of range and gap takes about this many bytes.
constexpr std::uint64_t kBytesOfPair = 6;

std::uint64_t roundUp(std::uint64_t offset, std::uint64_t unit) {
  return (offset + unit - 1) / unit * unit;
}

void writePairs(const RangeSet& set, ByteWriter& out) {
  out.length(set.ranges().size());
  std::uint64_t last = 0;
  for (const ByteRange& range : set.ranges()) {
    out.length(range.begin - last);
    out.length(range.end - range.begin);
    last = range.end;
  }
}

void writeMap(const RangeSet& whole, std::uint64_t unit, ByteWriter& out) {
  out.length(unit);
  const std::uint64_t first = whole.ranges().front().begin / unit;
  const std::uint64_t last = whole.ranges().back().end / unit;
  std::string map(static_cast<std::size_t>((last - first + 7) / 8), '\0');
  for (const ByteRange& range : whole.ranges()) {
    for (std::uint64_t i = range.begin / unit - first; i < range.end / unit - first; ++i) {
      char& byte = map[static_cast<std::size_t>(i / 8)];
      byte = static_cast<char>(static_cast<unsigned char>(byte) | (1u << (i % 8)));
    }
  }
  out.length(first);
  out.length(map.size());
  out.bytes(map);
}

}  // namespace

void RangeSet::add(std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return;
  const auto first = std::lower_bound(
      ranges_.begin(), ranges_.end(), begin,
      [](const ByteRange& range, std::uint64_t offset) { return range.end < offset; });
  auto last = first;
  while (last != ranges_.end() && last->begin <= end) {
    begin = std::min(begin, last->begin);
    end = std::max(end, last->end);
    ++last;
  }
  if (first == last) {
    ranges_.insert(first, {begin, end});
    return;
  }
  *first = {begin, end};
  ranges_.erase(first + 1, last);
}

void RangeSet::add(const RangeSet& other) {
  for (const ByteRange& range : other.ranges_) add(range.begin, range.end);
}

void RangeSet::removeBelow(std::uint64_t offset) {
  auto first = ranges_.begin();
  while (first != ranges_.end() && first->end <= offset) ++first;
  ranges_.erase(ranges_.begin(), first);
  if (!ranges_.empty()) ranges_.front().begin = std::max(ranges_.front().begin, offset);
}

const ByteRange* RangeSet::firstAbove(std::uint64_t offset) const {
  const auto found =
      std::upper_bound(ranges_.begin(), ranges_.end(), offset,
                       [](std::uint64_t at, const ByteRange& range) { return at < range.end; });
  return found == ranges_.end() ? nullptr : &*found;
}

bool RangeSet::contains(std::uint64_t offset) const {
  const ByteRange* range = firstAbove(offset);
  return range != nullptr && range->begin <= offset;
}

std::uint64_t RangeSet::prefixEnd() const {
  return ranges_.empty() || ranges_.front().begin > 0 ? 0 : ranges_.front().end;
}

void RangeSet::write(std::uint64_t unit, ByteWriter& out) const {
  RangeSet whole;
  RangeSet odd;
  for (const ByteRange& range : ranges_) {
    const std::uint64_t begin = roundUp(range.begin, unit);
    const std::uint64_t end = range.end / unit * unit;
    // What begins at 0 is long as a rule, and a map of it would be.
    if (range.begin == 0 || begin >= end) {
      odd.add(range.begin, range.end);
      continue;
    }
    odd.add(range.begin, begin);
    whole.add(begin, end);
    odd.add(end, range.end);
  }
  const std::vector<ByteRange>& runs = whole.ranges();
  const bool mapIsShorter = !runs.empty() && (runs.back().end - runs.front().begin) / unit / 8 <
                                                 kBytesOfPair * (runs.size() - 1);
  writePairs(mapIsShorter ? odd : *this, out);
  if (mapIsShorter) {
    writeMap(whole, unit, out);
  } else {
    out.length(0);
  }
}

bool RangeSet::read(ByteReader& in) { return readPairs(in) && readMap(in); }

bool RangeSet::readPairs(ByteReader& in) {
  std::size_t count = 0;
  if (!in.count(2, count)) return false;
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t gap = 0;
    std::uint64_t size = 0;
    if (!in.length(gap) || !in.length(size)) return false;
    if (gap > kMaxOffset - last || size > kMaxOffset - last - gap) return false;
    add(last + gap, last + gap + size);
    last += gap + size;
  }
  return true;
}

bool RangeSet::readMap(ByteReader& in) {
  std::uint64_t unit = 0;
  if (!in.length(unit)) return false;
  if (unit == 0) return true;
  std::uint64_t first = 0;
  std::size_t count = 0;
  std::string_view map;
  if (!in.length(first) || !in.count(1, count) || !in.bytes(count, map)) return false;
  const std::uint64_t units = kMaxOffset / unit;
  if (8 * map.size() > units || first > units - 8 * map.size()) return false;
  for (std::size_t i = 0; i < 8 * map.size(); ++i) {
    if ((static_cast<unsigned char>(map[i / 8]) >> (i % 8) & 1u) == 0) continue;
    add((first + i) * unit, (first + i + 1) * unit);
  }
  return true;
}

}  // namespace millrace
