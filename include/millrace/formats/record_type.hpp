// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/formats/loose.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// The run-time form of a struct's description (see describe.hpp): a table that
/// readers, writers and schemas walk without knowing the struct. Everything here
/// is built once, lives as long as the program and never changes, so all of it
/// may be read from any thread.

enum class ValueKind : std::uint8_t {
  kBool,
  kInteger,  ///< `size` bytes, `isSigned`
  kDouble,
  kString,     ///< std::string
  kTimestamp,  ///< Timestamp, written as RFC 3339 text
  kDecimal,    ///< Decimal, written as its exact digits
  kEnum,       ///< `size` bytes, written as one of `names`
  kRecord,     ///< a described struct
  kOptional,   ///< std::optional of `element`
  kVector,     ///< std::vector of `element`
  kLoose,      ///< Loose of `element`
};

class RecordType;
struct ValueType;

struct EnumValue {
  std::int64_t value;
  std::string_view name;
};

struct OptionalAccess {
  const void* (*get)(const void* optional);  ///< nullptr when empty
  void* (*engage)(void* optional);           ///< the value, made when there was none
  void (*clear)(void* optional);
};

struct VectorAccess {
  std::size_t (*size)(const void* vector);
  const void* (*at)(const void* vector, std::size_t index);
  void* (*slot)(void* vector, std::size_t index);      ///< appended when index == size
  void (*truncate)(void* vector, std::size_t length);  ///< REQUIRES: length <= size
};

struct LooseParts {
  LooseState* state;
  void* value;

  template <typename X>
  static LooseParts of(void* loose) {
    auto& typed = *static_cast<Loose<X>*>(loose);
    return {&typed.state_, &typed.value_};
  }
};

/// The type of one value. Which of the fields mean something follows from `kind`.
struct ValueType {
  ValueKind kind;
  bool isSigned = false;
  std::uint32_t size = 0;                                ///< sizeof, in bytes
  void (*assign)(void* to, const void* from) = nullptr;  ///< copy assignment
  const RecordType& (*record)() = nullptr;  ///< a function, so that a type may hold itself
  const std::vector<EnumValue>* names = nullptr;
  const ValueType* element = nullptr;
  const OptionalAccess* optional = nullptr;
  const VectorAccess* vector = nullptr;
  LooseParts (*loose)(void* value) = nullptr;
};

struct Member {
  std::string name;
  const ValueType* type = nullptr;
  std::uint32_t offset = 0;            ///< from the start of the struct, in bytes
  const void* defaultValue = nullptr;  ///< what a default-constructed struct holds
  bool required = false;               ///< absence is an error
  bool nonEmpty = false;               ///< an empty string or vector is an error
  bool nullIsAbsent = false;           ///< null gives the default
};

/// Invariants: 1. member names are distinct and not empty. 2. There are at most
/// kMaxMembers. 3. At most one member is the event time, and it is a Timestamp or
/// a signed 64-bit integer of milliseconds.
class RecordType {
 public:
  static constexpr std::size_t kMaxMembers = 256;

  /// Says what is wrong with a record as a whole, or nothing (nullptr).
  using Check = const char* (*)(void (*erased)(), const void* record);

  std::string_view name() const { return name_; }
  std::size_t size() const { return size_; }
  const std::vector<Member>& members() const { return members_; }

  /// The member that dates a record; nullptr when none was named.
  const Member* eventTime() const {
    return eventTime_ < members_.size() ? &members_[eventTime_] : nullptr;
  }

  /// The first reason why `record`, whose members are good one by one, is not
  /// good as a whole; nullptr when it is good. The text lives for ever.
  const char* check(const void* record) const;

 private:
  friend class RecordDraft;

  struct BoundCheck {
    Check call;
    void (*check)();
  };

  std::string name_;
  std::size_t size_ = 0;
  std::vector<Member> members_;
  std::size_t eventTime_ = kMaxMembers;
  std::vector<BoundCheck> checks_;
};

/// A RecordType in the making; Describer is its typed face.
class RecordDraft {
 public:
  RecordDraft(std::size_t size, const void* prototype);

  void name(std::string_view name);
  /// Adds a member that lies at `inPrototype` in the default-constructed struct;
  /// returns its index.
  std::size_t add(std::string_view name, const ValueType& type, const void* inPrototype);
  Member& member(std::size_t index) { return type_.members_[index]; }
  void eventTime(std::size_t index);
  void check(RecordType::Check call, void (*erased)());

  /// The finished type. Throws InternalError, naming the record and the member,
  /// when the description breaks an invariant of RecordType.
  RecordType finish();

 private:
  RecordType type_;
  const char* prototype_;
  bool twoEventTimes_ = false;
};

}  // namespace millrace
