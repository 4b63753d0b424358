// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/base/status.hpp>
#include <millrace/base/type_name.hpp>
#include <millrace/serde/bytes.hpp>
#include <millrace/serde/serde.hpp>

namespace millrace {

/// The schema of a described struct, read from its text (see schemaText() in
/// formats/described_serde.hpp): "Login{at: timestamp, user: string, tries: optional<i32>}".
///
/// Thread safety: never changes once parsed.
class Schema {
 public:
  struct Record;
  struct Type {
    std::string word;                     ///< "i32", "vector", or the name of a struct
    std::unique_ptr<const Type> element;  ///< of optional, vector and loose
    const Record* record = nullptr;       ///< of structs
  };
  struct Field {
    std::string name;
    Type type;
  };
  struct Record {
    std::string name;
    std::vector<Field> fields;
  };

  /// kInvalidArgument: the text is no schema.
  static StatusOr<Schema> parse(std::string_view text);

  const Record& root() const noexcept;

 private:
  friend class SchemaParser;
  std::vector<std::unique_ptr<Record>> records_;
};

/// The first 32 bits of the text's stable hash: what stands before the bytes of a struct.
std::uint32_t schemaFingerprint(std::string_view schemaText) noexcept;

/// The schemas that saved bytes may have been written under, besides the schemas of today. A
/// ByteReader carries them to where a struct is read.
///
/// Bytes of an older schema can be read when fields were added (they take the value a
/// default-constructed struct has), removed or put into another order. A field of another type
/// cannot be read; a renamed one is a field removed and another added.
/// Thread safety: never changes.
class SavedSchemas {
 public:
  SavedSchemas() = default;

  /// kInvalidArgument: one of the texts is no schema.
  static StatusOr<SavedSchemas> parse(const std::vector<std::string>& texts);

  /// Whether everything here can be read into structs that have the schemas `today` now.
  /// kFailedPrecondition: it cannot; names struct and field.
  Status checkReadableAs(const std::vector<std::string>& today) const;

  /// nullptr: not among them.
  const Schema* find(std::uint32_t fingerprint) const noexcept;

 private:
  struct Entry {
    std::uint32_t fingerprint;
    std::string text;
    Schema schema;
  };
  std::vector<Entry> entries_;
};

namespace detail {

template <typename T>
void appendSchemas(std::vector<std::string>& schemas);

template <typename T>
struct SchemasOfArguments {
  static void append(std::vector<std::string>&) {}
};

template <template <typename...> class C, typename... Args>
struct SchemasOfArguments<C<Args...>> {
  static void append(std::vector<std::string>& schemas) { (appendSchemas<Args>(schemas), ...); }
};

template <typename T, std::size_t N>
struct SchemasOfArguments<std::array<T, N>> {
  static void append(std::vector<std::string>& schemas) { appendSchemas<T>(schemas); }
};

template <typename T>
void appendSchemas(std::vector<std::string>& schemas) {
  if constexpr (requires { Serde<T>::schema(); }) {
    std::string text = Serde<T>::schema();
    if (std::find(schemas.begin(), schemas.end(), text) == schemas.end()) {
      schemas.push_back(std::move(text));
    }
  } else {
    SchemasOfArguments<T>::append(schemas);
  }
}

}  // namespace detail

/// The schemas of the described structs inside a T, each once: T itself, or what it is a
/// container of. A Serde takes part by `static std::string schema()`.
template <typename T>
std::vector<std::string> schemasOf() {
  std::vector<std::string> schemas;
  detail::appendSchemas<T>(schemas);
  return schemas;
}

/// typeName<T>() with the fields of the structs in it: for what must not change at all, as keys.
template <typename T>
std::string fullTypeName() {
  std::string name = typeName<T>();
  for (const std::string& schema : schemasOf<T>()) name += " with " + schema;
  return name;
}

}  // namespace millrace
