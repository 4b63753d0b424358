// SPDX-License-Identifier: MIT
#include "event_totals.hpp"

#include <millrace/time/rfc3339.hpp>

#include <absl/container/flat_hash_map.h>
#include <absl/strings/string_view.h>
#include <fcntl.h>
#include <simdjson.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>
#include <thread>
#include <vector>

namespace millrace::bench {
namespace {

using namespace simdjson;

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

// The windows of one reader: those that the watermark has passed become rows.
class Windows {
 public:
  using Counts = absl::flat_hash_map<std::string, std::int64_t>;

  void add(std::string_view type, Timestamp time) {
    if (time < currentStart_ || time >= currentStart_ + kWindowMillis) enter(time);
    if (current_ == nullptr) return;
    ++(*current_)[absl::string_view(type.data(), type.size())];
    highest_ = std::max(highest_, time);
  }

  // Once a block, like the watermarks of the pipeline.
  void advance() {
    const Timestamp watermark = highest_ - kOutOfOrderMillis - 1;
    while (!open_.empty() && open_.begin()->first + kWindowMillis - 1 <= watermark) closeFirst();
    watermark_ = watermark;
  }

  // Windows cut in two between readers are put together again by key.
  void closeAllInto(std::map<std::pair<Timestamp, std::string>, std::int64_t>& totals) {
    while (!open_.empty()) closeFirst();
    for (auto& [key, count] : closed_) totals[key] += count;
  }

 private:
  void enter(Timestamp time) {
    const Timestamp start = floorDivide(time, kWindowMillis) * kWindowMillis;
    const bool isLate = start + kWindowMillis - 1 <= watermark_;
    current_ = isLate ? nullptr : &open_[start];
    currentStart_ = start;
  }

  void closeFirst() {
    const auto first = open_.begin();
    for (const auto& [type, count] : first->second)
      closed_.push_back({{first->first, type}, count});
    if (&first->second == current_) currentStart_ = -kWindowMillis;
    open_.erase(first);
  }

  std::map<Timestamp, Counts> open_;
  Counts* current_ = nullptr;
  Timestamp currentStart_ = -kWindowMillis;  // before all events of these benchmarks
  Timestamp highest_ = 0;
  Timestamp watermark_ = kMinTimestamp;
  std::vector<std::pair<std::pair<Timestamp, std::string>, std::int64_t>> closed_;
};

// What the loop has read of an event.
struct Found {
  Timestamp time = 0;
  std::string_view type, user, version;
  bool hasTime = false, isWrong = false;

