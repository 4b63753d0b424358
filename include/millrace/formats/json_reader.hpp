// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/formats/describe.hpp>
#include <millrace/formats/record_type.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace millrace {

/// How many bytes past the end of a line must be readable, whatever they hold.
inline constexpr std::size_t kJsonPadding = 64;

/// Objects and arrays inside one another past this depth make a line invalid.
inline constexpr std::size_t kMaxJsonDepth = 512;

enum class DecodeFault : std::uint8_t {
  kNone,
  kSyntax,        ///< not exactly one JSON object
  kEncoding,      ///< not UTF-8
  kTooDeep,       ///< past kMaxJsonDepth
  kTooLong,       ///< more than 4 GiB, or no memory for it
  kMissing,       ///< a required member is absent
  kWrongType,     ///< a member has another JSON type, or null
  kOutOfRange,    ///< a number the member cannot hold
  kEmpty,         ///< empty where that was excluded
  kBadTimestamp,  ///< a string that is no RFC 3339 time
  kBadString,     ///< a string with half of a surrogate pair
  kUnknownName,   ///< a string that is none of the enum's names
  kCheckFailed,   ///< the record's own check refused it
};

/// Why a line was refused. The texts live as long as the program, so an error may
/// be kept and copied freely and costs nothing to make.
struct DecodeError {
  DecodeFault fault = DecodeFault::kNone;
  std::string_view reason;  ///< a few words: "a string was expected"
  std::string_view member;  ///< the member's name; empty when the line as a whole is at fault
  std::string_view record;  ///< the name of the described struct that has the member

  /// `UserEvent.timestamp: not an RFC 3339 time`.
  std::string message() const;
};

/// True for a line of spaces and tabs alone (or nothing): no record at all.
inline bool isBlankLine(std::string_view line) noexcept {
  for (const char c : line)
    if (c != ' ' && c != '\t' && c != '\r') return false;
  return true;
}

/// Reads JSON objects into described structs.
///
/// Strict: a line is exactly one JSON object (RFC 8259) in UTF-8, with white space
/// wherever JSON allows it. All of it is checked, members nobody asked for as
/// well: those may hold any JSON value, numbers of any size and lone surrogates
/// included. Member order never matters; of a member given twice either counts.
///
/// Members of the description:
///  1. an absent member takes its default, or is an error when required;
///  2. null is none for std::optional, a state for Loose, the default under
///     `nullIsAbsent`, and otherwise a wrong type;
///  3. integers are numbers without fraction or exponent, in range of their type;
///     decimals are exact; strings hold no half of a surrogate pair;
///  4. Loose takes any value that is valid JSON.
///
/// Thread safety: one thread at a time; one decoder per reading thread.
/// A good record costs no allocation once the buffers have grown to the longest
/// line and the strings of `record` to their longest value.
class JsonDecoder {
 public:
  explicit JsonDecoder(const RecordType& type);
  ~JsonDecoder();
  JsonDecoder(JsonDecoder&&) noexcept;
  JsonDecoder& operator=(JsonDecoder&&) noexcept;

  /// Reads `line` into `record`, which may hold an earlier record: every described
  /// member is set anew, and strings keep their capacity. False and `error` set
  /// when the line is invalid; members of `record` then have unspecified values.
  ///
  /// REQUIRES: `record` is of the decoder's type; kJsonPadding bytes after the end
  /// of `line` are readable.
  bool decode(std::string_view line, void* record, DecodeError& error);

  /// Says that lines to come lie in `lines`, in their order, so that they can be scanned together:
  /// decode gives what it gives without, sooner. Ends what was said before.
  ///
  /// REQUIRES: kJsonPadding bytes after `lines` are readable; they do not change until
  /// the next call.
  void expect(std::string_view lines);

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// JsonDecoder for one struct.
template <Described T>
class JsonReader {
 public:
  JsonReader() : decoder_(recordType<T>()) {}

  /// As JsonDecoder::decode.
  bool decode(std::string_view line, T& record, DecodeError& error) {
    return decoder_.decode(line, &record, error);
  }

  /// As JsonDecoder::expect.
  void expect(std::string_view lines) { decoder_.expect(lines); }

 private:
  JsonDecoder decoder_;
};

}  // namespace millrace
