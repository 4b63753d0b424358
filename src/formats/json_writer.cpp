// SPDX-License-Identifier: MIT
#include <millrace/formats/json_writer.hpp>

#include "formats/json_strings.hpp"

#include <millrace/time/rfc3339.hpp>

#include <charconv>
#include <cmath>
#include <cstring>

namespace millrace {
namespace {

constexpr std::size_t kMaxNumberLength = 32;

std::int64_t loadSigned(const ValueType& type, const void* value) {
  const auto load = [value]<typename I>(I narrow) {
    std::memcpy(&narrow, value, sizeof narrow);
    return std::int64_t{narrow};
  };
  switch (type.size) {
    case 1:
      return load(std::int8_t{});
    case 2:
      return load(std::int16_t{});
    case 4:
      return load(std::int32_t{});
    default:
      return load(std::int64_t{});
  }
}

std::uint64_t loadUnsigned(const ValueType& type, const void* value) {
  const std::uint64_t wide = static_cast<std::uint64_t>(loadSigned(type, value));
  return type.size < sizeof wide ? wide & ((std::uint64_t{1} << (8 * type.size)) - 1) : wide;
}

std::int64_t loadEnum(const ValueType& type, const void* value) {
  return type.isSigned ? loadSigned(type, value)
                       : static_cast<std::int64_t>(loadUnsigned(type, value));
}

// An absent Loose or optional member, which is left out of its object.
bool isAbsent(const ValueType& type, const void* value) {
  if (type.kind == ValueKind::kOptional) return type.optional->get(value) == nullptr;
  if (type.kind != ValueKind::kLoose) return false;
  return *type.loose(const_cast<void*>(value)).state == LooseState::kAbsent;
}

void writeRecord(const RecordType& type, const void* record, JsonWriter& writer);

void writeEnum(const ValueType& type, const void* value, JsonWriter& writer) {
  const std::int64_t number = loadEnum(type, value);
  for (const EnumValue& each : *type.names) {
    if (each.value != number) continue;
    writer.string(each.name);
    return;
  }
  writer.null();
}

void writeValue(const ValueType& type, const void* value, JsonWriter& writer) {
  switch (type.kind) {
    case ValueKind::kBool:
      writer.boolean(*static_cast<const bool*>(value));
      return;
    case ValueKind::kInteger:
      if (type.isSigned)
        writer.integer(loadSigned(type, value));
      else
        writer.integer(loadUnsigned(type, value));
      return;
    case ValueKind::kDouble:
      writer.real(*static_cast<const double*>(value));
      return;
    case ValueKind::kString:
      writer.string(*static_cast<const std::string*>(value));
      return;
    case ValueKind::kTimestamp:
      writer.timestamp(*static_cast<const Timestamp*>(value));
      return;
    case ValueKind::kDecimal:
      writer.decimal(*static_cast<const Decimal*>(value));
      return;
    case ValueKind::kEnum:
      writeEnum(type, value, writer);
      return;
    case ValueKind::kRecord:
      writeRecord(type.record(), value, writer);
      return;
    case ValueKind::kOptional: {
      const void* const held = type.optional->get(value);
      if (held != nullptr)
        writeValue(*type.element, held, writer);
      else
        writer.null();
      return;
    }
    case ValueKind::kVector:
      writer.beginArray();
      for (std::size_t i = 0, length = type.vector->size(value); i < length; ++i)
        writeValue(*type.element, type.vector->at(value, i), writer);
      writer.endArray();
      return;
    case ValueKind::kLoose: {
      const LooseParts parts = type.loose(const_cast<void*>(value));
      if (*parts.state == LooseState::kValue)
        writeValue(*type.element, parts.value, writer);
      else
        writer.null();
      return;
    }
  }
}

void writeRecord(const RecordType& type, const void* record, JsonWriter& writer) {
  writer.beginObject();
  for (const Member& member : type.members()) {
    const void* const value = static_cast<const char*>(record) + member.offset;
    if (isAbsent(*member.type, value)) continue;
    writer.key(member.name);
    writeValue(*member.type, value, writer);
  }
  writer.endObject();
}

}  // namespace

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  out_.push_back(bracket);
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_.push_back(bracket);
  comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  appendQuoted(name, out_);
  out_.push_back(':');
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
  separate();
  appendQuoted(value, out_);
  return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
  separate();
  out_.append(value ? "true" : "false");
  return *this;
}

JsonWriter& JsonWriter::null() {
  separate();
  out_.append("null");
  return *this;
}

JsonWriter& JsonWriter::decimal(Decimal value) {
  separate();
  value.appendTo(out_);
  return *this;
}

JsonWriter& JsonWriter::timestamp(Timestamp value) {
  separate();
  char text[kMaxUtcLength + 2];
  text[0] = '"';
  char* const end = formatUtc(value, text + 1);
  *end = '"';
  out_.append(text, end + 1);
  return *this;
}

JsonWriter& JsonWriter::real(double value) {
  if (!std::isfinite(value)) return null();
  separate();
  char text[kMaxNumberLength];
  out_.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  return *this;
}

JsonWriter& JsonWriter::signedInteger(std::int64_t value) {
  separate();
  char text[kMaxNumberLength];
  out_.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  return *this;
}

JsonWriter& JsonWriter::unsignedInteger(std::uint64_t value) {
  separate();
  char text[kMaxNumberLength];
  out_.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  return *this;
}

void writeJson(const RecordType& type, const void* record, std::string& out) {
  JsonWriter writer(out);
  writeRecord(type, record, writer);
}

}  // namespace millrace
