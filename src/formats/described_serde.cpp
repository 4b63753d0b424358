// SPDX-License-Identifier: MIT
#include <millrace/formats/described_serde.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include <millrace/base/check.hpp>
#include <millrace/base/hash.hpp>

namespace millrace {
namespace {

void appendRecord(const RecordType& record, std::vector<const RecordType*>& spelt,
                  std::string& text);

void appendType(const ValueType& type, std::vector<const RecordType*>& spelt, std::string& text) {
  const auto wrapped = [&](std::string_view wrapper) {
    text += fmt::format("{}<", wrapper);
    appendType(*type.element, spelt, text);
    text += '>';
  };
  switch (type.kind) {
    case ValueKind::kBool:
      text += "bool";
      return;
    case ValueKind::kInteger:
      text += fmt::format("{}{}", type.isSigned ? 'i' : 'u', type.size * 8);
      return;
    case ValueKind::kDouble:
      text += "f64";
      return;
    case ValueKind::kString:
      text += "string";
      return;
    case ValueKind::kTimestamp:
      text += "timestamp";
      return;
    case ValueKind::kDecimal:
      text += "decimal";
      return;
    case ValueKind::kEnum:
      text += fmt::format("enum{}", type.size * 8);
      return;
    case ValueKind::kRecord:
      appendRecord(type.record(), spelt, text);
      return;
    case ValueKind::kOptional:
      wrapped("optional");
      return;
    case ValueKind::kVector:
      wrapped("vector");
      return;
    case ValueKind::kLoose:
      wrapped("loose");
      return;
  }
}

void appendRecord(const RecordType& record, std::vector<const RecordType*>& spelt,
                  std::string& text) {
  text += record.name();
  if (std::find(spelt.begin(), spelt.end(), &record) != spelt.end()) return;
  spelt.push_back(&record);
  text += '{';
  std::string_view separator;
  for (const Member& member : record.members()) {
    text += fmt::format("{}{}: ", separator, member.name);
    appendType(*member.type, spelt, text);
    separator = ", ";
  }
  text += '}';
}

template <typename T>
const T& as(const void* value) {
  return *static_cast<const T*>(value);
}

class RecordWriter {
 public:
  explicit RecordWriter(ByteWriter& out) : out_(out) {}

  void record(const RecordType& type, const void* record) {
    if (++depth_ > kMaxRecordDepth) {
      throw JobError(
          fmt::format("a {} holds structs nested more than {} deep", type.name(), kMaxRecordDepth));
    }
    if (type.members().empty()) out_.fixed(std::uint8_t{0});
    for (const Member& member : type.members()) {
      value(*member.type, static_cast<const std::byte*>(record) + member.offset);
    }
    --depth_;
  }

 private:
  void value(const ValueType& type, const void* value) {
    switch (type.kind) {
      case ValueKind::kBool:
        Serde<bool>::write(as<bool>(value), out_);
        return;
      case ValueKind::kInteger:
      case ValueKind::kEnum:
        integer(type.size, value);
        return;
      case ValueKind::kDouble:
        Serde<double>::write(as<double>(value), out_);
        return;
      case ValueKind::kString:
        Serde<std::string>::write(as<std::string>(value), out_);
        return;
      case ValueKind::kTimestamp:
        out_.fixed(as<Timestamp>(value));
        return;
      case ValueKind::kDecimal:
        Serde<Decimal>::write(as<Decimal>(value), out_);
        return;
      case ValueKind::kRecord:
        record(type.record(), value);
        return;
      case ValueKind::kOptional:
        optional(type, value);
        return;
      case ValueKind::kVector:
        vector(type, value);
        return;
      case ValueKind::kLoose:
        loose(type, value);
        return;
    }
  }

  void integer(std::uint32_t size, const void* value) {
    switch (size) {
      case 1:
        out_.fixed(as<std::uint8_t>(value));
        return;
      case 2:
        out_.fixed(as<std::uint16_t>(value));
        return;
      case 4:
        out_.fixed(as<std::uint32_t>(value));
        return;
      default:
        out_.fixed(as<std::uint64_t>(value));
        return;
    }
  }

