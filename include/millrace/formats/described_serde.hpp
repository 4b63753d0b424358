// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include <millrace/formats/describe.hpp>
#include <millrace/serde/schema.hpp>
#include <millrace/serde/serde.hpp>

namespace millrace {

/// Described structs (see formats/describe.hpp) are serialisable as they are: their
/// members go by the same table that JSON does.
///
/// Format: fingerprint of the schema (u32), then the members in order of description:
/// numbers, enums, timestamps and decimals of fixed width, little endian; strings,
/// optionals and vectors as Serde has them; nested structs member by member, without a
/// fingerprint of their own; a Loose as its state (u8) and, if there is one, its value.
/// A struct without members is one byte 0.
///
/// Invariants:
/// 1. Bytes written under another schema are read when the reader knows that schema (see
///    SavedSchemas): members it does not have take their defaults, what it has besides is
///    passed over. Otherwise they are refused: `read` is false.
/// 2. A schema has names, order and types of all members, nested ones too, and nothing
///    else: what JSON requires of a member may change.
/// Limit: structs nested in each other at run time up to kMaxRecordDepth; deeper ones
/// throw JobError when written and are refused when read.
inline constexpr int kMaxRecordDepth = 64;

/// The schema in words: "Login{at: timestamp, user: string, tries: optional<i32>}". A
/// struct that holds itself is spelt out once and then named.
std::string schemaText(const RecordType& type);

/// The first 32 bits of the schema text's stable hash.
std::uint32_t schemaFingerprint(const RecordType& type);

void writeRecord(const RecordType& type, const void* record, ByteWriter& out);
bool readRecord(const RecordType& type, ByteReader& in, void* record);

/// Reads what was written under the schema with this fingerprint; false when the reader does
/// not know one for this struct.
bool readSavedRecord(const RecordType& type, std::uint32_t fingerprint, ByteReader& in,
                     void* record);

template <typename T>
requires(std::is_class_v<T>&& Described<T> && !detail::SerialisableByLookup<T>) struct Serde<T> {
  static void write(const T& value, ByteWriter& out) {
    out.fixed(fingerprint());
    writeRecord(recordType<T>(), &value, out);
  }
  static bool read(ByteReader& in, T& value) {
    std::uint32_t found = 0;
    if (!in.fixed(found)) return false;
    if (found == fingerprint()) [[likely]]
      return readRecord(recordType<T>(), in, &value);
    return readSavedRecord(recordType<T>(), found, in, &value);
  }
  static std::string schema() { return schemaText(recordType<T>()); }

 private:
  static std::uint32_t fingerprint() {
    static const std::uint32_t value = schemaFingerprint(recordType<T>());
    return value;
  }
};

}  // namespace millrace
