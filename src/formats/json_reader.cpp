// SPDX-License-Identifier: MIT
#include <millrace/formats/json_reader.hpp>

#include "formats/json_cursor.hpp"
#include "formats/json_plan.hpp"
#include "formats/json_strings.hpp"
#include "formats/json_tokens.hpp"

#include <millrace/base/decimal.hpp>
#include <millrace/time/rfc3339.hpp>

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>

namespace millrace {
namespace {

constexpr std::size_t kMembersPerWord = 64;

// Which members of a record a line has named.
class SeenMembers {
 public:
  void add(std::size_t index) noexcept { words_[index / kMembersPerWord] |= bit(index); }
  void remove(std::size_t index) noexcept { words_[index / kMembersPerWord] &= ~bit(index); }

  // Calls `visit(index)` for each of the first `count` members that is not here,
  // until it returns false; then returns false as well.
  template <typename Visit>
  bool forMissing(std::size_t count, Visit visit) const {
    for (std::size_t base = 0; base < count; base += kMembersPerWord) {
      std::uint64_t missing = ~words_[base / kMembersPerWord];
      if (count - base < kMembersPerWord) missing &= bit(count) - 1;
      for (; missing != 0; missing &= missing - 1)
        if (!visit(base + static_cast<std::size_t>(std::countr_zero(missing)))) return false;
    }
    return true;
  }

 private:
  static std::uint64_t bit(std::size_t index) noexcept {
    return std::uint64_t{1} << (index % kMembersPerWord);
  }

  std::array<std::uint64_t, RecordType::kMaxMembers / kMembersPerWord> words_{};
};

std::string_view expectation(ValueKind kind) {
  switch (kind) {
    case ValueKind::kBool:
      return "true or false was expected";
    case ValueKind::kInteger:
      return "an integer was expected";
    case ValueKind::kDouble:
    case ValueKind::kDecimal:
      return "a number was expected";
    case ValueKind::kRecord:
      return "an object was expected";
    case ValueKind::kVector:
      return "an array was expected";
    default:
      return "a string was expected";
  }
}

std::string_view reasonOf(DecodeFault fault) {
  switch (fault) {
    case DecodeFault::kEncoding:
      return "not valid UTF-8";
    case DecodeFault::kTooDeep:
      return "nested too deeply";
    case DecodeFault::kTooLong:
      return "line too long";
    case DecodeFault::kMissing:
      return "missing";
    case DecodeFault::kOutOfRange:
      return "number out of range";
    case DecodeFault::kEmpty:
      return "empty";
    case DecodeFault::kBadTimestamp:
      return "not an RFC 3339 time";
    case DecodeFault::kBadString:
      return "half of a surrogate pair";
    case DecodeFault::kUnknownName:
      return "none of the known names";
    default:
      return "not one valid JSON object";
  }
}

// A fault of the line itself, which no member may absorb.
bool isOfLine(DecodeFault fault) {
  return fault == DecodeFault::kSyntax || fault == DecodeFault::kEncoding ||
         fault == DecodeFault::kTooDeep || fault == DecodeFault::kTooLong;
}

bool isEmpty(const ValueType& type, void* value) {
  switch (type.kind) {
    case ValueKind::kString:
      return static_cast<const std::string*>(value)->empty();
    case ValueKind::kVector:
      return type.vector->size(value) == 0;
    case ValueKind::kOptional: {
      if (type.optional->get(value) == nullptr) return false;
      return isEmpty(*type.element, type.optional->engage(value));
    }
    case ValueKind::kLoose: {
      const LooseParts parts = type.loose(value);
      return *parts.state == LooseState::kValue && isEmpty(*type.element, parts.value);
    }
    default:
      return false;
  }
}

template <typename I>
std::errc storeInteger(std::string_view text, void* out) {
  I value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end != text.data() + text.size()) return std::errc::invalid_argument;
  if (error == std::errc()) std::memcpy(out, &value, sizeof value);
  return error;
}

// Unsigned targets refuse the sign that -0 has, so all are read as signed unless
// the text has no sign.
std::errc storeInteger(const ValueType& type, std::string_view text, void* out) {
  if (text == "-0") text = "0";
  if (!type.isSigned && text.front() == '-') return std::errc::result_out_of_range;
  switch (type.size) {
    case 1:
      return type.isSigned ? storeInteger<std::int8_t>(text, out)
                           : storeInteger<std::uint8_t>(text, out);
    case 2:
      return type.isSigned ? storeInteger<std::int16_t>(text, out)
                           : storeInteger<std::uint16_t>(text, out);
    case 4:
      return type.isSigned ? storeInteger<std::int32_t>(text, out)
                           : storeInteger<std::uint32_t>(text, out);
    default:
      return type.isSigned ? storeInteger<std::int64_t>(text, out)
                           : storeInteger<std::uint64_t>(text, out);
  }
}

void storeEnum(const ValueType& type, std::int64_t value, void* out) {
  const auto store = [&]<typename I>(I narrow) { std::memcpy(out, &narrow, sizeof narrow); };
  switch (type.size) {
    case 1:
      return store(static_cast<std::int8_t>(value));
    case 2:
      return store(static_cast<std::int16_t>(value));
    case 4:
      return store(static_cast<std::int32_t>(value));
    default:
      return store(value);
  }
}

}  // namespace

