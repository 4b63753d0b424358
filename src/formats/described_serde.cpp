// SPDX-License-Identifier: MIT
#include <millrace/formats/described_serde.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/base/check.hpp>

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

/// Passes over a value of which there is nothing but its saved type.
class SavedSkipper {
 public:
  SavedSkipper(ByteReader& in, int depth) : in_(in), depth_(depth) {}

  bool value(const Schema::Type& type) {
    if (type.record != nullptr) return record(*type.record);
    if (type.word == "string") return sized();
    if (type.word == "optional") return optional(*type.element);
    if (type.word == "vector") return vector(*type.element);
    if (type.word == "loose") return loose(*type.element);
    const std::size_t size = widthOf(type.word);
    std::string_view passed;
    return size != 0 && in_.bytes(size, passed);
  }

 private:
  // 0: no type of fixed width is called so.
  static std::size_t widthOf(std::string_view word) {
    if (word == "bool") return 1;
    if (word == "f64" || word == "timestamp" || word == "decimal") return 8;
    for (const std::string_view kind : {"enum", "i", "u"}) {
      if (word.substr(0, kind.size()) != kind) continue;
      const std::string_view bits = word.substr(kind.size());
      if (bits == "8") return 1;
      if (bits == "16") return 2;
      if (bits == "32") return 4;
      if (bits == "64") return 8;
    }
    return 0;
  }

  bool record(const Schema::Record& record) {
    if (depth_ == kMaxRecordDepth) return false;
    ++depth_;
    std::uint8_t pad = 0;
    if (record.fields.empty() && (!in_.fixed(pad) || pad != 0)) return false;
    for (const Schema::Field& field : record.fields) {
      if (!value(field.type)) return false;
    }
    --depth_;
    return true;
  }

  bool sized() {
    std::uint64_t size = 0;
    std::string_view passed;
    return in_.length(size) && in_.bytes(size, passed);
  }

  bool optional(const Schema::Type& element) {
    bool isThere = false;
    return Serde<bool>::read(in_, isThere) && (!isThere || value(element));
  }

  bool vector(const Schema::Type& element) {
    std::size_t count = 0;
    if (!in_.count(1, count)) return false;
    while (count > 0 && value(element)) --count;
    return count == 0;
  }

  bool loose(const Schema::Type& element) {
    std::uint8_t state = 0;
    if (!in_.fixed(state) || state > static_cast<std::uint8_t>(LooseState::kValue)) return false;
    return static_cast<LooseState>(state) != LooseState::kValue || value(element);
  }

  ByteReader& in_;
  int depth_;
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
      if (!value(*member.type, placeOf(member, record))) return false;
    }
    --depth_;
    return true;
  }

  // As record(), from bytes of another schema. REQUIRES: SavedSchemas::checkReadableAs().
  bool savedRecord(const RecordType& type, const Schema::Record& saved, void* record) {
    if (depth_ == kMaxRecordDepth) return false;
    ++depth_;
    for (const Member& member : type.members()) {
      member.type->assign(placeOf(member, record), member.defaultValue);
    }
    std::uint8_t pad = 0;
    if (saved.fields.empty() && (!in_.fixed(pad) || pad != 0)) return false;
    std::size_t next = 0;
    for (const Schema::Field& field : saved.fields) {
      const Member* member = memberNamed(field.name, type.members(), next);
      const bool isRead = member == nullptr
                              ? SavedSkipper(in_, depth_).value(field.type)
                              : savedValue(*member->type, field.type, placeOf(*member, record));
      if (!isRead) return false;
    }
    --depth_;
    return true;
  }

 private:
  static void* placeOf(const Member& member, void* record) {
    return static_cast<std::byte*>(record) + member.offset;
  }

  // Looks from `next` on, since most members are where they were.
  static const Member* memberNamed(std::string_view name, const std::vector<Member>& members,
                                   std::size_t& next) {
    for (std::size_t looked = 0; looked < members.size(); ++looked) {
      const std::size_t at = (next + looked) % members.size();
      if (members[at].name != name) continue;
      next = at + 1;
      return &members[at];
    }
    return nullptr;
  }

  bool savedValue(const ValueType& type, const Schema::Type& saved, void* value) {
    const Schema::Record* outer = std::exchange(savedElement_, innermostRecord(saved));
    const bool isRead = this->value(type, value);
    savedElement_ = outer;
    return isRead;
  }

  static const Schema::Record* innermostRecord(const Schema::Type& type) {
    const Schema::Type* inner = &type;
    while (inner->element) inner = inner->element.get();
    return inner->record;
  }

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
        return savedElement_ == nullptr ? record(type.record(), value)
                                        : savedRecord(type.record(), *savedElement_, value);
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
  const Schema::Record* savedElement_ = nullptr;  // of the value being read, if it holds structs
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
  return schemaFingerprint(schemaText(type));
}

void writeRecord(const RecordType& type, const void* record, ByteWriter& out) {
  RecordWriter(out).record(type, record);
}

bool readRecord(const RecordType& type, ByteReader& in, void* record) {
  return RecordReader(in).record(type, record);
}

bool readSavedRecord(const RecordType& type, std::uint32_t fingerprint, ByteReader& in,
                     void* record) {
  if (in.savedSchemas() == nullptr) return false;
  const Schema* saved = in.savedSchemas()->find(fingerprint);
  if (saved == nullptr || saved->root().name != type.name()) return false;
  return RecordReader(in).savedRecord(type, saved->root(), record);
}

}  // namespace millrace
