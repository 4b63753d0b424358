// SPDX-License-Identifier: MIT
#include <millrace/serde/schema.hpp>

#include <fmt/format.h>

#include <set>

#include <millrace/base/hash.hpp>

namespace millrace {

/// Recursive descent: record = name "{" [field {", " field}] "}"; field = name ": " type;
/// type = word | wrapper "<" type ">" | record | the name of a record spelt out before.
class SchemaParser {
 public:
  SchemaParser(std::string_view text, Schema& schema) : rest_(text), schema_(schema) {}

  bool parse() {
    const Schema::Type root = type();
    return isGood_ && rest_.empty() && root.record != nullptr;
  }

 private:
  // Deeper than any record that can be read, and a bound for hostile text.
  static constexpr int kMaxDepth = 256;

  bool take(std::string_view token) {
    if (rest_.substr(0, token.size()) != token) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  std::string_view upTo(std::string_view ends) {
    const std::string_view word = rest_.substr(0, rest_.find_first_of(ends));
    rest_.remove_prefix(word.size());
    isGood_ = isGood_ && !word.empty();
    return word;
  }

  Schema::Type type() {
    Schema::Type type;
    if (++depth_ > kMaxDepth) isGood_ = false;
    if (!isGood_) return type;
    type.word = upTo("{}<>,");
    if (take("<")) {
      type.element = std::make_unique<Schema::Type>(this->type());
      isGood_ = isGood_ && take(">");
    } else if (take("{")) {
      type.record = record(type.word);
    } else {
      for (const auto& spelt : schema_.records_) {
        if (spelt->name == type.word) type.record = spelt.get();
      }
    }
    --depth_;
    return type;
  }

  const Schema::Record* record(const std::string& name) {
    Schema::Record* record = schema_.records_.emplace_back(new Schema::Record{name, {}}).get();
    if (take("}")) return record;
    do {
      const std::size_t end = rest_.find(": ");
      isGood_ = isGood_ && end != std::string_view::npos;
      if (!isGood_) return record;
      std::string field(rest_.substr(0, end));
      rest_.remove_prefix(end + 2);
      record->fields.push_back({std::move(field), type()});
    } while (isGood_ && take(", "));
    isGood_ = isGood_ && take("}");
    return record;
  }

  std::string_view rest_;
  Schema& schema_;
  int depth_ = 0;
  bool isGood_ = true;
};

namespace {

std::string textOf(const Schema::Type& type) {
  return type.element ? fmt::format("{}<{}>", type.word, textOf(*type.element)) : type.word;
}

class Comparison {
 public:
  Status compare(const Schema::Record& saved, const Schema::Record& now) {
    if (!compared_.insert({&saved, &now}).second) return absl::OkStatus();
    for (const Schema::Field& before : saved.fields) {
      for (const Schema::Field& after : now.fields) {
        if (before.name == after.name) MILLRACE_RETURN_IF_ERROR(compare(saved, before, after));
      }
    }
    return absl::OkStatus();
  }

 private:
  Status compare(const Schema::Record& record, const Schema::Field& before,
                 const Schema::Field& after) {
    const Schema::Type* was = &before.type;
    const Schema::Type* is = &after.type;
    for (; was->element && is->element && was->word == is->word;
         was = was->element.get(), is = is->element.get()) {
    }
    const bool areSame =
        was->word == is->word && !was->element == !is->element && !was->record == !is->record;
    if (!areSame) {
      return absl::FailedPreconditionError(fmt::format(
          "field '{}' of struct '{}' is of type {}, but was saved as {} (fields may be added and "
          "removed: give the new one another name)",
          before.name, record.name, textOf(after.type), textOf(before.type)));
    }
    return was->record == nullptr ? absl::OkStatus() : compare(*was->record, *is->record);
  }

  std::set<std::pair<const void*, const void*>> compared_;
};

}  // namespace

const Schema::Record& Schema::root() const noexcept { return *records_.front(); }

StatusOr<Schema> Schema::parse(std::string_view text) {
  Schema schema;
  if (SchemaParser(text, schema).parse()) return schema;
  return absl::InvalidArgumentError(fmt::format("'{}' is not the schema of a struct", text));
}

std::uint32_t schemaFingerprint(std::string_view schemaText) noexcept {
  return static_cast<std::uint32_t>(millraceHash(schemaText) >> 32);
}

StatusOr<SavedSchemas> SavedSchemas::parse(const std::vector<std::string>& texts) {
  SavedSchemas saved;
  for (const std::string& text : texts) {
    MILLRACE_ASSIGN_OR_RETURN(Schema schema, Schema::parse(text));
    saved.entries_.push_back({schemaFingerprint(text), text, std::move(schema)});
  }
  return saved;
}

Status SavedSchemas::checkReadableAs(const std::vector<std::string>& today) const {
  MILLRACE_ASSIGN_OR_RETURN(const SavedSchemas now, parse(today));
  for (const Entry& saved : entries_) {
    const std::string& name = saved.schema.root().name;
    const auto is = std::find_if(now.entries_.begin(), now.entries_.end(), [&](const Entry& entry) {
      return entry.schema.root().name == name;
    });
    if (is == now.entries_.end()) {
      return absl::FailedPreconditionError(
          fmt::format("struct '{}' was saved, but is not part of the state any more (give it its "
                      "name back)",
                      name));
    }
    if (is->text == saved.text) continue;
    MILLRACE_RETURN_IF_ERROR(Comparison().compare(saved.schema.root(), is->schema.root()));
  }
  return absl::OkStatus();
}

const Schema* SavedSchemas::find(std::uint32_t fingerprint) const noexcept {
  for (const Entry& entry : entries_) {
    if (entry.fingerprint == fingerprint) return &entry.schema;
  }
  return nullptr;
}

}  // namespace millrace