std::string DecodeError::message() const {
  std::string text(record);
  if (!member.empty()) text.append(".").append(member);
  if (!text.empty()) text.append(": ");
  return text.append(reason);
}

// Each decodeX reads one value at the cursor; false with `error_` set.
class JsonDecoder::State {
 public:
  explicit State(const RecordType& type) : root_(plans_.of(type)) {}

  void expect(std::string_view lines) { tokens_.expect(lines); }

  // Whoever is refused among others is looked at again, alone: then it is known why.
  bool decode(std::string_view line, void* record, DecodeError& error) {
    error_ = &error;
    JsonTokenRun run;
    if (tokens_.findAmongLines(line, run)) [[likely]] {
      error = {};
      if (decodeTokens(run, tokens_.hasBackslashes() && hasBackslash(line), line, record))
          [[likely]] {
        tokens_.advance(cursor_.next());
        return true;
      }
    }
    error = {};
    const DecodeFault fault = tokens_.find(line, run);
    return fault == DecodeFault::kNone ? decodeTokens(run, hasBackslash(line), line, record)
                                       : fail(fault);
  }

 private:
  static bool hasBackslash(std::string_view line) {
    return std::memchr(line.data(), '\\', line.size()) != nullptr;
  }

  bool decodeTokens(const JsonTokenRun& run, bool hasEscapes, std::string_view line, void* record) {
    if (!cursor_.start(run, hasEscapes)) return fail(DecodeFault::kSyntax);
    if (cursor_.peek() != '{') return fail(DecodeFault::kSyntax);
    if (!decodeRecord(*root_, record)) return false;
    return cursor_.endsAt(line.data() + line.size()) || fail(DecodeFault::kSyntax);
  }

  bool fail(DecodeFault fault, std::string_view reason) {
    error_->fault = fault;
    error_->reason = reason;
    return false;
  }
  bool fail(DecodeFault fault) { return fail(fault, reasonOf(fault)); }
  bool failSyntax() { return fail(cursor_.fault()); }
  bool failMember(DecodeFault fault, const RecordPlan& plan, const Member& member) {
    fail(fault);
    return blame(plan, member);
  }
  // Names the member at fault, unless an inner one is named already.
  bool blame(const RecordPlan& plan, const Member& member) {
    if (isOfLine(error_->fault) || !error_->record.empty()) return false;
    error_->member = member.name;
    error_->record = plan.type->name();
    return false;
  }

  bool decodeRecord(const RecordPlan& plan, void* record) {
    if (plan.members.empty())
      return (cursor_.skipObject() || failSyntax()) && checkRecord(plan, record);
    if (!cursor_.enter('{')) return failSyntax();
    SeenMembers seen;
    std::size_t expected = 0;
    if (cursor_.peek() != '}') {
      do {
        if (!decodeMember(plan, expected, seen, static_cast<char*>(record))) return false;
      } while (cursor_.take(','));
    }
    if (!cursor_.leave('}')) return failSyntax();
    return completeRecord(plan, seen, static_cast<char*>(record));
  }