  bool isValid() const { return hasTime && !isWrong && !type.empty() && !user.empty(); }
};

bool isValid(ondemand::value value) {
  ondemand::json_type type;
  if (value.type().get(type)) return false;
  switch (type) {
    case ondemand::json_type::object: {
      ondemand::object object;
      if (value.get_object().get(object)) return false;
      for (auto field : object) {
        std::string_view key;
        ondemand::value inner;
        if (field.unescaped_key().get(key) || field.value().get(inner) || !isValid(inner))
          return false;
      }
      return true;
    }
    case ondemand::json_type::array: {
      ondemand::array array;
      if (value.get_array().get(array)) return false;
      for (auto element : array) {
        ondemand::value inner;
        if (element.get(inner) || !isValid(inner)) return false;
      }
      return true;
    }
    case ondemand::json_type::string: {
      std::string_view text;
      return !value.get_string().get(text);
    }
    case ondemand::json_type::number: {
      ondemand::number number;
      return !value.get_number().get(number);
    }
    case ondemand::json_type::boolean: {
      bool ignored;
      return !value.get_bool().get(ignored);
    }
    case ondemand::json_type::null:
      return value.is_null();
  }
  return false;
}

template <bool kIsStrict>
bool readData(ondemand::value value) {
  ondemand::json_type type;
  if (value.type().get(type) || type != ondemand::json_type::object) return false;
  return !kIsStrict || isValid(value);
}

template <bool kIsStrict>
bool readMember(std::string_view key, ondemand::value value, Found& found) {
  if (key == "timestamp") {
    std::string_view text;
    if (value.get_string().get(text)) return false;
    found.hasTime = parseRfc3339(text, found.time);
    return found.hasTime;
  }
  if (key == "event_type") return !value.get_string().get(found.type);
  if (key == "user_id") return !value.get_string().get(found.user);
  if (key == "version") return !value.get_string().get(found.version);
  if (key == "data") return readData<kIsStrict>(value);
  return !kIsStrict || isValid(value);
}

// The members of an event; false when it is none.
template <bool kIsStrict>
bool readEvent(ondemand::object object, Found& found) {
  for (auto field : object) {
    std::string_view key;
    ondemand::value value;
    if (field.unescaped_key().get(key) || field.value().get(value)) return false;
    if (!readMember<kIsStrict>(key, value, found)) return false;
  }
  return found.isValid();
}

template <bool kIsStrict>
void countLine(ondemand::parser& parser, const char* line, std::size_t length, std::size_t readable,
               Windows& windows) {
  ondemand::document document;
  ondemand::object object;
  Found found;
  if (parser.iterate(padded_string_view(line, length, readable)).get(document)) return;
  if (document.get_object().get(object) || !readEvent<kIsStrict>(object, found)) return;
  const char* rest = nullptr;
  if (kIsStrict && document.current_location().get(rest) != OUT_OF_BOUNDS) return;
  windows.add(found.type, found.time);
}

template <bool kIsStrict>
void countLines(ondemand::parser& parser, const char* begin, const char* end, Windows& windows) {
  while (begin != end) {
    const auto* newline =
        static_cast<const char*>(std::memchr(begin, '\n', static_cast<std::size_t>(end - begin)));
    const char* const lineEnd = newline != nullptr ? newline : end;
    const auto length = static_cast<std::size_t>(lineEnd - begin);
    const auto readable = static_cast<std::size_t>(end - begin) + SIMDJSON_PADDING;
    if (length != 0) countLine<kIsStrict>(parser, begin, length, readable, windows);
    begin = newline != nullptr ? newline + 1 : end;
  }
}

void countDocuments(ondemand::parser& parser, const char* begin, const char* end,
                    Windows& windows) {
  ondemand::document_stream stream;
  const auto length = static_cast<std::size_t>(end - begin);
  if (length == 0 || parser.iterate_many(begin, length, kBlockBytes).get(stream)) return;
  for (auto document : stream) {
    ondemand::object object;
    Found found;
    if (document.get_object().get(object) || !readEvent<false>(object, found)) continue;
    windows.add(found.type, found.time);
  }
}

class InputFile {
 public:
  explicit InputFile(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY)) {
    if (descriptor_ < 0) throw std::runtime_error("cannot open " + path);
  }
  ~InputFile() { ::close(descriptor_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::uint64_t size() const {
    return static_cast<std::uint64_t>(::lseek(descriptor_, 0, SEEK_END));
  }
  std::size_t read(char* into, std::size_t bytes, std::uint64_t offset) const {
    const ssize_t got = ::pread(descriptor_, into, bytes, static_cast<off_t>(offset));
    if (got < 0) throw std::runtime_error("read failed");
    return static_cast<std::size_t>(got);
  }

 private:
  const int descriptor_;
};

void countRange(const std::string& path, HandLoop loop, std::uint64_t from, std::uint64_t to,
                Windows& windows) {
  const InputFile file(path);
  ondemand::parser parser;
  std::vector<char> buffer(2 * kBlockBytes + SIMDJSON_PADDING);
  std::size_t held = 0;  // of a line that goes on in the next block
  while (from < to) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kBlockBytes, to - from));
    const std::size_t got = file.read(buffer.data() + held, wanted, from);
    if (got == 0) break;
    from += got;
    const char* const end = buffer.data() + held + got;
    const char* linesEnd = end;
    if (from < to)
      while (linesEnd != buffer.data() && linesEnd[-1] != '\n') --linesEnd;
    switch (loop) {
      case HandLoop::kStrict:
        countLines<true>(parser, buffer.data(), linesEnd, windows);
        break;
      case HandLoop::kLax:
        countLines<false>(parser, buffer.data(), linesEnd, windows);
        break;
      case HandLoop::kBatched:
        countDocuments(parser, buffer.data(), linesEnd, windows);
        break;
    }
    windows.advance();
    held = static_cast<std::size_t>(end - linesEnd);
    std::memmove(buffer.data(), linesEnd, held);
  }
}

std::uint64_t lineBeginAfter(const std::string& path, std::uint64_t offset) {
  const InputFile file(path);
  std::vector<char> bytes(kBlockBytes);
  bytes.resize(file.read(bytes.data(), bytes.size(), offset));
  const auto newline = std::find(bytes.begin(), bytes.end(), '\n');
  if (newline == bytes.end()) throw std::runtime_error("a line is too long");
  return offset + static_cast<std::uint64_t>(newline - bytes.begin()) + 1;
}

Outcome outcomeOf(std::vector<Windows> readers) {
  std::map<std::pair<Timestamp, std::string>, std::int64_t> totals;
  for (Windows& each : readers) each.closeAllInto(totals);
  Outcome outcome;
  for (const auto& [key, count] : totals) addRow(outcome, key.second, key.first, count);
  return outcome;
}

}  // namespace

Outcome countByHand(const std::string& path, HandLoop loop, std::uint64_t from, std::uint64_t to) {
  std::vector<Windows> readers(1);
  countRange(path, loop, from, std::min(to, InputFile(path).size()), readers[0]);
  return outcomeOf(std::move(readers));
}

Outcome countByHandOnTwoThreads(const std::string& path, HandLoop loop) {
  const std::uint64_t size = InputFile(path).size();
  const std::uint64_t middle = lineBeginAfter(path, size / 2);
  std::vector<Windows> readers(2);
  std::thread second([&] { countRange(path, loop, middle, size, readers[1]); });
  countRange(path, loop, 0, middle, readers[0]);
  second.join();
  return outcomeOf(std::move(readers));
}

}  // namespace millrace::bench