  void optional(const ValueType& type, const void* optional) {
    const void* held = type.optional->get(optional);
    Serde<bool>::write(held != nullptr, out_);
    if (held != nullptr) value(*type.element, held);
  }

  void vector(const ValueType& type, const void* vector) {
    const std::size_t size = type.vector->size(vector);
    out_.length(size);
    for (std::size_t i = 0; i < size; ++i) value(*type.element, type.vector->at(vector, i));
  }

  void loose(const ValueType& type, const void* loose) {
    const LooseParts parts = type.loose(const_cast<void*>(loose));  // only looked at
    out_.fixed(static_cast<std::uint8_t>(*parts.state));
    if (*parts.state == LooseState::kValue) value(*type.element, parts.value);
  }

  ByteWriter& out_;
  int depth_ = 0;
};

class RecordReader {
 public:
  explicit RecordReader(ByteReader& in) : in_(in) {}

  bool record(const RecordType& type, void* record) {
    if (depth_ == kMaxRecordDepth) return false;
    ++depth_;
    std::uint8_t pad = 0;
    if (type.members().empty() && (!in_.fixed(pad) || pad != 0)) return false;
    for (const Member& member : type.members()) {
      if (!value(*member.type, static_cast<std::byte*>(record) + member.offset)) return false;
    }
    --depth_;
    return true;
  }

 private:
  template <typename T>
  bool scalar(void* value) {
    return Serde<T>::read(in_, *static_cast<T*>(value));
  }

  bool value(const ValueType& type, void* value) {
    switch (type.kind) {
      case ValueKind::kBool:
        return scalar<bool>(value);
      case ValueKind::kInteger:
      case ValueKind::kEnum:
        return integer(type.size, value);
      case ValueKind::kDouble:
        return scalar<double>(value);
      case ValueKind::kString:
        return scalar<std::string>(value);
      case ValueKind::kTimestamp:
        return scalar<Timestamp>(value);
      case ValueKind::kDecimal:
        return scalar<Decimal>(value);
      case ValueKind::kRecord:
        return record(type.record(), value);
      case ValueKind::kOptional:
        return optional(type, value);
      case ValueKind::kVector:
        return vector(type, value);
      case ValueKind::kLoose:
        return loose(type, value);
    }
    return false;
  }

  bool integer(std::uint32_t size, void* value) {
    switch (size) {
      case 1:
        return scalar<std::uint8_t>(value);
      case 2:
        return scalar<std::uint16_t>(value);
      case 4:
        return scalar<std::uint32_t>(value);
      default:
        return scalar<std::uint64_t>(value);
    }
  }

  bool optional(const ValueType& type, void* optional) {
    bool isThere = false;
    if (!Serde<bool>::read(in_, isThere)) return false;
    type.optional->clear(optional);
    return !isThere || value(*type.element, type.optional->engage(optional));
  }

  bool vector(const ValueType& type, void* vector) {
    std::size_t count = 0;
    if (!in_.count(1, count)) return false;
    type.vector->truncate(vector, 0);
    for (std::size_t i = 0; i < count; ++i) {
      if (!value(*type.element, type.vector->slot(vector, i))) return false;
    }
    return true;
  }

  bool loose(const ValueType& type, void* loose) {
    std::uint8_t state = 0;
    if (!in_.fixed(state) || state > static_cast<std::uint8_t>(LooseState::kValue)) return false;
    const LooseParts parts = type.loose(loose);
    *parts.state = static_cast<LooseState>(state);
    return *parts.state != LooseState::kValue || value(*type.element, parts.value);
  }

  ByteReader& in_;
  int depth_ = 0;
};

}  // namespace

std::string schemaText(const RecordType& type) {
  std::vector<const RecordType*> spelt;
  std::string text;
  appendRecord(type, spelt, text);
  return text;
}

std::uint32_t schemaFingerprint(const RecordType& type) {
  return static_cast<std::uint32_t>(millraceHash(schemaText(type)) >> 32);
}

void writeRecord(const RecordType& type, const void* record, ByteWriter& out) {
  RecordWriter(out).record(type, record);
}

bool readRecord(const RecordType& type, ByteReader& in, void* record) {
  return RecordReader(in).record(type, record);
}

}  // namespace millrace