  bool decodeMember(const RecordPlan& plan, std::size_t& expected, SeenMembers& seen,
                    char* record) {
    std::string_view key;
    if (!cursor_.takeString(key) || !cursor_.take(':')) return failSyntax();
    const MemberPlan* found = nullptr;
    if (!findMember(plan, key, expected, found)) return failSyntax();
    if (found == nullptr) return cursor_.skipValue() || failSyntax();

    const Member& member = *found->member;
    const auto index = static_cast<std::size_t>(found - plan.members.data());
    if (member.nullIsAbsent && cursor_.peek() == 'n') {
      seen.remove(index);
      return cursor_.takeWord("null") || failSyntax();
    }
    seen.add(index);
    void* const value = record + member.offset;
    if (!decodeValue(*member.type, found->record, value)) return blame(plan, member);
    if (member.nonEmpty && isEmpty(*member.type, value))
      return failMember(DecodeFault::kEmpty, plan, member);
    return true;
  }

  // False when the key holds a bad escape.
  bool findMember(const RecordPlan& plan, std::string_view key, std::size_t& expected,
                  const MemberPlan*& found) {
    if (cursor_.hasEscapes() && key.find('\\') != std::string_view::npos) [[unlikely]] {
      const Unescaped result = unescape(key, name_);
      if (result == Unescaped::kBadEscape) return false;
      // Nobody can have described a name that is no text.
      if (result == Unescaped::kLoneSurrogate) return hasValidEscapes(key);
      name_.reserve(name_.size() + kJsonPadding);
      key = name_;
    }
    found = plan.find(key, expected);
    return true;
  }

  bool completeRecord(const RecordPlan& plan, const SeenMembers& seen, char* record) {
    const auto& members = plan.type->members();
    const bool complete = seen.forMissing(members.size(), [&](std::size_t index) {
      const Member& member = members[index];
      if (member.required) return failMember(DecodeFault::kMissing, plan, member);
      member.type->assign(record + member.offset, member.defaultValue);
      return true;
    });
    return complete && checkRecord(plan, record);
  }

  bool checkRecord(const RecordPlan& plan, const void* record) {
    const char* const reason = plan.type->check(record);
    if (reason == nullptr) return true;
    error_->record = plan.type->name();
    return fail(DecodeFault::kCheckFailed, reason);
  }

  bool decodeValue(const ValueType& type, const RecordPlan* record, void* out) {
    switch (type.kind) {
      case ValueKind::kString:
        return decodeString(type, *static_cast<std::string*>(out));
      case ValueKind::kTimestamp:
        return decodeTimestamp(type, *static_cast<Timestamp*>(out));
      case ValueKind::kBool:
        return decodeBool(type, *static_cast<bool*>(out));
      case ValueKind::kInteger:
      case ValueKind::kDouble:
      case ValueKind::kDecimal:
        return decodeNumber(type, out);
      case ValueKind::kEnum:
        return decodeEnum(type, out);
      case ValueKind::kRecord:
        if (cursor_.peek() != '{') return failType(type);
        return decodeRecord(*record, out);
      case ValueKind::kOptional:
        return decodeOptional(type, record, out);
      case ValueKind::kVector:
        return decodeVector(type, record, out);
      case ValueKind::kLoose:
        return decodeLoose(type, record, out);
    }
    return failType(type);
  }

  bool failType(const ValueType& type) {
    return fail(DecodeFault::kWrongType, expectation(type.kind));
  }

  // The text of a string: the line's own bytes, or `scratch` when it had escapes.
  bool takeText(const ValueType& type, std::string_view& text, std::string& scratch) {
    if (cursor_.peek() != '"') return failType(type);
    if (!cursor_.takeString(text)) return failSyntax();
    if (!cursor_.hasEscapes() || text.find('\\') == std::string_view::npos) return true;
    const Unescaped result = unescape(text, scratch);
    text = scratch;
    if (result == Unescaped::kOk) return true;
    return result == Unescaped::kBadEscape ? failSyntax() : fail(DecodeFault::kBadString);
  }

