// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/formats/describe.hpp>
#include <millrace/formats/json_reader.hpp>
#include <millrace/time/timestamp.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace {

/// How a line becomes a record: `decode` assigns all of `record` and, when the format knows it, the
/// event time; false with a reason for people when the line is invalid. One decoder per reader.
/// `line` is followed by kJsonPadding readable bytes. A decoder may have
///  - `static bool hasEventTimes()`: false when it never knows the event time;
///  - `void expect(std::string_view lines)`: told where most of the next lines lie, until told
///  again.
template <typename D, typename T>
concept LineDecoder = requires(D& decoder, std::string_view line, T& record, Timestamp& time,
                               std::string& reason) {
  { decoder.decode(line, record, time, reason) } -> std::same_as<bool>;
};

/// A JSON object a line, read into a described struct; the member described as event time gives it.
template <Described T>
class JsonLineDecoder {
 public:
  static bool hasEventTimes() { return recordType<T>().eventTime() != nullptr; }

  bool decode(std::string_view line, T& record, Timestamp& time, std::string& reason) {
    if (!reader_.decode(line, record, error_)) [[unlikely]] {
      reason = error_.message();
      return false;
    }
    if (hasEventTime_)
      std::memcpy(&time, reinterpret_cast<const char*>(&record) + offset_, sizeof(time));
    return true;
  }

  void expect(std::string_view lines) { reader_.expect(lines); }

 private:
  JsonReader<T> reader_;
  DecodeError error_;
  const bool hasEventTime_ = hasEventTimes();
  const std::size_t offset_ = hasEventTime_ ? recordType<T>().eventTime()->offset : 0;
};

/// The line itself.
class TextLineDecoder {
 public:
  static bool hasEventTimes() { return false; }

  bool decode(std::string_view line, std::string& record, Timestamp&, std::string&) {
    record = line;
    return true;
  }
};

namespace detail {
template <typename T>
struct DefaultLineDecoder {
  using Type = JsonLineDecoder<T>;
};
template <>
struct DefaultLineDecoder<std::string> {
  using Type = TextLineDecoder;
};
}  // namespace detail

/// JSON for described structs, the line itself for strings.
template <typename T>
using DefaultLineDecoder = typename detail::DefaultLineDecoder<T>::Type;

}  // namespace millrace
