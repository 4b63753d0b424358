// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/decimal.hpp>
#include <millrace/formats/describe.hpp>
#include <millrace/time/timestamp.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

/// Appends JSON to a string, without spaces, members in the order they are given:
///
///     JsonWriter(line).beginObject().key("user").string("ann").key("n").integer(3).endObject();
///
/// Puts commas, quotes and escapes; does not check that calls make one whole value.
/// Strings are written as UTF-8 with `"`, `\` and control characters escaped;
/// REQUIRES: they are valid UTF-8. Thread safety: none.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& beginObject() { return open('{'); }
  JsonWriter& endObject() { return close('}'); }
  JsonWriter& beginArray() { return open('['); }
  JsonWriter& endArray() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& string(std::string_view value);
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  JsonWriter& decimal(Decimal value);
  /// RFC 3339 in UTC, as `formatUtc`.
  JsonWriter& timestamp(Timestamp value);
  /// The shortest text that reads back as the same number; null for what JSON
  /// cannot say (infinities, NaN).
  JsonWriter& real(double value);

  template <std::integral I>
  JsonWriter& integer(I value) {
    if constexpr (std::signed_integral<I>)
      return signedInteger(value);
    else
      return unsignedInteger(value);
  }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& signedInteger(std::int64_t value);
  JsonWriter& unsignedInteger(std::uint64_t value);
  void separate() {
    if (comma_) out_.push_back(',');
    comma_ = true;
  }

  std::string& out_;
  bool comma_ = false;
};

/// Appends `record`, of type `type`, as one JSON object, members in the order of
/// their description. Empty optionals and absent Loose members are left out;
/// Loose members that held no value of their type are null, as is an enum value
/// without a name.
void writeJson(const RecordType& type, const void* record, std::string& out);

template <Described T>
void writeJson(const T& record, std::string& out) {
  writeJson(recordType<T>(), &record, out);
}

}  // namespace millrace