  bool decodeString(const ValueType& type, std::string& out) {
    std::string_view text;
    if (!takeText(type, text, out)) return false;
    if (text.data() != out.data()) out.assign(text.data(), text.size());
    return true;
  }

  bool decodeTimestamp(const ValueType& type, Timestamp& out) {
    std::string_view text;
    if (!takeText(type, text, name_)) return false;
    return parseRfc3339(text, out) || fail(DecodeFault::kBadTimestamp);
  }

  bool decodeEnum(const ValueType& type, void* out) {
    std::string_view text;
    if (!takeText(type, text, name_)) return false;
    for (const EnumValue& each : *type.names) {
      if (each.name != text) continue;
      storeEnum(type, each.value, out);
      return true;
    }
    return fail(DecodeFault::kUnknownName);
  }

  bool decodeBool(const ValueType& type, bool& out) {
    const char first = cursor_.peek();
    if (first != 't' && first != 'f') return failType(type);
    out = first == 't';
    return (out ? cursor_.takeWord("true") : cursor_.takeWord("false")) || failSyntax();
  }

  bool decodeNumber(const ValueType& type, void* out) {
    const char first = cursor_.peek();
    if (first != '-' && (first < '0' || first > '9')) return failType(type);
    std::string_view text;
    if (!cursor_.takeNumber(text)) return failSyntax();
    if (type.kind == ValueKind::kDecimal) {
      const std::optional<Decimal> value = Decimal::parse(text);
      if (!value) return fail(DecodeFault::kOutOfRange);
      *static_cast<Decimal*>(out) = *value;
      return true;
    }
    std::errc error{};
    if (type.kind == ValueKind::kInteger)
      error = storeInteger(type, text, out);
    else
      error =
          std::from_chars(text.data(), text.data() + text.size(), *static_cast<double*>(out)).ec;
    if (error == std::errc()) return true;
    return error == std::errc::result_out_of_range ? fail(DecodeFault::kOutOfRange)
                                                   : failType(type);
  }

  bool decodeOptional(const ValueType& type, const RecordPlan* record, void* out) {
    if (cursor_.peek() == 'n') {
      type.optional->clear(out);
      return cursor_.takeWord("null") || failSyntax();
    }
    return decodeValue(*type.element, record, type.optional->engage(out));
  }

  bool decodeVector(const ValueType& type, const RecordPlan* record, void* out) {
    if (cursor_.peek() != '[') return failType(type);
    if (!cursor_.enter('[')) return failSyntax();
    std::size_t length = 0;
    if (cursor_.peek() != ']') {
      do {
        if (!decodeValue(*type.element, record, type.vector->slot(out, length++))) return false;
      } while (cursor_.take(','));
    }
    type.vector->truncate(out, length);
    return cursor_.leave(']') || failSyntax();
  }

  bool decodeLoose(const ValueType& type, const RecordPlan* record, void* out) {
    const LooseParts parts = type.loose(out);
    if (cursor_.peek() == 'n') {
      *parts.state = LooseState::kNull;
      return cursor_.takeWord("null") || failSyntax();
    }
    const JsonCursor::Mark mark = cursor_.mark();
    if (decodeValue(*type.element, record, parts.value)) {
      *parts.state = LooseState::kValue;
      return true;
    }
    if (isOfLine(error_->fault)) return false;
    *error_ = {};
    *parts.state = LooseState::kMismatched;
    cursor_.rewind(mark);
    return cursor_.skipValue() || failSyntax();
  }

  JsonPlans plans_;
  const RecordPlan* root_;
  JsonTokens tokens_;
  JsonCursor cursor_;
  std::string name_;
  DecodeError* error_ = nullptr;
};

JsonDecoder::JsonDecoder(const RecordType& type) : state_(std::make_unique<State>(type)) {}
JsonDecoder::~JsonDecoder() = default;
JsonDecoder::JsonDecoder(JsonDecoder&&) noexcept = default;
JsonDecoder& JsonDecoder::operator=(JsonDecoder&&) noexcept = default;

void JsonDecoder::expect(std::string_view lines) { state_->expect(lines); }

bool JsonDecoder::decode(std::string_view line, void* record, DecodeError& error) {
  return state_->decode(line, record, error);
}

}  // namespace millrace
